"""`flask doctor`: the doctor with the settings and the database of this service."""

import json
import re

import pytest

import doctor
from doctor import Target
from myapi import create_app
from myapi.cli import database_checks, settings_checks
from myapi.settings import Settings
from tests.doctor.example import (
    APPID,
    APPSECRET,
    KEY,
    PRODUCTION,
    URL,
    checks_of,
    closed,
    script,
)
from tests.revisions import HEAD

pytestmark = pytest.mark.on_mysql


def test_flask_doctor_works_with_invalid_settings(flask):
    result = flask("doctor", "--json", "--lang", "en", env="production", workers="many")
    checks = checks_of(result)
    assert result.returncode == 2
    assert checks["settings"]["status"] == "fail"
    for problem in (
        "MYAPI_SECRET_KEYS",
        "MYAPI_WECHAT_APPID",
        "MYAPI_WECHAT_SECRET",
        "MYAPI_WORKERS",
    ):
        assert problem in checks["settings"]["evidence"]
    assert checks["database"]["status"] == "skip"
    assert "Traceback" not in result.stderr


def test_flask_doctor_checks_the_public_url_of_the_settings(flask):
    only = ("--only", "dns", "--json", "--lang", "en")
    result = flask("doctor", *only, **PRODUCTION, public_url="https://nowhere.invalid")
    assert "nowhere.invalid" in checks_of(result)["dns"]["evidence"]
    given = flask("doctor", "https://given.invalid", *only, **PRODUCTION, public_url=URL)
    assert "given.invalid" in checks_of(given)["dns"]["evidence"]


def test_flask_doctor_works_without_a_database(flask, tmp_path):
    unreachable_wechat = {**PRODUCTION, "wechat_base_url": "http://127.0.0.1:1"}
    mysql = "mysql+pymysql://nobody:the-password-of-nobody@127.0.0.1:1/nothing"
    result = flask(
        "doctor",
        "--json",
        "--lang",
        "en",
        "--only",
        "database,pool",
        **unreachable_wechat,
        database_url=mysql,
    )
    checks = checks_of(result)
    assert (result.returncode, checks["database"]["status"], checks["pool"]["status"]) == (
        2,
        "fail",
        "skip",
    )
    assert checks["database"]["evidence"].startswith("Can't connect to MySQL server")
    assert "the-password-of-nobody" not in result.stdout
    file = tmp_path / "new.db"
    result = flask(
        "doctor", "--json", "--lang", "en", **unreachable_wechat, database_url=f"sqlite:///{file}"
    )
    assert checks_of(result)["database"]["evidence"] == "there is no database yet"
    assert not file.exists()
    file.touch()
    result = flask(
        "doctor", "--json", "--lang", "en", **unreachable_wechat, database_url=f"sqlite:///{file}"
    )
    assert checks_of(result)["database"]["status"] == "fail"


def test_unmigrated_database_fails(run, execute):
    execute("DELETE FROM alembic_version")
    try:
        printed = run("doctor", "--lang", "en", "--only", "database", code=2).stdout
    finally:
        execute("INSERT INTO alembic_version VALUES (:v)", v=HEAD)
    assert "`flask db upgrade` has not been run" in printed


def test_database_and_its_settings_are_checked(run, app):
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
        expected = "journal_mode = wal, synchronous = 2, foreign_keys = 1"
        assert checks["database_settings"]["evidence"] == expected
    else:  # the tests' server trades durability for speed
        assert checks["database_settings"]["status"] == "warn"
        assert "innodb_flush_log_at_trx_commit = 0" in checks["database_settings"]["evidence"]


def test_wrong_database_settings_warn(app, monkeypatch):
    """The app sets the right values on each connection, so the test expects other ones."""
    wanted = {"journal_mode": ("PRAGMA journal_mode", lambda value: value == "delete")}
    monkeypatch.setattr(database_checks, "SQLITE_SETTINGS", wanted)
    monkeypatch.setattr(
        database_checks, "MYSQL_SETTINGS", {"one": ("SELECT 1", lambda value: value == 2)}
    )
    with app.app_context():
        assert database_checks.database_settings.run(Target(None)).status == "warn"


def test_pool_larger_than_mysql_allows_fails(make_app, mariadb, migrated_mariadb):
    app = make_app(database_url=migrated_mariadb, workers=32)
    with app.app_context():
        found = database_checks.pool.run(Target(None))
    assert found.status == "fail"
    assert re.fullmatch(r"this host opens up to 640, MySQL allows \d+", found.evidence.en)


@pytest.mark.parametrize("settings", [{}, {"wechat_appid": APPID, "wechat_secret": APPSECRET}])
def test_development_on_a_public_domain_fails(flask, settings):
    args = ("--json", "--lang", "en", "--only", "environment,settings")
    checks = checks_of(flask("doctor", URL, *args, *closed(), **settings))
    word = "development" if settings else "sandbox"
    assert checks["environment"]["evidence"] == f"{word}; on a public domain"
    assert checks["environment"]["status"] == "fail"
    assert checks_of(flask("doctor", *args, **settings))["environment"]["status"] == "ok"


@pytest.mark.parametrize(
    ("settings", "status", "named"),
    [
        ({"secret_keys": "change-me-" * 4}, "fail", "MYAPI_SECRET_KEYS 1"),
        ({"secret_keys": f"{KEY},{'ab' * 20}"}, "fail", "MYAPI_SECRET_KEYS 2"),
        ({"wechat_secret": "its-own-secret"}, "warn", "MYAPI_WECHAT_SECRET"),
        ({"wechat_appid": "touristappid"}, "warn", "MYAPI_WECHAT_APPID"),
        ({}, "ok", "no weak secret"),
    ],
    ids=["example", "second", "secret", "appid", "none"],
)
def test_weak_secrets_are_named(tmp_path, settings, status, named):
    given = {"wechat_appid": APPID, "wechat_secret": APPSECRET, "secret_keys": KEY, **settings}
    given["secret_keys"] = tuple(given["secret_keys"].split(","))
    app = create_app(Settings(**given, env="production", instance_path=tmp_path))
    with app.app_context():
        found = settings_checks.secrets.run(Target(None))
    assert (found.status, named in found.evidence.en) == (status, True)
    for secret in settings.values():
        assert secret not in found.evidence.en + found.evidence.zh


def test_misspelt_setting_warns(flask):
    result = flask("doctor", "--json", "--only", "settings", environ={"MYAPI_WROKERS": "2"})
    assert checks_of(result)["settings"]["status"] == "warn"
    assert "did you mean MYAPI_WORKERS?" in checks_of(result)["settings"]["evidence"]


def test_debug_mode_is_detected(flask):
    result = flask("doctor", "--json", "--only", "debug", environ={"FLASK_DEBUG": "1"})
    assert (result.returncode, checks_of(result)["debug"]["status"]) == (1, "warn")


def test_from_outside_runs_the_outside_checks_only(flask):
    result = flask("doctor", URL, "--from-outside", "--json", *closed(), env="production")
    assert list(checks_of(result)) == [one.id for one in doctor.OUTSIDE]
    assert result.returncode == 2


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
def test_invalid_arguments_are_a_usage_error(tmp_path, args):
    app = create_app(Settings(secret_keys=(KEY,), instance_path=tmp_path))
    result = app.test_cli_runner().invoke(args=["doctor", *args])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


def test_explain_works_in_both_commands(flask):
    for result in (
        script("--explain", "502", "--lang", "zh"),
        flask("doctor", "--explain", "502", "--lang", "zh"),
    ):
        assert result.returncode == 0
        assert "\n手机或日志里：success 回调里 statusCode 为 502、503 或 504\n" in result.stdout
        assert "settings" in result.stdout or "gateway" in result.stdout
    asked = json.loads(script("--explain", "502", "--json").stdout)
    assert "gateway" in [each["id"] for each in asked["checks"]]
    assert list(asked) == ["meaning", "checks"]
    assert flask("doctor", "--explain", "purple").returncode == 1
