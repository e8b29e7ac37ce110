"""Write docs/benchmarks.md and docs/benchmarks.zh-CN.md from docs/benchmarks.json.

.venv/bin/python -m benchmarks.report [FOLDER]
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import load, summary, tables, verdicts
from benchmarks import report_texts as texts
from benchmarks.cases import CASES
from benchmarks.loads import CLIENTS
from benchmarks.report_texts import Language
from benchmarks.results import FASTAPI, FOLDER, NAME, TUNED, TUTORIAL, Results
from benchmarks.tables import case_title, head, short

ROUNDS = {
    case.name: min(case.max_rounds, 5) for case in CASES
}  # with fewer, the figures are only a smoke test
PARTS = (
    verdicts.targets,
    verdicts.losses,
    tables.steady,
    tables.logins,
    tables.sizes,
    tables.resources,
    tables.floor,
    tables.restarts,
)


def main() -> None:
    results = Results(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    for language in Language:
        page = results.folder / f"{NAME}{texts.SUFFIXES[language]}"
        page.write_text("\n".join(_page(results, language)).rstrip() + "\n", encoding="utf-8")


def _page(results: Results, language: Language) -> Iterator[str]:
    body = "\n".join(_body(results, language))
    yield from _head(results, language)
    for heading in re.findall(r"^## (.+)$", body, re.MULTILINE):
        yield f"- [{heading}](#{_anchor(heading)})"
    yield ""
    yield body


def _anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _body(results: Results, language: Language) -> Iterator[str]:
    for part in PARTS:
        yield from part(results, language)
    yield method(language)
    yield from _commands(results, language)
    yield from _versions(results, language)


def method(language: Language) -> str:
    """Return the section on how it is measured."""
    file = Path(__file__).with_name(f"method{texts.SUFFIXES[language]}")
    return file.read_text(encoding="utf-8")


def _head(results: Results, language: Language) -> Iterator[str]:
    yield f"<!-- {texts.GENERATED[language]} -->"
    yield f"# {texts.TITLE[language]}"
    yield ""
    english, chinese = (NAME + suffix for suffix in texts.SUFFIXES)
    yield f"[English]({english}) · [简体中文]({chinese})"
    yield ""
    if sentences := summary.sentences(results):
        yield from (f"- {sentence[language]}" for sentence in sentences)
        yield ""
    names = {"tutorial": TUTORIAL, "tuned": TUNED, "fastapi": FASTAPI}
    yield texts.INTRODUCTION.format(**names)[language]
    yield ""
    yield texts.READING[language]
    if results.cases:
        yield ""
        run = {name: results.data[name] for name in ("taken", "revision")}
        yield texts.MEASURED_ON.format(**run, **results.data["machine"])[language]
    for remark in _remarks(results, language):
        yield ""
        yield f"**{remark}**"
    yield ""


def _remarks(results: Results, language: Language) -> Iterator[str]:
    """Name what makes figures unreliable or not comparable."""
    cases = {name: case for name, case in results.cases.items() if len(case["turns"]) > 1}
    short_runs = [n for n, c in cases.items() if c["seconds"] < 3 or c["rounds"] < ROUNDS[n]]
    if short_runs:
        yield texts.SMOKE_TEST.format(cases=", ".join(short_runs))[language]
    if changed := {n: c["settings"] for n, c in results.cases.items() if c.get("settings")}:
        named = "; ".join(f"{name} {' '.join(settings)}" for name, settings in changed.items())
        yield texts.OTHER_SETTINGS.format(cases=named)[language]
    if results.data.get("revision", "").endswith("+"):
        yield texts.UNCOMMITTED[language]
    if over_tls := [name for name, case in results.cases.items() if case.get("tls")]:
        yield texts.OVER_TLS.format(cases=", ".join(over_tls))[language]


def _commands(results: Results, language: Language) -> Iterator[str]:
    if some := results.figure("wechat-limit", "wechat", "rate_32"):
        many = results.figure("wechat-limit", "wechat", "rate_1000")
        yield texts.STAND_IN.format(some=short(some), many=short(many))[language]
        yield ""
    yield f"## {texts.COMMANDS[language]}"
    yield ""
    one_case = "make bench OUT=build/bench ARGS='--only me-sqlite --rounds 5 --seconds 4'"
    yield "```bash"
    yield f"make bench        # {texts.WITHOUT_TABLES[language]}"
    yield f"make bench-full   # {texts.WHOLE_PAGE[language]}"
    yield f"{one_case}   # {texts.ONE_CASE[language]}"
    yield "```"
    yield ""
    yield texts.WRK_COMMANDS[language]
    yield ""
    yield "```bash"
    yield from _wrk_commands()
    yield "```"
    yield ""
    yield from head(*(each[language] for each in (texts.CASE, texts.CASE_NAME, texts.ROUNDS)))
    for name, case in results.cases.items():
        length = f"{case['rounds']} × {case['seconds']:g}"
        title = case_title(results, name, language)
        yield f"| {title} | `{name}` | {length} |"
    yield ""


def _wrk_commands() -> Iterator[str]:
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


def _versions(results: Results, language: Language) -> Iterator[str]:
    yield f"## {texts.VERSIONS[language]}"
    yield ""
    versions = results.data.get("versions", {}).items()
    yield ", ".join(f"{name} {number}" for name, number in versions) + "."


if __name__ == "__main__":
    main()
