"""`flask doctor`: the doctor with the settings and the database of this service."""

import json
import re

import pytest

from myapi import create_app, doctor
from myapi.cli import doctor_checks
from myapi.doctor import Visit
from myapi.schema_version import _revisions
from myapi.settings import Settings
from tests.test_doctor import (
    APPID,
    APPSECRET,
    KEY,
    PRODUCTION,
    URL,
    checks_of,
    closed,
    script,
)


def test_flask_doctor_works_with_settings_that_are_wrong(flask):
    done = flask("doctor", "--json", "--lang", "en", env="production", workers="many")
    checks = checks_of(done)
    assert done.returncode == 2
    assert checks["settings"]["status"] == "fail"
    for problem in (
        "MYAPI_SECRET_KEYS",
        "MYAPI_WECHAT_APPID",
        "MYAPI_WECHAT_SECRET",
        "MYAPI_WORKERS",
    ):
        assert problem in checks["settings"]["evidence"]
    assert checks["database"]["status"] == "skip"
    assert "Traceback" not in done.stderr


def test_flask_doctor_works_without_a_database(flask, tmp_path):
    nowhere = {**PRODUCTION, "wechat_base_url": "http://127.0.0.1:1"}
    mysql = "mysql+pymysql://nobody:the-password-of-nobody@127.0.0.1:1/nothing"
    done = flask(
        "doctor", "--json", "--lang", "en", "--only", "database,pool", **nowhere, database_url=mysql
    )
    checks = checks_of(done)
    assert (done.returncode, checks["database"]["status"], checks["pool"]["status"]) == (
        2,
        "fail",
        "skip",
    )
    assert checks["database"]["evidence"].startswith("Can't connect to MySQL server")
    assert "the-password-of-nobody" not in done.stdout
    file = tmp_path / "new.db"
    done = flask("doctor", "--json", "--lang", "en", **nowhere, database_url=f"sqlite:///{file}")
    assert checks_of(done)["database"]["evidence"] == "there is no database yet"
    assert not file.exists()
    file.touch()
    done = flask("doctor", "--json", "--lang", "en", **nowhere, database_url=f"sqlite:///{file}")
    assert checks_of(done)["database"]["status"] == "fail"


def test_a_database_that_is_not_migrated(run, execute):
    execute("DELETE FROM alembic_version")
    try:
        told = run("doctor", "--lang", "en", "--only", "database", code=2).stdout
    finally:
        execute("INSERT INTO alembic_version VALUES (:v)", v=newest())
    assert "it waits for `flask db upgrade`" in told


def newest():
    return _revisions()[0]


def test_the_database_and_its_settings(run, app):
    result = run(
        "doctor",
        "--json",
        "--only",
        "database,database_settings,pool",
        code=(0 if "sqlite" in app.config["SQLALCHEMY_DATABASE_URI"] else 1),
    )
    checks = checks_of(result)
    assert checks["database"]["status"] == checks["pool"]["status"] == "ok"
    if "sqlite" in app.config["SQLALCHEMY_DATABASE_URI"]:
        said = "journal_mode = wal, synchronous = 2, foreign_keys = 1"
        assert checks["database_settings"]["evidence"] == said
    else:  # the tests' own is quicker than it is safe
        assert checks["database_settings"]["status"] == "warn"
        assert "innodb_flush_log_at_trx_commit = 0" in checks["database_settings"]["evidence"]


def test_settings_of_sqlite_that_are_wrong(app, monkeypatch):
    """What the app sets by itself at each connection cannot be wrong; so it is asked for more."""
    wanted = {"journal_mode": ("PRAGMA journal_mode", lambda value: value == "delete")}
    monkeypatch.setattr(doctor_checks, "SQLITE_SETTINGS", wanted)
    monkeypatch.setattr(
        doctor_checks, "MYSQL_SETTINGS", {"one": ("SELECT 1", lambda value: value == 2)}
    )
    with app.app_context():
        assert doctor_checks.database_settings(Visit(None)).status == "warn"


def test_more_connections_than_mysql_allows(make_app, mariadb, migrated_mariadb):
    app = make_app(database_url=migrated_mariadb, workers=32)
    with app.app_context():
        found = doctor_checks.pool(Visit(None))
    assert found.status == "fail"
    assert re.fullmatch(r"this host opens up to 640, MySQL allows \d+", found.evidence.en)


@pytest.mark.parametrize("settings", [{}, {"wechat_appid": APPID, "wechat_secret": APPSECRET}])
def test_development_behind_a_public_name(flask, settings):
    args = ("--json", "--lang", "en", "--only", "environment,settings")
    behind = checks_of(flask("doctor", URL, *args, *closed(), **settings))
    word = "development" if settings else "sandbox"
    assert behind["environment"]["evidence"] == f"{word}; behind a public name"
    assert behind["environment"]["status"] == "fail"
    assert checks_of(flask("doctor", *args, **settings))["environment"]["status"] == "ok"


@pytest.mark.parametrize(
    ("settings", "status", "named"),
    [
        ({"secret_keys": "change-me-" * 4}, "fail", "MYAPI_SECRET_KEYS 1"),
        ({"secret_keys": f"{KEY},{'ab' * 20}"}, "fail", "MYAPI_SECRET_KEYS 2"),
        ({"wechat_secret": "its-own-secret"}, "warn", "MYAPI_WECHAT_SECRET"),
        ({"wechat_appid": "touristappid"}, "warn", "MYAPI_WECHAT_APPID"),
        ({}, "ok", "none"),
    ],
    ids=["example", "second", "secret", "appid", "none"],
)
def test_secrets_that_are_none(tmp_path, settings, status, named):
    given = {"wechat_appid": APPID, "wechat_secret": APPSECRET, "secret_keys": KEY, **settings}
    given["secret_keys"] = tuple(given["secret_keys"].split(","))
    app = create_app(Settings(**given, env="production", instance_path=tmp_path))
    with app.app_context():
        found = doctor_checks.secrets(Visit(None))
    assert (found.status, named in found.evidence.en) == (status, True)
    for secret in settings.values():
        assert secret not in found.evidence.en + found.evidence.zh


def test_settings_worth_knowing(flask):
    done = flask("doctor", "--json", "--only", "settings", environ={"MYAPI_WROKERS": "2"})
    assert checks_of(done)["settings"]["status"] == "warn"
    assert "did you mean MYAPI_WORKERS?" in checks_of(done)["settings"]["evidence"]


def test_debug_is_seen_by_the_command(flask):
    done = flask("doctor", "--json", "--only", "debug", environ={"FLASK_DEBUG": "1"})
    assert (done.returncode, checks_of(done)["debug"]["status"]) == (1, "warn")


def test_the_command_looks_from_outside(flask):
    done = flask("doctor", URL, "--from-outside", "--json", *closed(), env="production")
    assert list(checks_of(done)) == [one.id for one in doctor.OUTSIDE]
    assert done.returncode == 2


@pytest.mark.parametrize(
    "args",
    [
        ["--from-outside"],
        ["https://"],
        ["--only", "nonsense"],
        ["--resolve", "nonsense"],
        ["--ca", "/nowhere/ca.pem"],
        ["--changes", "/nowhere/changes.json"],
    ],
    ids=" ".join,
)
def test_wrong_words_are_a_usage_error(tmp_path, args):
    app = create_app(Settings(secret_keys=(KEY,), instance_path=tmp_path))
    result = app.test_cli_runner().invoke(args=["doctor", *args])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


def test_explain_in_both_commands(flask):
    for done in (
        script("--explain", "502", "--lang", "zh"),
        flask("doctor", "--explain", "502", "--lang", "zh"),
    ):
        assert done.returncode == 0
        assert "现象: success 回调里 statusCode 为 502、503 或 504" in done.stdout
        assert "settings" in done.stdout or "gateway" in done.stdout
    asked = json.loads(script("--explain", "502", "--json").stdout)
    assert "gateway" in [each["id"] for each in asked["checks"]]
    assert "errno" in script("--explain", "purple", "--lang", "en").stdout
