"""The language of a page: the one chosen by the switch, else what the browser asks for.

`zh.json` has the Chinese of each English text, as `app/zh.json` has for a team's own pages.
"""

import functools
import json
from pathlib import Path
from typing import Any, Literal

from flask import Response, current_app, request

from myapi.web.error_handlers import prefers_chinese

Language = Literal["en", "zh"]

TEXTS = Path(__file__).parent / "zh.json"
COOKIE = "myapi_console_language"
YEAR = 365 * 24 * 3600


def language() -> Language:
    chosen = _asked() or request.cookies.get(COOKIE)
    if chosen in ("en", "zh"):
        return "zh" if chosen == "zh" else "en"
    return "zh" if prefers_chinese(request.headers.get("Accept-Language", "")) else "en"


def translate(text: str, **values: Any) -> str:  # noqa: ANN401
    """Return a text in the language of the page, with `{name}` replaced by values."""
    if language() == "zh":
        text = chinese_texts().get(text) or current_app.extensions["own_texts"].get(text, text)
    return text.format(**values) if values else text


def remember(response: Response) -> None:
    """Keep what the switch has chosen."""
    if asked := _asked():
        response.set_cookie(
            COOKIE,
            asked,
            max_age=YEAR,
            path="/console",
            secure=request.scheme == "https",
            httponly=True,
            samesite="Strict",
        )


@functools.cache
def chinese_texts() -> dict[str, str]:
    found: dict[str, str] = json.loads(TEXTS.read_text(encoding="utf-8"))
    return found


def _asked() -> str | None:
    asked = request.args.get("lang")
    return asked if asked in ("en", "zh") else None
