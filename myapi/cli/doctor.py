"""`flask doctor`: the doctor on the server, where the settings and the database are known.

It adds the checks that need the app (`doctor_checks.py`) to those of the package `doctor`, and
fills in what the others need to know of this server.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import click
from flask import Flask, current_app
from flask.helpers import get_debug_flag
from sqlalchemy.engine import make_url

import doctor
from doctor import Check, Finding, Server, Target
from myapi.cli import output
from myapi.cli.command import SETTINGS_ERROR, Command
from myapi.cli.doctor_checks import CONFIGURED, database_files
from myapi.extensions import db, settings
from myapi.settings import ROOT, variables


@click.command("doctor", cls=Command, needs_settings=False)
@click.argument("url", required=False)
@click.option("--from-outside", is_flag=True, help="Skip the checks of the server itself.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--lang",
    type=click.Choice(["en", "zh"]),
    default=doctor.system_language,
    help="The system's by default.",
)
@click.option("--only", multiple=True, metavar="ID", help="Run only these checks (a,b).")
@click.option(
    "--ca", type=click.Path(dir_okay=False), help="Trust the root certificates of this file."
)
@click.option(
    "--cert",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The certificate that should be served; found automatically if certbot or Nginx has it.",
)
@click.option("--explain", metavar="TEXT", help="Find the checks behind a symptom.")
@click.option(
    "--changes",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Print only what changed since the run saved there, and save this one.",
)
@click.option("--resolve", multiple=True, hidden=True)
def command(explain: str | None, as_json: bool, lang: str, **options: Any) -> None:  # noqa: ANN401
    """Find out why a mini program cannot use the API at URL, such as https://api.example.com.

    Each check shows the symptom on the phone, the evidence and the fix. Without a URL only the
    server is checked. Exit status: 0 ok, 1 warnings, 2 failures; with --explain 0 found, 1 not.
    """
    if explain is not None:
        explanation = doctor.explain(explain, [*doctor.OUTSIDE, *doctor.SERVER, *CONFIGURED])
        output.print_line(doctor.render_explanation(explanation, lang, as_json=as_json))
        click.get_current_context().exit(0 if explanation.causes else 1)
    try:
        results = _examine(**options)
        file = options["file"]
        shown = results if file is None else doctor.changes(results, file)
    except (OSError, ValueError) as error:
        raise click.UsageError(doctor.printable(str(error))) from None
    verdict = doctor.verdict(results)
    if shown or file is None or as_json:
        output.print_line(doctor.render(shown, verdict, lang, as_json=as_json))
    click.get_current_context().exit(doctor.exit_status(verdict))


def _examine(
    url: str | None,
    from_outside: bool,
    only: tuple[str, ...],
    ca: str | None,
    cert: Path | None,
    resolve: tuple[str, ...],
    **_: object,
) -> list[doctor.Result]:
    if url is None and from_outside:
        raise ValueError("--from-outside needs a URL, such as https://api.example.com")
    here = [] if from_outside else [*_in_app(CONFIGURED), *doctor.SERVER]
    checks = doctor.select([*here, *(doctor.OUTSIDE if url else ())], only)
    target = Target(
        doctor.parse_url(url) if url else None,
        network=doctor.network_from(resolve),
        trust=doctor.Trust(ca),
        server=None if from_outside else _server(cert),
    )
    return doctor.examine(target, checks)


def _in_app(checks: list[Check]) -> list[Check]:
    """Push the app context around each check, since the doctor runs them in threads."""
    app = cast("Any", current_app)._get_current_object()
    return [each._replace(run=_with_context(app, each.run)) for each in checks]


def _with_context(app: Flask, run: Callable[[Target], Finding]) -> Callable[[Target], Finding]:
    def in_context(target: Target) -> Finding:
        with app.app_context():
            return run(target)

    return in_context


def _server(certificate: Path | None) -> Server:
    """Describe this server from the settings, or without them if they cannot be used."""
    debug = get_debug_flag()
    if SETTINGS_ERROR in current_app.extensions:
        return Server(debug=debug, certificate=certificate, private_paths=tuple(_secret_files()))
    found = settings()
    password = make_url(found.database_url).password or ""
    return Server(
        bind=found.bind,
        debug=debug,
        appid=found.wechat_appid,
        secret=found.wechat_secret,
        wechat_url=found.wechat_base_url,
        uses_sandbox=found.sandbox,
        uses_sqlite=db.engine.name == "sqlite",
        other_secrets=(*found.secret_keys, str(password)),
        private_paths=(*_secret_files(), found.instance_path, *database_files()),
        data_folders=(found.instance_path, *(file.parent for file in database_files()), Path("/")),
        certificate=certificate,
    )


def _secret_files() -> Iterator[Path]:
    yield ROOT / ".env"
    for name, secret in variables().items():
        if secret and (named := os.environ.get(f"{name}_FILE")):
            yield Path(named)
