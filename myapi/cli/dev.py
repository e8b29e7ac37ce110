"""`flask dev …`: in development with the sandbox, tokens and users to try things with."""

import click

from myapi.auth import bans, sessions
from myapi.auth.login import Device, log_in
from myapi.auth.new_session import NewSession
from myapi.cli import output
from myapi.cli.command import Group
from myapi.cli.dev_users import USERS, SeedUser
from myapi.development import messages
from myapi.development.address import AddressError, parse
from myapi.extensions import sandbox, settings
from myapi.language import localized
from myapi.users import accounts, profile
from myapi.wechat import WeChatError
from myapi.wechat.sandbox.codes import is_user_name

HERE = Device("127.0.0.1", "flask dev token")


@click.group("dev", cls=Group)
def group() -> None:
    """Get a token, and fill the database; only in development with the sandbox."""


@group.command()
@click.argument("name")
def token(name: str) -> None:
    """Log in as the sandbox user NAME, such as alice, and print the token.

    The user is created at the first login.
    """
    _require_sandbox()
    if not is_user_name(name):
        raise click.UsageError(
            localized(
                "NAME must be up to 32 of a-z, 0-9, _ and -, with a letter first; not used…, bad…"
                " or blocked…, which are codes that fail",
                "NAME 最多 32 个字符，只含 a-z、0-9、_ 和 -，以字母开头；不能以 used、bad、blocked"
                " 开头，它们是会失败的 code",
            )
        )
    session = _log_in(name, HERE)
    click.echo(session.token)
    try:
        line = messages.show_me(parse(settings().bind), session.token)
    except AddressError:
        return
    output.print_line(line, err=True)


@group.command()
def seed() -> None:
    """Create a few dozen users with sessions, some of them banned.

    Each can log in with the printed name as code. A user who exists already stays as they are.
    """
    _require_sandbox()
    created = [user for user in USERS if not _exists(user.name)]
    for user in created:
        _create(user)
        output.progress(f"{user.name}")
    output.progress("")
    there = len(USERS) - len(created)
    output.print_line(
        localized(
            f"{output.count(len(created), 'user')} created, {there} there already",
            f"创建了 {len(created)} 个用户，{there} 个已存在",
        )
    )
    token_line = f"{output.flask_as_typed()} dev token {USERS[0].name}"
    output.print_line(
        localized(f"log in as one of them: {token_line}", f"以其中一个用户登录：{token_line}"),
        err=True,
    )


def _create(user: SeedUser) -> None:
    opened = [_log_in(user.name, device) for device in user.devices]
    owner = opened[0].user
    if user.nickname:
        profile.update_profile(owner.id, {"nickname": user.nickname})
    if user.logged_out:
        sessions.revoke_of_user(owner.id)
    if user.banned:
        bans.ban(owner.id)


def _log_in(name: str, device: Device) -> NewSession:
    try:
        return log_in(name, device)
    except WeChatError as error:
        raise click.ClickException(
            localized(f"the sandbox has refused the login: {error}", f"沙箱拒绝了登录：{error}")
        ) from None


def _exists(name: str) -> bool:
    openid = sandbox(settings()).openid(name, settings().appid)
    return accounts.find(openid) is not None


def _require_sandbox() -> None:
    if settings().production:
        raise click.ClickException(
            localized(
                "flask dev is for development, and MYAPI_ENV is production",
                "flask dev 只能在开发模式使用，而 MYAPI_ENV 是 production",
            )
        )
    if not settings().sandbox:
        raise click.ClickException(
            localized(
                "flask dev needs the sandbox, which is off because MYAPI_WECHAT_APPID is set",
                "flask dev 需要沙箱；配置了 MYAPI_WECHAT_APPID，所以沙箱是关闭的",
            )
        )
