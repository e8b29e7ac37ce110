"""`flask doctor`: the doctor on the server, with the settings and the database of this service.

It adds the checks that need the app to those of the package `doctor`, and describes this server to
the other checks.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import click
from flask import Flask, current_app
from flask.helpers import get_debug_flag
from sqlalchemy.engine import make_url

import doctor
from doctor import Check, Finding, Server, Target
from myapi.cli.command import SETTINGS_ERROR, Command
from myapi.cli.database_checks import DATABASE_CHECKS, database_files
from myapi.cli.message_checks import MESSAGE_CHECKS
from myapi.cli.push_checks import PUSH_CHECKS
from myapi.cli.settings_checks import SETTINGS_CHECKS
from myapi.db import reports
from myapi.extensions import db, settings
from myapi.language import localized
from myapi.settings import ROOT, variables

#: What only the app can find out.
APP_CHECKS = [*SETTINGS_CHECKS, *DATABASE_CHECKS, *PUSH_CHECKS, *MESSAGE_CHECKS]


@click.command("doctor", cls=Command, needs_settings=False)
@click.argument("url", required=False)
@click.option("--from-outside", is_flag=True, help="Skip the checks of the server itself.")
@click.option("-v", "--verbose", is_flag=True, help="Show each check, also those that are ok.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--lang",
    type=click.Choice(["en", "zh"]),
    default=doctor.system_language,
    help="Default: the language of the system.",
)
@click.option("--only", multiple=True, metavar="ID", help="Run only these checks (a,b).")
@click.option(
    "--ca",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Trust the root certificates in this file.",
)
@click.option(
    "--cert",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The certificate that should be served. Default: the one that certbot or Nginx uses.",
)
@click.option(
    "--explain",
    metavar="TEXT",
    help="Say what an error means, and which checks find its cause: an errMsg, errno, statusCode,"
    " `error` or errcode.",
)
@click.option(
    "--changes",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Print only what changed since the run saved in this file, and save this run.",
)
@click.option("--resolve", multiple=True, hidden=True)
def command(explain: str | None, as_json: bool, lang: str, verbose: bool, **options: Any) -> None:  # noqa: ANN401
    """Find out why a mini program cannot use the API at URL, such as https://api.example.com.

    The first line is the verdict and what to do next. Each fault shows what the phone shows, the
    evidence and the fix. Without a URL it is MYAPI_PUBLIC_URL; without both only the server is
    checked.

    Exit status: 0 ok, 1 warnings, 2 failures; with --explain 0 found, 1 not.
    """
    if explain is not None:
        explanation = doctor.explain(explain, [*doctor.OUTSIDE, *doctor.SERVER, *APP_CHECKS])
        text = doctor.render_explanation(explanation, lang, "flask doctor", as_json=as_json)
        doctor.print_text(text, as_json=as_json)
        click.get_current_context().exit(0 if explanation.symptom else 1)
    options["url"] = options["url"] or _public_url()
    try:
        results = _run_checks(**options)
        file = options["file"]
        shown = results if file is None else doctor.changes(results, file)
    except (OSError, ValueError) as error:
        raise click.UsageError(doctor.printable(str(error))) from None
    verdict = doctor.verdict(results)
    _leave_report(results, verdict)
    if shown or file is None or as_json:
        url = options["url"]
        text = doctor.render(
            shown,
            verdict,
            lang,
            as_json=as_json,
            url=doctor.parse_url(url) if url else None,
            verbose=verbose or file is not None,
            colour=doctor.wants_colour(sys.stdout),
        )
        doctor.print_text(text, as_json=as_json)
    click.get_current_context().exit(doctor.exit_status(verdict))


def _leave_report(results: list[doctor.Result], verdict: str) -> None:
    """Leave what was found for the console, if all was looked at and the database is there."""
    found = {each.id: each.status for each in results}
    if found.get("database") in ("ok", "warn") and len(found) > len(APP_CHECKS):
        checks = {
            language: [each.as_dict(language) for each in results] for language in ("en", "zh")
        }
        reports.leave(reports.DOCTOR, {"verdict": verdict, "checks": checks})


def _public_url() -> str | None:
    """Return the URL in the settings, if they are valid and have one."""
    return None if SETTINGS_ERROR in current_app.extensions else settings().public_url or None


def _run_checks(
    url: str | None,
    from_outside: bool,
    only: tuple[str, ...],
    ca: str | None,
    cert: Path | None,
    resolve: tuple[str, ...],
    **_: object,
) -> list[doctor.Result]:
    if url is None and from_outside:
        raise ValueError(
            localized(
                "--from-outside needs a URL, such as https://api.example.com",
                "--from-outside 需要一个 URL，例如 https://api.example.com",
            )
        )
    on_server = [] if from_outside else [*_with_app_context(APP_CHECKS), *doctor.SERVER]
    checks = doctor.select([*on_server, *(doctor.OUTSIDE if url else ())], only)
    target = Target(
        doctor.parse_url(url) if url else None,
        network=doctor.network_from(resolve),
        trust=doctor.Trust(ca),
        server=None if from_outside else _server(cert),
    )
    return doctor.examine(target, checks)


def _with_app_context(checks: list[Check]) -> list[Check]:
    """Push the app context around each check, since the doctor runs them in threads."""
    app = cast("Any", current_app)._get_current_object()
    return [each._replace(run=_in_context(app, each.run)) for each in checks]


def _in_context(app: Flask, run: Callable[[Target], Finding]) -> Callable[[Target], Finding]:
    def run_in_context(target: Target) -> Finding:
        with app.app_context():
            return run(target)

    return run_in_context


def _server(certificate: Path | None) -> Server:
    """Describe this server from its settings, or without them if they are invalid."""
    debug = get_debug_flag()
    if SETTINGS_ERROR in current_app.extensions:
        return Server(debug=debug, certificate=certificate, private_paths=tuple(_secret_files()))
    config = settings()
    password = make_url(config.database_url).password or ""
    return Server(
        bind=config.bind,
        max_body_bytes=config.max_body_bytes,
        request_timeout=config.request_timeout,
        debug=debug,
        appid=config.wechat_appid,
        secret=config.wechat_secret,
        wechat_url=config.wechat_base_url,
        uses_sandbox=config.sandbox,
        uses_sqlite=db.engine.name == "sqlite",
        other_secrets=(
            *config.secret_keys,
            str(password),
            config.wechat_push_token,
            config.wechat_push_aes_key,
        ),
        private_paths=(*_secret_files(), config.instance_path, *database_files()),
        data_folders=(config.instance_path, *(file.parent for file in database_files()), Path("/")),
        certificate=certificate,
    )


def _secret_files() -> Iterator[Path]:
    yield ROOT / ".env"
    for name, secret in variables().items():
        if secret and (named := os.environ.get(f"{name}_FILE")):
            yield Path(named)
