"""The report, as lines for a person or as JSON.

The first line is the verdict and the one thing to do next. What merely follows from another failure
is one line, as are the checks that are ok; `verbose` shows each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from doctor.causes import Explanation
from doctor.examination import Result
from doctor.headline import cause_of, headline
from doctor.network import Url
from doctor.terminal import paint
from doctor.texts import Text

T = TypeVar("T")

COLON = Text(": ", "：")
HEADINGS = {
    "symptom": Text("phone", "现象"),
    "evidence": Text("seen", "证据"),
    "fix": Text("fix", "处理"),
}
STATUS_WORDS = {
    "ok": Text("ok", "正常"),
    "warn": Text("warn", "警告"),
    "fail": Text("FAIL", "失败"),
    "skip": Text("skip", "跳过"),
}
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "grey"}


def render(
    results: Sequence[Result],
    verdict: str,
    language: str,
    *,
    as_json: bool = False,
    url: Url | None = None,
    verbose: bool = False,
    colour: bool = False,
) -> str:
    """Render the results of checks. `verdict` is that of the run; with --changes it had more."""
    if as_json:
        return _json({"verdict": verdict, "checks": _dicts(results, language)})
    first = headline(results, verdict, url).in_language(language)
    lines = [paint(first, COLOURS[verdict], bold=True) if colour else first, ""]
    if verbose:
        lines += [_block(each, language, colour=colour) for each in results]
    else:
        named = cause_of(results)  # its fix stands in the first line
        causes = _causes(results)
        lines += [_block(each, language, colour=colour, with_fix=each != named) for each in causes]
        lines += ["", *(text.in_language(language) for text in _folded(results))][not causes :]
    return "\n".join(lines)


def render_explanation(
    explanation: Explanation, language: str, command: str, *, as_json: bool = False
) -> str:
    """Render what a symptom means. `command` runs the doctor, as a person types it."""
    shown = explanation.shown
    on_the_phone = Text(f"On the phone or in the log: {shown.en}", f"手机或日志里：{shown.zh}")
    meaning = [explanation.meaning, on_the_phone] if explanation.symptom else []
    texts = [each.in_language(language) for each in meaning]
    if as_json:
        checks = _dicts(explanation.causes, language)
        return _json({"meaning": "\n".join(texts), "checks": checks})
    if not texts:
        return UNKNOWN.in_language(language)
    return "\n".join([*texts, *_numbered(explanation.causes, language, command)])


UNKNOWN = Text(
    "Nothing is known about this text. Give one of: the whole errMsg or the errno that the phone"
    " shows (such as 600001 or -202), the statusCode (502), `error` or `code` of the response"
    " (rate_limited), or WeChat's errcode (40029).",
    "不认识这段文字。请给出其中一样：手机上完整的 errMsg 或 errno（例如 600001、-202）、"
    "statusCode（502）、响应里的 `error` 或 `code`（rate_limited），或微信的 errcode（40029）。",
)

NO_CHECK = Text("No check that is made from here can say more.", "从这里没有更多可检查的。")


def _numbered(causes: Sequence[Result], language: str, command: str) -> list[str]:
    if not causes:
        return [NO_CHECK.in_language(language)]
    ids = ",".join(each.id for each in causes)
    heading = Text("Likely causes:", "可能的原因：")
    run = f"{command} https://api.example.com --only {ids}"
    found = Text(f"To find out which: {run}", f"用这条命令确认：{run}")
    colon = COLON.in_language(language)
    listed = [
        f"  {n}. {each.id}{colon}{each.fault.in_language(language)}\n"
        f"     {HEADINGS['fix'].in_language(language)}{colon}{each.fix.in_language(language)}"
        for n, each in enumerate(causes, 1)
    ]
    return ["", heading.in_language(language), *listed, "", found.in_language(language)]


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


def _dicts(results: Iterable[Result], language: str) -> list[dict[str, str]]:
    return [result.as_dict(language) for result in results]


def _causes(results: Sequence[Result]) -> list[Result]:
    """Return the failures that follow from no other, then such warnings."""
    roots = [each for each in results if not each.follows]
    return [each for status in ("fail", "warn") for each in roots if each.status == status]


def _folded(results: Sequence[Result]) -> Iterator[Text]:
    """Yield a line for each group of checks that has no news of its own."""
    following = [each for each in results if each.follows]
    for root, ids in _grouped((each.follows, each.id) for each in following):
        yield Text(
            f"{len(ids)} more because of {root}: {', '.join(ids)}",
            f"另有 {len(ids)} 项由 {root} 引起：{', '.join(ids)}",
        )
    skipped = [each for each in results if each.status == "skip"]
    for reason, ids in _grouped((each.evidence, each.id) for each in skipped):
        yield Text(
            f"{len(ids)} skipped, {reason.en}: {', '.join(ids)}",
            f"跳过 {len(ids)} 项（{reason.zh}）：{', '.join(ids)}",
        )
    well = [each.id for each in results if each.status == "ok"]
    if well:
        yield Text(
            f"{len(well)} ok: {', '.join(well)}",
            f"正常 {len(well)} 项：{', '.join(well)}",
        )


def _grouped(pairs: Iterable[tuple[T, str]]) -> list[tuple[T, list[str]]]:
    groups: dict[T, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(key, []).append(name)
    return list(groups.items())


def _block(result: Result, language: str, *, colour: bool, with_fix: bool = True) -> str:
    word = STATUS_WORDS[result.status].in_language(language)
    status = word.ljust(6 if word.isascii() else 4)  # a Chinese character is two cells wide
    status = paint(status, COLOURS[result.status]) if colour else status
    texts, colon = result.as_dict(language), COLON.in_language(language)
    if result.status in ("ok", "skip"):
        return f"{status}{result.id}{colon}{texts['evidence']}"
    fault = result.fault.in_language(language)
    details = [
        f"      {heading.in_language(language)}{colon}{texts[part]}"
        for part, heading in HEADINGS.items()
        if texts[part] and (with_fix or part != "fix")
    ]
    return "\n".join([f"{status}{result.id}{colon}{fault}", *details])
