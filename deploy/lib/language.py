"""Messages in Chinese where the operator's locale is Chinese, else in English."""

from __future__ import annotations

import argparse
import gettext
import os
from pathlib import Path

from doctor.texts import system_language

LOCALES = Path(__file__).parent / "locale"
DOMAIN = "argparse"  # the name of the .mo file; `msgfmt -o argparse.mo argparse.po` compiles it
NO_DOMAIN = "messages"  # gettext's own default


def said(english: str, chinese: str) -> str:
    return chinese if system_language() == "zh" else english


def choose_words_of_argparse() -> None:
    """Give argparse's own words, which it asks of gettext, the language of the operator."""
    if system_language() == "en":
        gettext.textdomain(NO_DOMAIN)
        return
    gettext.bindtextdomain(DOMAIN, str(LOCALES))
    gettext.textdomain(DOMAIN)
    if gettext.find(DOMAIN, str(LOCALES)) is None:  # LANGUAGE, which we do not ask, wins there
        os.environ["LANGUAGE"] = "zh"


def help_formatter() -> type[argparse.HelpFormatter]:
    """Return the class that lays out help. argparse cannot wrap Chinese, which has no spaces."""
    return argparse.RawTextHelpFormatter if system_language() == "zh" else argparse.HelpFormatter
