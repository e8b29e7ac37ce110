"""`flask wechat code`, `link` and `scheme`: what opens the mini program from outside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from myapi.cli import files, output
from myapi.cli.command import Command
from myapi.extensions import wechat
from myapi.language import localized
from myapi.wechat import WeChatError
from myapi.wechat.codes import (
    ENV_VERSIONS,
    NARROWEST,
    SPECIAL,
    WIDEST,
    EnvVersion,
    check_page,
    check_plain_path,
    check_scene,
)
from myapi.wechat.links import LONGEST, QUERY_LIMIT, check_query


def _checked(check: Callable[[str], None], chinese: str) -> Callable[..., str | None]:
    """Return a callback that makes the ValueError of a check a usage error.

    `chinese` says in Chinese what the check wants.
    """

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            try:
                check(value)
            except ValueError as error:
                raise click.BadParameter(localized(str(error), chinese)) from None
        return value

    return callback


path_argument = click.argument(
    "path",
    required=False,
    callback=_checked(check_plain_path, "应为页面路径，不含空格、参数和 #，例如 pages/index/index"),
)
query_option = click.option(
    "--query",
    metavar="TEXT",
    callback=_checked(
        check_query,
        f"最多 {QUERY_LIMIT} 个 ASCII 字母、数字或 {SPECIAL}%，其他字符要做百分号编码",
    ),
    help="The query that the page gets, percent-encoded, such as id=7.",
)
days_option = click.option(
    "--days",
    type=click.IntRange(1, LONGEST),
    default=LONGEST,
    show_default=True,
    help="How long the link lives.",
)
env_version_option = click.option(
    "--env-version",
    type=click.Choice(ENV_VERSIONS),
    default="release",
    show_default=True,
    help="Which version of the mini program opens.",
)


@click.command("code", cls=Command)
@click.argument(
    "scene",
    callback=_checked(check_scene, f"应为 1 到 32 个 ASCII 字母、数字或 {SPECIAL}"),
)
@click.option(
    "--page",
    metavar="PATH",
    callback=_checked(
        check_page, "应为页面路径，不以 / 开头，不含空格、参数和 #，例如 pages/index/index"
    ),
    help="The page that opens, such as pages/index/index; the home page if not given.",
)
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path),
    help="Write to this new file, which only you can read.",
)
@click.option(
    "--width",
    type=click.IntRange(NARROWEST, WIDEST),
    default=430,
    show_default=True,
    help="The side of the picture in pixels.",
)
@env_version_option
@click.option(
    "--transparent",
    "is_hyaline",
    is_flag=True,
    help="A PNG without background, in place of a JPEG.",
)
@click.option(
    "--no-check-path", is_flag=True, help="Take a page that the released version does not have."
)
def code(scene: str, path: Path | None, no_check_path: bool, **asked: Any) -> None:  # noqa: ANN401
    """Write the picture of a mini program code, to a file or to a pipe.

    SCENE is what the page gets: up to 32 letters, digits and !#$&'()*+,/:;=?@-._~. The code works
    for ever.
    """
    asked["check_path"] = not no_check_path
    if path is None:
        if output.to_terminal():
            english = "a terminal shows no picture: use --output"
            raise click.UsageError(localized(english, "终端无法显示图片，请用 --output"))
        click.echo(_picture(scene, asked), nl=False)
        return
    with files.atomic_create(path) as temporary:
        picture = _picture(scene, asked)
        temporary.write_bytes(picture)
    kind = "JPEG" if picture.startswith(b"\xff\xd8") else "PNG"
    output.print_line(f"{path}: {kind}, {output.size(len(picture))}")


def _picture(scene: str, asked: dict[str, Any]) -> bytes:
    with _failures_as_click_errors():
        return wechat().mini_program_code(scene, **asked)


@click.command("link", cls=Command)
@path_argument
@query_option
@days_option
@env_version_option
def link(path: str | None, query: str | None, days: int, env_version: EnvVersion) -> None:
    """Print an https:// link that opens the mini program, for text messages and web pages.

    PATH is a page of the released version, such as pages/index/index; the home page if not given.
    """
    with _failures_as_click_errors():
        click.echo(wechat().url_link(path, query, days=days, env_version=env_version))


@click.command("scheme", cls=Command)
@path_argument
@query_option
@days_option
@env_version_option
def scheme(path: str | None, query: str | None, days: int, env_version: EnvVersion) -> None:
    """Print a weixin:// link that opens the mini program, for web pages and apps.

    PATH is a page of the released version, such as pages/index/index; the home page if not given.
    """
    with _failures_as_click_errors():
        click.echo(wechat().url_scheme(path, query, days=days, env_version=env_version))


@contextmanager
def _failures_as_click_errors() -> Iterator[None]:
    try:
        yield
    except WeChatError as error:
        raise click.ClickException(str(error)) from None
