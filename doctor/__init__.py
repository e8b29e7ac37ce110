"""Finds out why a mini program cannot use this API, starting from what the phone shows.

    python3 -m doctor https://api.example.com --from-outside

A program of its own on Python's standard library. It imports nothing of myapi; `flask doctor`
(`myapi/cli/doctor.py`) imports what stands here, and adds the checks that need the app.

    symptoms/       what a phone shows, what it means, and how people write it
    checks          how a check is declared
    needs           what must be there before a check can be made
    outside/        the checks that anyone can make
    server/         the checks that are made on the server
    examination     running the checks
    causes          from a symptom to the checks that explain it
    target          what the checks look at, each thing observed once
    this_server     the server that the API runs on
    network, http1, certificates, trust
                    connections, HTTP and TLS, with a bound on every wait and every read
    report          text or JSON
    headline        its first line: the verdict and what to do next
    terminal        colours and encodings
    history         what changed since the last run
    command         the command line

A server is never trusted: what it sends is cut, cleaned and shown, and nothing of it is obeyed.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 (a laptop may have any; macOS brings 3.9)
    sys.exit("the doctor needs Python 3.10 or newer · 需要 Python 3.10 或更新版本")

from doctor.causes import explain
from doctor.checks import Check, Finding, check, fail, ok, skip, warn
from doctor.examination import Result, examine, exit_status, select, verdict
from doctor.history import changes
from doctor.network import network_from, parse_url
from doctor.outside import OUTSIDE
from doctor.report import render, render_explanation
from doctor.server import SERVER
from doctor.symptoms import SYMPTOMS
from doctor.target import Target
from doctor.terminal import print_text, wants_colour
from doctor.texts import Text, join, printable, system_language, untranslated
from doctor.this_server import Server
from doctor.trust import Trust

__all__ = [
    "OUTSIDE",
    "SERVER",
    "SYMPTOMS",
    "Check",
    "Finding",
    "Result",
    "Server",
    "Target",
    "Text",
    "Trust",
    "changes",
    "check",
    "examine",
    "exit_status",
    "explain",
    "fail",
    "join",
    "network_from",
    "ok",
    "parse_url",
    "print_text",
    "printable",
    "render",
    "render_explanation",
    "select",
    "skip",
    "system_language",
    "untranslated",
    "verdict",
    "wants_colour",
    "warn",
]
