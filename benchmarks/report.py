"""Write docs/benchmarks.md from docs/benchmarks.json.

.venv/bin/python -m benchmarks.report [FOLDER]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import load, tables, verdicts
from benchmarks.cases import CASES
from benchmarks.loads import CLIENTS
from benchmarks.results import FASTAPI, FOLDER, NAME, TUNED, TUTORIAL, Results
from benchmarks.tables import short

ROUNDS = {
    case.name: min(case.max_rounds, 5) for case in CASES
}  # with fewer, the figures are only a smoke test
TEXT = Path(__file__).with_name("method.md")


def main() -> None:
    results = Results(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    page = results.folder / f"{NAME}.md"
    page.write_text("\n".join(_page(results)).rstrip() + "\n", encoding="utf-8")


def _page(results: Results) -> Iterator[str]:
    yield from _head(results)
    yield from verdicts.targets(results)
    yield from verdicts.losses(results)
    yield from tables.steady(results)
    yield from tables.logins(results)
    yield from tables.sizes(results)
    yield from tables.resources(results)
    yield from tables.floor(results)
    yield from tables.restarts(results)
    yield TEXT.read_text(encoding="utf-8")
    yield from _commands(results)
    yield from _versions(results)


def _head(results: Results) -> Iterator[str]:
    yield "<!-- Written by `make bench` from benchmarks.json; changes here are overwritten. -->"
    yield "# Benchmarks"
    yield ""
    yield (
        "myapi compared with three common stacks, measured in turns on the same machine:"
        f" {TUTORIAL} is the Node stack as tutorials write it, {TUNED} differs only in its key for"
        f" tokens, and {FASTAPI} is the Python stack as its tutorials write it. `make bench` (about"
        " half an hour) and `make bench-full` write this page. × is myapi's figure divided by a"
        " peer's, round by round: the median, with the minimum and the maximum in brackets."
    )
    machine = results.data.get("machine", {})
    if machine:
        yield ""
        yield (
            f"Measured on {machine['cores']} cores ({machine['processor']}), {machine['memory']} of"
            f" memory, Linux {machine['kernel']}. The load generator, Nginx, the WeChat stand-in,"
            " the database and the stack share this machine."
        )
    for remark in _remarks(results):
        yield ""
        yield f"**{remark}**"
    yield ""


def _remarks(results: Results) -> Iterator[str]:
    """Name what makes figures unreliable or not comparable."""
    cases = {name: case for name, case in results.cases.items() if len(case["turns"]) > 1}
    short_runs = [n for n, c in cases.items() if c["seconds"] < 3 or c["rounds"] < ROUNDS[n]]
    if short_runs:
        yield f"Smoke test only (too few or too short rounds): {', '.join(short_runs)}."
    if any(case.get("settings") for case in results.cases.values()):
        changed = {n: c["settings"] for n, c in results.cases.items() if c.get("settings")}
        yield "Settings other than the defaults: " + "; ".join(
            f"{n} {' '.join(s)}" for n, s in changed.items()
        )
    if any(case.get("tls") for case in results.cases.values()):
        yield "Over TLS: " + ", ".join(n for n, c in results.cases.items() if c.get("tls"))


def _commands(results: Results) -> Iterator[str]:
    limit = results.figure("wechat-limit", "wechat", "rate_32")
    if limit:
        most = results.figure("wechat-limit", "wechat", "rate_1000")
        yield (
            f"The WeChat stand-in alone answers {short(limit)} requests per second with 32 clients"
            f" and {short(most)} with 1 000."
        )
        yield ""
    yield "## Commands"
    yield ""
    yield "```bash"
    yield "make bench        # this page without the large tables"
    yield "make bench-full   # the whole page"
    yield "make bench ARGS='--only me-sqlite --rounds 5 --seconds 4'   # one case; --tls, --set too"
    yield "```"
    yield ""
    yield "The wrk commands. FILE has one token per line, and PREFIX is different in every run:"
    yield ""
    yield "```bash"
    base = "http://127.0.0.1:PORT"
    for path, clients, kind in (
        ("/api/hello", CLIENTS, ()),
        ("/api/me", CLIENTS, ("tokens", "FILE")),
        ("/api/auth/login", 256, ("logins", "100")),
    ):
        words = load.command(base + path, clients, 4, *kind)
        words = ["benchmarks/load.lua" if word == str(load.SCRIPT) else word for word in words]
        if kind[:1] == ("logins",):
            words[-1] = "100-PREFIX"
        yield " ".join(words)
    yield "```"
    yield ""
    yield "| case | name | measured | commit | rounds × seconds |"
    yield "|---|---|---|---|---|"
    for name, case in results.cases.items():
        length = f"{case['rounds']} × {case['seconds']:g}"
        yield f"| {case['title']} | `{name}` | {case['taken']} | {case['revision']} | {length} |"
    yield ""


def _versions(results: Results) -> Iterator[str]:
    yield "## Versions"
    yield ""
    yield (
        ", ".join(f"{name} {number}" for name, number in results.data.get("versions", {}).items())
        + "."
    )


if __name__ == "__main__":
    main()
