"""From what a phone shows to what it means, and to the checks that find the cause."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from doctor.checks import Check
from doctor.examination import Result
from doctor.symptoms import SYMPTOMS
from doctor.texts import EMPTY, Text

MOST = 3  # causes that are shown

#: What holds numbers and words that mean nothing here: URLs, paths, host names with their port
#: (not `res.data`, `wx.login`), file names with a line number, and the id of WeChat's answers.
NOISE = re.compile(
    r"""[a-z]{1,20}://[^\s"'<>(),;，。；（）\[\]{}]*
    |(?<![\w:/.])/[\w.%~-]+(?:/[\w.%~-]*)*(?:\?[^\s"']*)?
    |(?<![\w.-])(?!(?:wx|res|err|error|e)\.)[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+(?::\d+)*
    |\brid:\s*[\w-]+
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)


class Explanation(NamedTuple):
    """`symptom` is a name in SYMPTOMS, "" if the text is not known; `causes` the likeliest first.

    `meaning` is a plain sentence, `shown` what the phone shows in its own words.
    """

    symptom: str
    meaning: Text
    shown: Text
    causes: list[Result]


def explain(text: str, checks: Sequence[Check]) -> Explanation:
    """Explain what a phone shows, or what the log or WeChat says."""
    name = find_symptom(text)
    if name is None:
        return Explanation("", EMPTY, EMPTY, [])
    symptom = SYMPTOMS[name]
    known = {one.id: one for one in checks}
    causes = [known[each] for each in symptom.checks if each in known][:MOST]
    results = [Result(one.id, "skip", one.symptom, EMPTY, one.fix, one.fault) for one in causes]
    return Explanation(name, symptom.meaning, symptom.text, results)


def find_symptom(text: str) -> str | None:
    """Return the name of the symptom that a text is about: a specific wording beats a hint."""
    for name, symptom in SYMPTOMS.items():
        if text.strip() in symptom.text:
            return name
    cleaned = _clean(text)
    for part in ("wordings", "hints"):
        for name, symptom in SYMPTOMS.items():
            pattern = getattr(symptom, part)
            if pattern and re.search(pattern, cleaned, re.IGNORECASE):
                return name
    return None


def _clean(text: str) -> str:
    """Write digits, letters, colons and the minus as in ASCII, and leave out the noise."""
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    return " ".join(NOISE.sub(" ", plain).split())
