"""The language of commands: Chinese where the user's locale is Chinese, else English."""

import os
import re
import sys
from typing import Literal


def localized(english: str, chinese: str) -> str:
    """Return the text in the user's language."""
    return chinese if language() == "zh" else english


def language() -> Literal["en", "zh"]:
    """Return the language of the locale; English if stdout has an encoding without Chinese."""
    return "zh" if _locale_is_chinese() and _stdout_takes_chinese() else "en"


def _locale_is_chinese() -> bool:
    """Whether LC_ALL, LC_MESSAGES or LANG says so; without them, on Windows, the UI language."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    if not chosen and sys.platform == "win32":
        import ctypes

        primary_language: int = ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF
        return primary_language == 0x04  # LANG_CHINESE
    return re.match("zh|chinese", chosen, re.IGNORECASE) is not None


def _stdout_takes_chinese() -> bool:
    try:
        "中文".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
