"""The command: arguments, output, exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from doctor.causes import explain
from doctor.examination import Result, examine, exit_status, select, verdict
from doctor.history import changes
from doctor.network import network_from, parse_url
from doctor.outside import OUTSIDE
from doctor.report import render, render_explanation
from doctor.server import SERVER
from doctor.target import Target
from doctor.terminal import print_text, wants_colour
from doctor.texts import Text, printable, system_language
from doctor.this_server import Server
from doctor.trust import Trust

NO_URL = Text(
    "a URL is needed, such as https://api.example.com", "需要 URL，例如 https://api.example.com"
)


def run() -> None:
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks that need nothing of the app; return the exit status."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.explain is not None:
        explanation = explain(given.explain, [*OUTSIDE, *SERVER])
        text = render_explanation(explanation, given.lang, "python3 -m doctor", as_json=given.json)
        print_text(text, as_json=given.json)
        return 0 if explanation.symptom else 1
    if given.url is None:
        parser.error(NO_URL.in_language(given.lang))
    try:
        results = _examine(given)
        shown = changes(results, given.changes) if given.changes else results
    except (OSError, ValueError) as error:
        parser.error(printable(str(error)))
    worst = verdict(results)
    if shown or not given.changes or given.json:
        text = render(
            shown,
            worst,
            given.lang,
            as_json=given.json,
            url=parse_url(given.url),
            verbose=given.verbose or given.changes is not None,
            colour=wants_colour(sys.stdout),
        )
        print_text(text, as_json=given.json)
    return exit_status(worst)


def _examine(given: argparse.Namespace) -> list[Result]:
    checks = OUTSIDE if given.from_outside else [*OUTSIDE, *SERVER]
    selected = select(checks, given.only)
    target = Target(
        parse_url(given.url),
        network=network_from(given.resolve),
        trust=Trust(given.ca),
        server=None if given.from_outside else Server(certificate=given.cert),
    )
    return examine(target, selected)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor",
        description="Find out why a mini program cannot use this API."
        " 找出小程序访问不了本 API 的原因。",
        epilog="Exit status: 0 ok, 1 warnings, 2 failures; with --explain 0 found, 1 not found."
        " 退出码：0 正常，1 有警告，2 有失败；用 --explain 时 0 为找到，1 为未找到。",
    )
    parser.add_argument("url", nargs="?", metavar="URL", help="such as https://api.example.com")
    parser.add_argument(
        "--from-outside", action="store_true", help="skip the checks of the server itself"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show each check, also those that are ok"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--lang", choices=("en", "zh"), default=system_language(), help="the system's by default"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID", help="run only these checks (a,b)"
    )
    parser.add_argument("--ca", metavar="FILE", help="trust the root certificates of this file")
    parser.add_argument(
        "--cert", type=Path, metavar="FILE", help="the certificate that should be served"
    )
    parser.add_argument(
        "--explain",
        metavar="TEXT",
        help="say what an error means, and which checks find its cause: an errMsg, errno,"
        " statusCode, `error` or errcode",
    )
    parser.add_argument(
        "--changes",
        type=Path,
        metavar="FILE",
        help="print only what changed since the run saved there, and save this one",
    )
    parser.add_argument("--resolve", action="append", default=[], help=argparse.SUPPRESS)
    return parser
