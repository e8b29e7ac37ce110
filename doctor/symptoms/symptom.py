"""How a symptom is declared."""

from __future__ import annotations

from typing import NamedTuple

from doctor.texts import Text


class Symptom(NamedTuple):
    """What a phone shows: `text` is in its own words, `meaning` says it in plain ones.

    `wordings` and `hints` are regular expressions. A wording names the symptom; a hint is a vague
    word, which counts only if no wording of any symptom is found. `checks` are the ids of the
    checks that find the cause, the likeliest first.
    """

    text: Text
    meaning: Text
    wordings: str = ""
    hints: str = ""
    checks: tuple[str, ...] = ()


def numbers(*values: int) -> str:
    """Match one of these numbers that stands alone: not in a longer number, a name or a version."""
    return rf"(?<![A-Za-z0-9_.-])(?:{'|'.join(map(str, values))})(?![A-Za-z0-9_-]|\.\d)"


def word(name: str) -> str:
    """Match a name such as `not_found`, and no longer one that has it in it."""
    return rf"(?<![A-Za-z_]){name}(?![A-Za-z_])"
