"""`flask doctor`: why the phones cannot use the API, asked on the server.

To the checks that need nothing (`myapi/doctor.py`) it adds those that need the app
(`doctor_checks.py`), and it tells the doctor what the server alone knows.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import click
from flask import Flask, current_app
from flask.helpers import get_debug_flag
from sqlalchemy.engine import make_url

from myapi import doctor
from myapi.cli import output
from myapi.cli.command import SETTINGS_ERROR, Command
from myapi.cli.doctor_checks import CONFIGURED, database_files
from myapi.doctor import Check, Finding, Server, Visit
from myapi.extensions import db, settings
from myapi.settings import ROOT, variables


@click.command("doctor", cls=Command, needs_settings=False)
@click.argument("url", required=False)
@click.option("--from-outside", is_flag=True, help="Not on the server itself: what anyone sees.")
@click.option("--json", "as_json", is_flag=True, help="Print {checks: […]} as JSON.")
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default=doctor.language_of_the_system, help="Of it."
)
@click.option("--only", multiple=True, metavar="ID", help="These checks alone, with commas.")
@click.option("--ca", type=click.Path(dir_okay=False), help="The roots of a private authority.")
@click.option(
    "--cert",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The certificate that is to be served; found by itself where certbot or Nginx has it.",
)
@click.option("--explain", metavar="TEXT", help="Find the checks behind what a phone shows.")
@click.option(
    "--changes",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Print what changed since the run kept there, and keep this one: for a timer.",
)
@click.option("--resolve", multiple=True, hidden=True)
def command(explain: str | None, as_json: bool, lang: str, **options: Any) -> None:  # noqa: ANN401
    """Tell why a mini program cannot use the API at URL, such as https://api.example.com.

    Each check names what the phone shows, what was seen, and what to do. Without a URL the server
    alone is looked at. Ends with 0 where all is well, 1 with warnings, 2 with failures.
    """
    if explain is not None:
        causes = doctor.explain(explain, [*doctor.OUTSIDE, *doctor.SERVER, *CONFIGURED])
        output.print_line(doctor.written_causes(causes, lang, as_json=as_json))
        return
    try:
        results = _examine(**options)
        file = options["file"]
        told = results if file is None else doctor.changes(results, file)
    except (OSError, ValueError) as error:
        raise click.UsageError(doctor.shown(str(error))) from None
    if told or file is None or as_json:
        output.print_line(doctor.written(told, lang, as_json=as_json))
    click.get_current_context().exit(doctor.exit_status(results))


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
        raise ValueError("from outside a URL is needed, such as https://api.example.com")
    here = [] if from_outside else [*_in_app(CONFIGURED), *doctor.SERVER]
    checks = doctor.chosen([*here, *(doctor.OUTSIDE if url else ())], only)
    visit = Visit(
        doctor.read_url(url) if url else None,
        network=doctor.network_of(resolve),
        trust=doctor.Trust(ca),
        server=None if from_outside else _server(cert),
    )
    return doctor.examine(visit, checks)


def _in_app(checks: list[Check]) -> list[Check]:
    """Let checks run in the threads of the doctor as they would in this one."""
    app = cast("Any", current_app)._get_current_object()
    return [each._replace(run=_with_context(app, each.run)) for each in checks]


def _with_context(app: Flask, run: Callable[[Visit], Finding]) -> Callable[[Visit], Finding]:
    def in_context(visit: Visit) -> Finding:
        with app.app_context():
            return run(visit)

    return in_context


def _server(certificate: Path | None) -> Server:
    """Tell the doctor what it cannot know."""
    debug = get_debug_flag()
    if SETTINGS_ERROR in current_app.extensions:
        return Server(debug=debug, certificate=certificate, private=tuple(_secret_files()))
    found = settings()
    password = make_url(found.database_url).password or ""
    return Server(
        bind=found.bind,
        debug=debug,
        appid=found.wechat_appid,
        secret=found.wechat_secret,
        wechat=found.wechat_base_url,
        sandbox=found.sandbox,
        sqlite=db.engine.name == "sqlite",
        hidden=(*found.secret_keys, str(password)),
        private=(*_secret_files(), found.instance_path, *database_files()),
        data=(found.instance_path, *(file.parent for file in database_files()), Path("/")),
        certificate=certificate,
    )


def _secret_files() -> Iterator[Path]:
    yield ROOT / ".env"
    for name, secret in variables().items():
        if secret and (named := os.environ.get(f"{name}_FILE")):
            yield Path(named)
