"""Messages in Chinese where the operator's locale is Chinese, else in English."""

from __future__ import annotations

import os
import re


def said(english: str, chinese: str) -> str:
    """Return the text in the language of LC_ALL, LC_MESSAGES or LANG, the first that is set."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    return chinese if re.match("zh|chinese", chosen, re.IGNORECASE) else english
