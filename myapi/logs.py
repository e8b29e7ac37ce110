"""Log lines: JSON for machines, short text in development; secrets masked in either."""

import logging
import re
import sys
from datetime import datetime, timezone
from typing import Any

import msgspec
from flask import g, has_request_context

from myapi.settings import Settings

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
SECRETS = re.compile(
    r"""(\b(?:app_?secret|secret|js_code|code|session_key|access_token|token|password|passwd)["']?\s*[=:]\s*["']?)"""
    r"""[^\s"'&,})]+""",
    re.IGNORECASE,
)
BEARER = re.compile(r"(bearer\s+)\S+", re.IGNORECASE)
USERINFO = re.compile(r"(://[^\s:/@]*:)[^\s@]+@")


def init_app(settings: Settings) -> None:
    """Send what is logged to stderr, once per process, in the format of the settings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h.formatter, JsonFormatter | TextFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger("myapi").setLevel(logging.INFO)


def for_gunicorn(settings: Settings) -> dict[str, Any]:
    """Have Gunicorn's own lines in the same format (the shape is that of logging.config)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"myapi": {"()": _formatter, "settings": settings}},
        "root": {"level": "WARNING"},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "myapi"}},
        "loggers": {
            "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        },
    }


def _formatter(settings: Settings) -> logging.Formatter:
    return JsonFormatter() if settings.log_format == "json" else TextFormatter()


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, msg, and whatever `extra` gave."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        text = msgspec.json.encode(line, enc_hook=repr).decode()
        return text if "event" in line and line["event"] == "request" else mask(text)


class TextFormatter(logging.Formatter):
    """A line to read while developing."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{k}={v}" for k, v in _fields(record).items() if v not in {None, ""})
        text = f"{_time(record)[11:23]} {record.levelname:<7} {record.getMessage()}  {fields}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return mask(text)


def mask(text: str) -> str:
    """Replace what stands where a secret would.

    No secret is logged on purpose; this is for the library or the line of tomorrow that does.
    """
    text = SECRETS.sub(r"\1***", text)
    text = BEARER.sub(r"\1***", text)
    return USERINFO.sub(r"\1***@", text)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {k: v for k, v in vars(record).items() if k not in STANDARD}
    if has_request_context() and "request_id" in g:
        fields.setdefault("request_id", g.request_id)
    return fields
