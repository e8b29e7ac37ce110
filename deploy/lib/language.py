"""Messages in Chinese where the operator's locale is Chinese, else in English."""

from __future__ import annotations

from doctor.texts import system_language


def said(english: str, chinese: str) -> str:
    return chinese if system_language() == "zh" else english
