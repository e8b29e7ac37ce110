"""Commands in Chinese: their help from `zh.json`, and click's own words by gettext.

`zh.json` maps a paragraph of English help to Chinese, as `app/zh.json` does for a team's own.
click asks gettext for its words, in the domain that the process has chosen; `click.po` is their
source, and `msgfmt -o click.mo click.po` compiles it.
"""

import copy
import functools
import gettext
import inspect
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import click
from flask.cli import ScriptInfo

from myapi.cli.help import Context
from myapi.language import language

TEXTS = Path(__file__).parent / "zh.json"
LOCALES = Path(__file__).parent / "locale"
DOMAIN = "click"  # the name of the .mo file
NO_DOMAIN = "messages"  # gettext's own default


def choose_language() -> None:
    """Give click's words the language of the user."""
    if language() == "en":
        gettext.textdomain(NO_DOMAIN)
        return
    gettext.bindtextdomain(DOMAIN, str(LOCALES))
    gettext.textdomain(DOMAIN)
    if gettext.find(DOMAIN, str(LOCALES)) is None:  # on Windows no variable names the language
        os.environ["LANGUAGE"] = "zh"


def in_language(command: click.Command) -> click.Command:
    """Return the command with its help in the user's language."""
    return _in_chinese(command) if language() == "zh" else command


def translated(text: str) -> str:
    """Translate help paragraph by paragraph; what has no translation stays English."""
    texts = {**_texts(), **_own_texts()}
    paragraphs = [" ".join(each.split()) for each in re.split(r"\n\s*\n", inspect.cleandoc(text))]
    return "\n\n".join(texts.get(paragraph, paragraph) for paragraph in paragraphs)


def _in_chinese(command: click.Command) -> click.Command:
    twin = copy.copy(command)
    twin.context_class = Context
    if command.help:
        twin.help = translated(command.help)
        twin.short_help = translated(command.short_help or "") or _first_sentence(twin.help)
    twin.params = [_option_in_chinese(parameter) for parameter in command.params]
    if isinstance(twin, click.Group):
        twin.commands = {name: _in_chinese(each) for name, each in twin.commands.items()}
    return twin


def _first_sentence(text: str) -> str:
    """Return what a list of commands shows: click ends a sentence at an English full stop."""
    return re.split("(?<=。)|\n", text, maxsplit=1)[0]


def _option_in_chinese(parameter: click.Parameter) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.help:
        return parameter
    twin = copy.copy(parameter)
    twin.help = translated(parameter.help)
    return twin


@functools.cache
def _texts() -> Mapping[str, str]:
    found: dict[str, str] = json.loads(TEXTS.read_text(encoding="utf-8"))
    return found


def _own_texts() -> Mapping[str, str]:
    """Return the texts of the team's own code."""
    context = click.get_current_context(silent=True)
    script = context.find_object(ScriptInfo) if context else None
    return script.load_app().extensions.get("own_texts", {}) if script else {}
