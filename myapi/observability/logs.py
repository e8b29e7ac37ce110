"""Log lines: JSON in production, short text in development. Secrets are masked in both."""

import json
import logging
import re
import sys
from datetime import datetime, timezone
from typing import Any

import msgspec
from flask import has_request_context, request

from myapi.language import localized
from myapi.settings import Settings

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
SECRETS = re.compile(
    r"""((?<![A-Za-z])(?:secret|secret_keys|js_code|code(?==|\\?["'])|session_key|access_token|token|passw(?:or)?d)"""
    r"""(?:\\?["'])?\s*[=:]\s*(?:\\?["'])?)[^\s"'\\&,})]+""",
    re.IGNORECASE,
)
TOKEN = re.compile(r"[\w-]{32}\.[\w-]{43}")  # the format of security.tokens
# A fast first test: text that does not match it holds no secret.
MAY_HOLD_SECRET = re.compile(
    r"secret|code|session_key|token|passw|bearer|://|\.[\w-]{43}", re.IGNORECASE
)
BEARER = re.compile(r"(bearer\s+)\S+", re.IGNORECASE)
# It stops at the next `://`; otherwise a long text full of them would take quadratic time.
USERINFO = re.compile(r"(://[^\s:/@]*:)(?:(?!://)[^\s@])+@")
LINE_BREAKS = re.compile(r"\r\n?|[\n\v\f\x1c-\x1e\x85\u2028\u2029]")
STYLE = re.compile(r"\x1b\[[0-9;]*m")
IN_MESSAGE = {"event", "method", "route", "status"}  # fields that a request's message has already
LEVELS = {"WARNING": "警告", "ERROR": "错误"}
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")


def init_app(settings: Settings) -> None:
    """Log to stderr, with one handler per process, in the format of the settings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h.formatter, JsonFormatter | TextFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    for name in ("myapi", "app"):  # ours, and the team's own code
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("werkzeug").addFilter(_without_colours)
    # Do not collect what our lines do not show (logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _without_colours(record: logging.LogRecord) -> bool:
    """Remove the colours of the server of `flask run`: files and old consoles would show codes."""
    record.msg = STYLE.sub("", str(record.msg))
    if isinstance(record.args, tuple):
        record.args = tuple(STYLE.sub("", a) if isinstance(a, str) else a for a in record.args)
    return True


def use_lines_for_people() -> None:
    """Give the handler of this process the format for a person who runs a command."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonFormatter | TextFormatter):
            handler.setFormatter(LinesForPeople())


def for_gunicorn(settings: Settings) -> dict[str, Any]:
    """Return the `logging.config` dictionary that gives Gunicorn's own lines the same format."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"myapi": {"()": _formatter, "settings": settings}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},  # as `init_app` leaves it
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "myapi"}},
        "loggers": {
            "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        },
    }


def _formatter(settings: Settings) -> logging.Formatter:
    return JsonFormatter() if settings.log_format == "json" else TextFormatter()


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, msg, and the fields given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": _message(record),
            **_fields(record),
        }
        if record.exc_info:
            line["trace"] = mask(self.formatException(record.exc_info))
        try:
            return msgspec.json.encode(line, enc_hook=repr).decode()
        except UnicodeEncodeError:  # a lone surrogate
            return json.dumps(line, default=repr)


class TextFormatter(logging.Formatter):
    """A short line for people. Text after a line break is indented, so it cannot forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        told = IN_MESSAGE if hasattr(record, "fields") else ()
        fields = " ".join(
            f"{k}={v}" for k, v in _fields(record).items() if k not in told and v not in {None, ""}
        )
        text = f"{_time(record)[11:23]} {record.levelname:<7} {_message(record)}  {fields}".rstrip()
        if record.exc_info:
            text += "\n" + mask(self.formatException(record.exc_info))
        text = LINE_BREAKS.sub("\n    ", text)
        return CONTROL_CHARACTERS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class LinesForPeople(TextFormatter):
    """What a command has to say beside its answer: `warning: MYAPI_FOO is not a setting`."""

    def format(self, record: logging.LogRecord) -> str:
        level = localized(record.levelname.lower(), LEVELS.get(record.levelname, record.levelname))
        text = LINE_BREAKS.sub("\n    ", f"{level}{localized(': ', '：')}{_message(record)}")
        return CONTROL_CHARACTERS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def mask(text: str) -> str:
    """Replace what looks like a secret by `***`.

    No secret is logged on purpose. This protects against libraries and later code that log one.
    """
    if not MAY_HOLD_SECRET.search(text):
        return text
    text = SECRETS.sub(r"\1***", text)
    text = BEARER.sub(r"\1***", text)
    text = TOKEN.sub("***", text)
    return USERINFO.sub(r"\1***@", text)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    return message if hasattr(record, "fields") else mask(message)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields given as `extra`. The request log gives them all as one dict `fields`."""
    given: dict[str, Any] | None = getattr(record, "fields", None)
    if given is not None:
        return given
    fields = {k: v for k, v in vars(record).items() if k not in STANDARD_FIELDS}
    fields = {k: mask(v) if isinstance(v, str) else v for k, v in fields.items()}
    if has_request_context():
        fields.setdefault("request_id", request.environ.get("myapi.request_id"))
    return fields
