"""The report, as lines for a person or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from doctor.causes import Explanation
from doctor.checks import STATUSES
from doctor.examination import Result
from doctor.texts import Text

HEADINGS = {
    "symptom": Text("phone", "现象"),
    "evidence": Text("seen", "证据"),
    "fix": Text("fix", "处理"),
}
STATUS_WORDS = {
    "ok": Text("ok", "正常"),
    "warn": Text("warn", "警告"),
    "fail": Text("FAIL", "失败"),
    "skip": Text("skip", "未判断"),
}


def render(results: Sequence[Result], verdict: str, language: str, *, as_json: bool = False) -> str:
    """Render the results of checks. `verdict` is that of the run; with --changes it had more."""
    if as_json:
        return _json({"verdict": verdict, "checks": _dicts(results, language)})
    return "\n".join([*_blocks(results, language), _count(results, language)])


def render_explanation(explanation: Explanation, language: str, *, as_json: bool = False) -> str:
    meaning, causes = explanation
    if as_json:
        content = {"meaning": meaning.in_language(language), "checks": _dicts(causes, language)}
        return _json(content)
    if not causes:
        return Text(
            "no check explains this; give the errno or the message as the phone shows it",
            "没有检查项能解释它；请给出手机上显示的 errno 或错误信息",
        ).in_language(language)
    return "\n".join(_blocks(causes, language))


def _json(content: dict[str, Any]) -> str:
    """ASCII alone, so that every terminal can print it."""
    return json.dumps(content, indent=2)


def _dicts(results: Iterable[Result], language: str) -> list[dict[str, str]]:
    return [result.as_dict(language) for result in results]


def _blocks(results: Iterable[Result], language: str) -> list[str]:
    return [_block(result, language) for result in results]


def _block(result: Result, language: str) -> str:
    word = STATUS_WORDS[result.status].in_language(language)
    texts = result.as_dict(language)
    if result.status in ("ok", "skip") and not texts["fix"]:
        return f"{word:<6}{result.id}: {texts['evidence']}"
    details = [
        f"      {heading.in_language(language)}: {texts[part]}"
        for part, heading in HEADINGS.items()
        if texts[part]
    ]
    return "\n".join([f"{word:<6}{result.id}", *details])


def _count(results: Sequence[Result], language: str) -> str:
    count = {status: sum(each.status == status for each in results) for status in STATUSES}
    return Text(
        f"{count['fail']} failed, {count['warn']} warnings, {count['ok']} ok,"
        f" {count['skip']} not judged",
        f"失败 {count['fail']} 项，警告 {count['warn']} 项，正常 {count['ok']} 项，"
        f"未判断 {count['skip']} 项",
    ).in_language(language)


def print_text(text: str) -> None:
    """Print, with ? for characters that the terminal's encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()
