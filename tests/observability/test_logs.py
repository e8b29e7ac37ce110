"""Log lines in JSON and in text; secrets are masked in both."""

import json
import logging
import time

import pytest

from myapi.observability.logs import JsonFormatter, TextFormatter, mask


def record(message, *args, **extra):
    entry = logging.makeLogRecord({"msg": message, "args": args, "levelname": "INFO", "name": "n"})
    entry.__dict__.update(extra)
    return entry


def test_json_line_has_time_level_message_and_fields():
    line = json.loads(JsonFormatter().format(record("a %s", "b", event="login", user="u1")))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "logger": "n", "msg": "a b", "event": "login", "user": "u1"}


def test_json_line_shows_values_that_json_cannot_represent():
    line = json.loads(JsonFormatter().format(record("x", thing=object(), text="\ud800")))
    assert "object object" in line["thing"]


def test_json_line_escapes_line_breaks():
    text = JsonFormatter().format(record("a\nb %s", '"c"\r\n{"level":"x"}'))
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028"])
def test_text_line_indents_text_after_a_line_break(end):
    forged = f"x{end}12:00:00.000 ERROR   forged"
    try:
        raise ValueError(forged)
    except ValueError as error:
        entry = record(forged, user=forged, exc_info=(type(error), error, error.__traceback__))
    first, *rest = TextFormatter().format(entry).splitlines()
    assert "INFO" in first
    assert sum("ERROR   forged" in line for line in rest) == 3
    assert all(line.startswith("    ") for line in rest)


def test_text_line_escapes_control_characters():
    assert TextFormatter().format(record("\x1b[2J\x07")).count("\\x") == 2


def test_text_omits_empty_fields():
    text = TextFormatter().format(record("hello", event="login", user=None))
    assert "event=login" in text
    assert "user" not in text


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_traceback_is_logged_and_masked(formatter):
    try:
        raise ValueError("js_code=081abcdef")
    except ValueError as error:
        entry = record("failed", exc_info=(type(error), error, error.__traceback__))
    text = formatter.format(entry)
    assert "ValueError" in text
    assert "081abcdef" not in text


@pytest.mark.parametrize(
    "text",
    [
        "GET /sns/jscode2session?appid=wx1&secret=S3CRET&js_code=S3CRET&grant_type=x",
        '{"session_key": "S3CRET", "openid": "o"}',
        "{'session_key': 'S3CRET'}",
        '{\\"session_key\\": \\"S3CRET\\"}',
        "Authorization: Bearer S3CRET",
        "mysql+pymysql://myapi:S3CRET@db/myapi",
        "redis://:S3CRET@cache/0",
        "access_token=S3CRET",
        "login?code=S3CRET",
        '{"code": "S3CRET"}',
        "{'code': 'S3CRET'}",
        '{\\"code\\": \\"S3CRET\\"}',
        "password: S3CRET",
        "MYAPI_WECHAT_SECRET=S3CRET",
        "MYAPI_SECRET_KEYS=S3CRET",
    ],
)
def test_mask_replaces_secrets(text):
    assert "S3CRET" not in mask(text)
    assert "***" in mask(text)


@pytest.mark.parametrize("piece", ["://a:", "secret", 'secret=\\"', "bearer ", "a" * 31 + ".", "-"])
def test_mask_is_fast_on_long_text(piece):
    text = piece * (65536 // len(piece)) + "token"
    started = time.process_time()
    mask(text)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "text",
    [
        "errcode=40163",
        "code been used",
        "status code 200",
        "a plain line",
        "code: invalid",
        "the database is at a newer revision than this code: 0002",
        "exit code: 3",
    ],
)
def test_mask_keeps_text_that_is_not_secret(text):
    assert mask(text) == text


def test_colours_of_the_server_of_flask_run_are_left_out(make_app, caplog):
    make_app()
    make_app()  # one filter, however many apps
    server = logging.getLogger("werkzeug")
    server.warning('\x1b[31m\x1b[1mWARNING: %s\x1b[0m "%s" 404', "a server", "\x1b[33mGET /\x1b[0m")
    server.warning("port %(port)s", {"port": 5000})
    assert caplog.messages[-2:] == ['WARNING: a server "GET /" 404', "port 5000"]
    assert len(server.filters) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_own_code_logs_from_info_on(app):
    assert logging.getLogger("app.notes").isEnabledFor(logging.INFO)
