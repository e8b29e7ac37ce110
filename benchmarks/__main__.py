"""Measure myapi and its peers and save the figures.

make bench                      half an hour, then the report
make bench-full                 all cases, with tables of a million and of ten million sessions
make bench OUT=build/bench ARGS='--only hello --rounds 3 --seconds 3'

A page has the figures of one commit and one day. All cases start a new page. Those of --only join
the page in the folder if it is of this commit and this day.
"""

import argparse
import resource
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import machine
from benchmarks.apps import Express, FastAPI
from benchmarks.bench import Bench, Case
from benchmarks.cases import CASES
from benchmarks.load import Wrk
from benchmarks.results import FOLDER, OtherRunError, Results
from tests.servers import MariaDB, Nginx


def main() -> None:
    options = _options()
    selected = _selected_cases(options)
    if options.list:
        print("\n".join(f"{case.name:<22} {case.title}" for case in selected))
        return
    results = Results(options.output)
    _start(results, part=bool(options.only))
    needed = (Wrk, Nginx, MariaDB, Express, FastAPI)
    missing = [reason for each in needed if (reason := each.available())]
    if missing:
        sys.exit("\n".join(missing))
    _raise_file_limit()
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # exit cleanly, so that all servers are stopped
    started = time.monotonic()
    settings = dict(pair.split("=", 1) for pair in options.set)
    short_turn = min(3.0, options.seconds)
    with Bench(options.seconds, tls=options.tls, settings=settings) as bench:
        for place, case in enumerate(selected):
            if time.monotonic() - started > options.minutes * 60 * (place + 1) / len(selected):
                bench.seconds = short_turn
            print(f"{_clock(started)} {case.name}: {case.title}", flush=True)
            _measure(bench, case, options, results)
    print(f"{_clock(started)} done: {results.file.name}")


def _start(results: Results, *, part: bool) -> None:
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    try:
        results.start(machine.revision(), today, part=part)
    except OtherRunError as error:
        sys.exit(f"{error}: measure all cases, or use another folder: make bench OUT=build/bench")


def _measure(bench: Bench, case: Case, options: argparse.Namespace, results: Results) -> None:
    """Run one case and save its figures at once, so that a later failure does not lose them."""
    rounds = min(case.max_rounds, options.rounds)
    turns = bench.run(case, rounds)
    if (revision := machine.revision()) != results.data["revision"]:
        sys.exit(f"the code is now {revision}: {case.name} is not saved")
    results.cases[case.name] = {
        "title": case.title,
        "seconds": bench.seconds,
        "rounds": rounds,
        "tls": options.tls,
        "settings": options.set,
        "turns": {
            name: [{key: round(value, 4) for key, value in turn.items()} for turn in found]
            for name, found in turns.items()
        },
    }
    results.data["cases"] = {
        c.name: results.cases[c.name] for c in CASES if c.name in results.cases
    }
    results.data["machine"] = machine.machine()
    results.data["versions"] = machine.versions()
    results.save()


def _selected_cases(options: argparse.Namespace) -> list[Case]:
    if not options.only:
        return [case for case in CASES if options.full or not case.full]
    unknown = [name for name in options.only if not any(c.name.startswith(name) for c in CASES)]
    if unknown:
        sys.exit(f"no case name starts with {', '.join(unknown)}; see --full --list")
    return [case for case in CASES if case.name.startswith(tuple(options.only))]


def _raise_file_limit() -> None:
    """Allow wrk, Nginx and the WeChat stand-in a thousand connections each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _clock(started: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    return f"[{minutes:02}:{seconds:02}]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--only",
        action="append",
        default=[],
        metavar="CASE",
        help="only cases whose name starts with CASE; repeatable",
    )
    add("--rounds", type=int, default=5, help="how often each stack is measured")
    add("--seconds", type=float, default=3, help="length of one measurement, without warm-up")
    add(
        "--minutes",
        type=float,
        default=30,
        help="time for the run; when late, turns take at most 3 s",
    )
    add("--full", action="store_true", help="include the long cases")
    add("--tls", action="store_true", help="use HTTPS to Nginx for all stacks")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a myapi setting, such as workers=2",
    )
    add("--output", type=Path, default=FOLDER, help="folder of benchmarks.json")
    add("--list", action="store_true", help="list the cases and exit")
    return parser.parse_args()


if __name__ == "__main__":
    main()
