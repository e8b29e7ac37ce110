"""Settings are read once; all problems are reported together."""

import os
import re
import stat
from urllib.parse import quote

import pytest
from redis.connection import parse_url
from sqlalchemy.engine import make_url

from myapi import create_app
from myapi.settings import Settings, SettingsError, unknown_variables, variables
from tests.raw_logins import ADVICE, PARTS, RAW_LOGINS

PRODUCTION = {
    "MYAPI_ENV": "production",
    "MYAPI_SECRET_KEYS": "k" * 32,
    "MYAPI_WECHAT_APPID": "wx0123456789abcdef",
    "MYAPI_WECHAT_SECRET": "0123456789abcdef0123456789abcdef",
}
PUSH_KEYS = {"MYAPI_WECHAT_PUSH_TOKEN": "AAAAA", "MYAPI_WECHAT_PUSH_AES_KEY": f"{'+/aZ0' * 8}b9G"}
BOTH = "MYAPI_WECHAT_PUSH_TOKEN, MYAPI_WECHAT_PUSH_AES_KEY: set both, or neither to take no pushes"


def read(tmp_path, **environ):
    return Settings.from_env(environ, tmp_path)


HAN = re.compile("[一-鿿]")


def problems(tmp_path, environ):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ, tmp_path)
    return caught.value.problems


def test_development_needs_no_settings_and_keeps_its_own_key(tmp_path):
    first, second = read(tmp_path), read(tmp_path)
    assert first.env == "development"
    assert first.sandbox
    assert first.secret_keys == second.secret_keys
    assert len(first.secret_keys[0]) >= 32


@pytest.mark.skipif(os.name == "nt", reason="POSIX file modes")
def test_development_key_is_readable_by_its_owner_only(tmp_path):
    read(tmp_path)
    assert stat.S_IMODE((tmp_path / "instance" / "secret_keys").stat().st_mode) == 0o600


def test_folder_that_cannot_be_created_is_a_settings_error(tmp_path):
    (tmp_path / "instance").write_text("not a folder")
    assert "secret_keys" in problems(tmp_path, {})[0]


def test_defaults_are_as_documented(tmp_path):
    settings = read(tmp_path)
    assert settings.wechat_timeout == 3
    assert (settings.session_idle_days, settings.session_max_days) == (7, 30)
    assert settings.sessions_per_user == 10
    assert settings.decrypt_max_age == 300
    assert settings.trusted_proxies == 0
    assert settings.client_address_header == "X-Forwarded-For"
    assert settings.worker_timeout == 30
    assert settings.max_body_bytes == 65536
    assert settings.log_format == "text"
    assert settings.bind == "127.0.0.1:8000"
    assert settings.wechat_concurrency == 500
    assert not settings.content_check
    assert read(tmp_path, MYAPI_CONTENT_CHECK="on").content_check
    assert settings.rate_limit_login == "600/minute"
    assert Settings.from_env(PRODUCTION, tmp_path).trusted_proxies == 1
    assert Settings.from_env(PRODUCTION, tmp_path).log_format == "json"


def test_production_lists_all_missing_settings_at_once(tmp_path):
    found = problems(tmp_path, {"MYAPI_ENV": "production", "MYAPI_WORKERS": "many"})
    text = "\n".join(found)
    for name in ("SECRET_KEYS", "WECHAT_APPID", "WECHAT_SECRET", "WORKERS"):
        assert f"MYAPI_{name}" in text
    assert not (tmp_path / "instance").exists(), "production creates no key"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENV", "prod"),
        ("SECRET_KEYS", "too short"),
        ("SECRET_KEYS", f"{'k' * 32},short"),
        ("SECRET_KEYS", f"{'k' * 32},{'k' * 32}"),
        ("SECRET_KEYS", ","),
        ("DATABASE_URL", "postgresql://h/d"),
        ("DATABASE_URL", "mysql://u:p@h/d"),
        ("DATABASE_URL", "mysql+pymysql://u:p@h/"),
        ("DATABASE_URL", "mysql+pymysql://u:p@h/d?charset=latin1"),
        ("DATABASE_URL", "mysql+pymysql://u:p%E5%AF%86@h/d"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "not a url"),
        ("WECHAT_BASE_URL", "http://api.weixin.qq.com"),
        ("WECHAT_BASE_URL", "https://api.weixin.qq.com/path"),
        ("WECHAT_BASE_URL", "https://user:pw@host"),
        ("WECHAT_BASE_URL", "ftp://127.0.0.1"),
        ("WECHAT_BASE_URL", "https://host:port"),
        ("WECHAT_TIMEOUT", "0"),
        ("WECHAT_TIMEOUT", "inf"),
        ("WECHAT_TIMEOUT", "nan"),
        ("WECHAT_CONCURRENCY", "0"),
        ("WECHAT_CONCURRENCY", "2001"),
        ("RATE_LIMIT_STORAGE_URL", "memcached://x"),
        ("RATE_LIMIT_STORAGE_URL", "redis://:the-password"),
        ("RATE_LIMIT_STORAGE_URL", "redis://:the-password@cache：6379/0"),
        ("RATE_LIMIT_LOGIN", "0/minute/what"),
        ("RATE_LIMIT_LOGIN", "often"),
        ("SESSION_IDLE_DAYS", "-1"),
        ("SESSION_IDLE_DAYS", "٣"),
        ("SESSION_IDLE_DAYS", "31"),
        ("PUBLIC_URL", "http://api.example.com"),
        ("PUBLIC_URL", "https://api.example.com/path"),
        ("PUBLIC_URL", "https://api.example.com:99999"),
        ("PUBLIC_URL", "https://user@api.example.com"),
        ("PUBLIC_URL", "shop.example.com"),
        ("TRUSTED_PROXIES", "x"),
        ("CLIENT_ADDRESS_HEADER", "X_Forwarded_For"),
        ("CLIENT_ADDRESS_HEADER", "X-Forwarded-For: 1.1.1.1"),
        ("CLIENT_ADDRESS_HEADER", "X-Real-IP,X-Forwarded-For"),
        ("CLIENT_ADDRESS_HEADER", "真实地址"),
        ("CLIENT_ADDRESS_HEADER", "forwarded"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("CORS_ORIGINS", "null"),
        ("MAX_BODY_BYTES", "10"),
        ("LOG_FORMAT", "xml"),
        ("DEV_LAN", "maybe"),
        ("WECHAT_APPID", "wx with spaces"),
        ("WECHAT_SECRET", "with spaces"),
        ("BIND", "a b"),
        ("WORKER_TIMEOUT", "4"),
        ("WORKER_TIMEOUT", "3601"),
        ("WORKER_TIMEOUT", "never"),
    ],
)
def test_invalid_value_is_reported_by_name_and_not_repeated(tmp_path, name, value, monkeypatch):
    found = problems(tmp_path, {**PRODUCTION, f"MYAPI_{name}": value})
    assert any(p.startswith(f"MYAPI_{name}") for p in found)
    if len(value) > 9:
        assert value not in "\n".join(found)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    chinese = problems(tmp_path, {**PRODUCTION, f"MYAPI_{name}": value})
    assert [told for told in chinese if not HAN.search(told)] == []


@pytest.mark.parametrize(
    ("name", "value", "attribute", "wanted"),
    [
        ("SECRET_KEYS", f"{'a' * 32}, {'b' * 40}", "secret_keys", ("a" * 32, "b" * 40)),
        ("RATE_LIMIT_LOGIN", "5", "rate_limit_login", "5/minute"),
        ("RATE_LIMIT_LOGIN", "10/second", "rate_limit_login", "10/second"),
        ("RATE_LIMIT_STORAGE_URL", "redis://h:1/0", "rate_limit_storage_url", "redis://h:1/0"),
        ("WECHAT_BASE_URL", "http://127.0.0.1:9/", "wechat_base_url", "http://127.0.0.1:9"),
        ("WECHAT_BASE_URL", "http://[::1]:9", "wechat_base_url", "http://[::1]:9"),
        ("PUBLIC_URL", "https://api.example.com/", "public_url", "https://api.example.com"),
        (
            "PUBLIC_URL",
            "https://api.example.com:8443",
            "public_url",
            "https://api.example.com:8443",
        ),
        ("WECHAT_TIMEOUT", "2.5", "wechat_timeout", 2.5),
        ("WECHAT_CONCURRENCY", "2000", "wechat_concurrency", 2000),
        (
            "CORS_ORIGINS",
            "https://a.example, http://b:8080",
            "cors_origins",
            ("https://a.example", "http://b:8080"),
        ),
        (
            "DATABASE_URL",
            "mysql+pymysql://u:p%40w@h/d",
            "database_url",
            "mysql+pymysql://u:p%40w@h/d?charset=utf8mb4",
        ),
        ("SESSION_MAX_DAYS", "3", "session_max_days", 3),
        ("CLIENT_ADDRESS_HEADER", "x-real-ip", "client_address_header", "x-real-ip"),
        ("WORKER_TIMEOUT", "0", "worker_timeout", 0),
        ("WORKER_TIMEOUT", "5", "worker_timeout", 5),
    ],
)
def test_valid_value_is_parsed(tmp_path, name, value, attribute, wanted):
    settings = Settings.from_env({**PRODUCTION, f"MYAPI_{name}": value}, tmp_path)
    assert getattr(settings, attribute) == wanted


@pytest.mark.parametrize("login", RAW_LOGINS)
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("MYAPI_DATABASE_URL", "mysql+pymysql://{}@db.example.com/shop"),
        ("MYAPI_RATE_LIMIT_STORAGE_URL", "redis://{}@cache.example.com:6379/0"),
    ],
)
def test_raw_character_in_a_login_is_refused_with_the_way_to_write_it(tmp_path, name, url, login):
    """Each parser of URLs would end such a password elsewhere, and show the rest as a host."""
    (problem,) = problems(tmp_path, {**PRODUCTION, name: url.format(login)})
    assert problem.startswith(f"{name}: {ADVICE}")
    assert not any(part in problem for part in PARTS)


@pytest.mark.parametrize("password", ["p@/:?#[ ]%", "!$&'()*+,;=-._~\"<>^`{|}\\", ""])
def test_encoded_password_is_the_same_to_all_that_connect(tmp_path, password):
    login = f"shop:{quote(password, safe='')}"
    settings = read(
        tmp_path,
        MYAPI_DATABASE_URL=f"mysql+pymysql://{login}@h/d",
        MYAPI_RATE_LIMIT_STORAGE_URL=f"rediss://{login}@h:6379/0",
    )
    assert make_url(settings.database_url).password == password
    redis = parse_url(settings.rate_limit_storage_url)
    assert (redis.get("password", ""), redis["host"]) == (password, "h")


def test_at_sign_in_the_path_of_a_sqlite_file_is_no_login(tmp_path):
    url = "sqlite:////srv/a@b#50%/myapi.db"
    assert read(tmp_path, MYAPI_DATABASE_URL=url).database_url == url


def test_empty_variable_counts_as_not_set(tmp_path):
    assert read(tmp_path, MYAPI_WORKERS="", MYAPI_ENV="").env == "development"


def test_environment_wins_over_the_env_file(tmp_path):
    (tmp_path / ".env").write_text("MYAPI_DECRYPT_MAX_AGE=4\nMYAPI_WORKERS=3\n")
    settings = read(tmp_path, MYAPI_DECRYPT_MAX_AGE="8")
    assert (settings.decrypt_max_age, settings.workers) == (8, 3)


@pytest.mark.parametrize("encoding", ["utf-16", "gbk"])
def test_env_file_in_another_encoding_is_a_settings_error(tmp_path, encoding):
    (tmp_path / ".env").write_bytes("MYAPI_WORKERS=4 # 四个".encode(encoding))
    assert ".env is not in UTF-8: save it as UTF-8" in problems(tmp_path, {})[0]


def test_env_file_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / ".env").write_bytes("MYAPI_WORKERS=4".encode("utf-8-sig"))
    assert read(tmp_path).workers == 4


def test_lines_of_the_env_file_that_are_no_variables_are_all_told(tmp_path):
    (tmp_path / ".env").write_text(
        "MYAPI_ENV production\n# a comment\nexport MYAPI_WORKERS=3\n= 4\n"
    )
    assert problems(tmp_path, {}) == [
        f"{tmp_path / '.env'}, line 1: must be NAME=value",
        f"{tmp_path / '.env'}, line 4: must be NAME=value",
    ]


def test_value_in_quotes_may_have_several_lines(tmp_path):
    keys = "q8Zk1nV5rT3xW7yB0cD2fG4hJ6lM9pS1,\nU8Zk1nV5rT3xW7yB0cD2fG4hJ6lM9pS2"
    (tmp_path / ".env").write_text(f'# it\'s one\nMYAPI_SECRET_KEYS="{keys}"\nMYAPI_WORKERS=3\n')
    assert read(tmp_path).workers == 3


def test_env_file_of_a_windows_editor_begins_with_a_mark(tmp_path):
    (tmp_path / ".env").write_text("MYAPI_WORKERS=3\n", encoding="utf-8-sig")
    assert read(tmp_path).workers == 3


@pytest.mark.parametrize("bind", ["8000", "localhost:http", "::1", "127.0.0.1:8000,8001", "a b"])
def test_bind_that_is_no_address_is_refused(tmp_path, bind):
    told = "MYAPI_BIND: must be host:port, such as 127.0.0.1:8000, or unix:/path"
    assert problems(tmp_path, {"MYAPI_BIND": bind}) == [told]


@pytest.mark.parametrize(
    "bind",
    [":8000", "localhost", "[::]:80", "unix:/run/a.sock", "fd://3", "10.0.0.1:80,127.0.0.1:81"],
)
def test_bind_is_any_address_of_gunicorn(tmp_path, bind):
    assert read(tmp_path, MYAPI_BIND=bind).bind == bind


@pytest.mark.parametrize(
    ("environ", "bind"),
    [
        ({**PRODUCTION, "PORT": "9000"}, "0.0.0.0:9000"),
        ({"PORT": "9000"}, "127.0.0.1:9000"),
        ({**PRODUCTION, "PORT": "9000", "MYAPI_BIND": ""}, "0.0.0.0:9000"),
        ({**PRODUCTION, "PORT": "9000", "MYAPI_BIND": "10.0.0.1:80"}, "10.0.0.1:80"),
        ({**PRODUCTION, "PORT": "what", "MYAPI_BIND": "10.0.0.1:80"}, "10.0.0.1:80"),
        ({**PRODUCTION, "PORT": ""}, "127.0.0.1:8000"),
    ],
)
def test_port_is_used_where_no_address_is_set_and_opens_no_development(tmp_path, environ, bind):
    assert Settings.from_env(environ, tmp_path).bind == bind
    assert list(unknown_variables(environ, tmp_path)) == []


def test_address_in_the_env_file_wins_over_the_port_of_the_environment(tmp_path):
    (tmp_path / ".env").write_text("MYAPI_BIND=127.0.0.1:8001\n")
    assert read(tmp_path, PORT="9000").bind == "127.0.0.1:8001"


@pytest.mark.parametrize("port", ["0", "65536", "tcp://10.0.0.1:9000", "-1"])
def test_port_that_is_none_is_refused(tmp_path, port):
    told = "PORT: must be a whole number from 1 to 65535"
    assert problems(tmp_path, {**PRODUCTION, "PORT": port}) == [told]


def test_header_of_addresses_needs_a_trusted_proxy_in_production(tmp_path):
    """Without one it is not read, and all clients would count as one address."""
    header = {"MYAPI_CLIENT_ADDRESS_HEADER": "X-Real-IP", "MYAPI_TRUSTED_PROXIES": "0"}
    assert problems(tmp_path, {**PRODUCTION, **header}) == [
        "MYAPI_CLIENT_ADDRESS_HEADER: is read only with MYAPI_TRUSTED_PROXIES of 1 or more"
    ]
    assert read(tmp_path, **header).client_address_header == "X-Real-IP"


@pytest.mark.parametrize("name", sorted(name for name, secret in variables().items() if secret))
def test_secret_is_read_from_its_file(tmp_path, name):
    values = {
        "MYAPI_SECRET_KEYS": "f" * 32,
        "MYAPI_DATABASE_URL": "sqlite:///other.db",
        "MYAPI_WECHAT_SECRET": "from-a-file",
        "MYAPI_RATE_LIMIT_STORAGE_URL": "redis://h:1/0",
        **PUSH_KEYS,
    }
    (tmp_path / "secret").write_text(values[name] + "\n")
    environ = {**PRODUCTION, **PUSH_KEYS, f"{name}_FILE": str(tmp_path / "secret")}
    environ.pop(name, None)
    settings = Settings.from_env(environ, tmp_path)
    attribute = getattr(settings, name.removeprefix("MYAPI_").lower())
    assert attribute in (values[name], (values[name],))


def test_secret_set_twice_or_in_an_unreadable_file_is_a_settings_error(tmp_path):
    twice = {**PRODUCTION, "MYAPI_SECRET_KEYS_FILE": str(tmp_path / "x")}
    assert "set twice" in problems(tmp_path, twice)[0]
    (tmp_path / "empty").touch()
    for path in (tmp_path / "missing", tmp_path / "empty", tmp_path):
        environ = {**PRODUCTION, "MYAPI_WECHAT_SECRET_FILE": str(path)}
        del environ["MYAPI_WECHAT_SECRET"]
        assert "MYAPI_WECHAT_SECRET_FILE" in problems(tmp_path, environ)[0]


def test_appid_without_its_secret_is_a_settings_error_in_development_too(tmp_path):
    assert problems(tmp_path, {"MYAPI_WECHAT_APPID": "wx0123456789abcdef"})
    assert problems(tmp_path, {"MYAPI_WECHAT_SECRET": "0123456789abcdef"})


def test_production_has_no_sandbox_and_no_lan(tmp_path):
    assert not Settings.from_env(PRODUCTION, tmp_path).sandbox
    assert problems(tmp_path, {**PRODUCTION, "MYAPI_DEV_LAN": "on"})


def test_warnings_name_risky_settings(tmp_path):
    settings = Settings.from_env(
        {**PRODUCTION, "MYAPI_WECHAT_BASE_URL": "http://127.0.0.1:1"}, tmp_path
    )
    text = "\n".join(settings.warnings())
    assert "plain http" in text
    assert "not random" in text
    assert "network" in "\n".join(read(tmp_path, MYAPI_DEV_LAN="on").warnings())


def test_a_setting_of_former_releases_is_accepted_with_a_warning(tmp_path):
    given = {"MYAPI_THREADS": "128"}
    assert read(tmp_path, **given) == read(tmp_path)
    (told,) = unknown_variables(given, tmp_path)
    assert "MYAPI_THREADS is no longer used" in told


@pytest.mark.parametrize(
    ("name", "url", "warned"),
    [
        ("DATABASE_URL", "mysql+pymysql://u:p@db.example.com/d", True),
        ("DATABASE_URL", "mysql+pymysql://u:p@10.0.0.5/d?charset=utf8mb4", True),
        ("DATABASE_URL", "mysql+pymysql://u:p@db.example.com/d?ssl_ca=/etc/ssl/db.pem", False),
        ("DATABASE_URL", "mysql+pymysql://u:p@127.0.0.1/d", False),
        ("DATABASE_URL", "mysql+pymysql://u:p@localhost/d?unix_socket=/run/mysqld.sock", False),
        ("RATE_LIMIT_STORAGE_URL", "redis://:p@10.0.0.6:6379/0", True),
        ("RATE_LIMIT_STORAGE_URL", "rediss://:p@10.0.0.6:6379/0", False),
        ("RATE_LIMIT_STORAGE_URL", "redis://[::1]:6379/0", False),
    ],
)
def test_warnings_name_connections_to_another_machine_without_tls(tmp_path, name, url, warned):
    settings = read(tmp_path, **{f"MYAPI_{name}": url})
    warnings = [line for line in settings.warnings() if "TLS" in line]
    assert [line.partition(":")[0] for line in warnings] == [f"MYAPI_{name}"] * warned


def test_unknown_variable_is_reported_with_a_suggestion(tmp_path):
    (sentence,) = unknown_variables({"MYAPI_SECRET_KEY": "x", "OTHER": "y"}, tmp_path)
    assert "did you mean MYAPI_SECRET_KEYS?" in sentence


def test_repr_of_settings_holds_no_secret(tmp_path):
    settings = Settings.from_env(
        {**PRODUCTION, "MYAPI_DATABASE_URL": "mysql+pymysql://u:passw0rd@h/d"}, tmp_path
    )
    text = repr(settings)
    assert "passw0rd" not in text
    assert PRODUCTION["MYAPI_WECHAT_SECRET"] not in text
    assert "k" * 32 not in text


def test_settings_are_frozen(tmp_path):
    with pytest.raises(AttributeError):
        read(tmp_path).env = "production"


def test_app_does_not_start_with_invalid_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("MYAPI_ENV", "production")
    with pytest.raises(SettingsError):
        create_app()


def test_keys_of_pushes_are_read(tmp_path):
    settings = Settings.from_env({**PRODUCTION, **PUSH_KEYS}, tmp_path)
    found = (settings.wechat_push_token, settings.wechat_push_aes_key)
    assert found == tuple(PUSH_KEYS.values())
    assert not any(key in repr(settings) for key in found)


@pytest.mark.parametrize("name", PUSH_KEYS)
def test_production_takes_both_keys_of_pushes_or_none(tmp_path, name):
    assert problems(tmp_path, {**PRODUCTION, name: PUSH_KEYS[name]}) == [BOTH]


def test_development_takes_plain_pushes_with_a_token_alone(tmp_path):
    assert read(tmp_path, MYAPI_WECHAT_PUSH_TOKEN="AAAAA").wechat_push_aes_key == ""


def test_key_of_pushes_without_a_token_never_starts(tmp_path):
    name = "MYAPI_WECHAT_PUSH_AES_KEY"
    assert problems(tmp_path, {name: PUSH_KEYS[name]}) == [BOTH]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MYAPI_WECHAT_PUSH_TOKEN", "ab"),
        ("MYAPI_WECHAT_PUSH_TOKEN", "a" * 33),
        ("MYAPI_WECHAT_PUSH_TOKEN", "a-token"),
        ("MYAPI_WECHAT_PUSH_AES_KEY", "a" * 42),
        ("MYAPI_WECHAT_PUSH_AES_KEY", "a" * 44),
        ("MYAPI_WECHAT_PUSH_AES_KEY", "a" * 42 + "="),
    ],
)
def test_key_of_pushes_in_a_wrong_form_is_refused(tmp_path, name, value):
    found = problems(tmp_path, {**PUSH_KEYS, name: value})
    assert found[0].startswith(f"{name}: ")
    assert value not in "".join(found)


@pytest.mark.parametrize(
    "text", ["203.0.113.7", "203.0.113.7, 10.0.0.0/8", "2001:db8::/32,::1", "0.0.0.0/0"]
)
def test_addresses_of_the_console_are_addresses_and_networks(tmp_path, text):
    found = Settings.from_env({"MYAPI_CONSOLE_ADDRESSES": text}, root=tmp_path)
    assert found.console_addresses == tuple(each.strip() for each in text.split(","))


@pytest.mark.parametrize("text", ["office", "10.0.0.1/8", "10.0.0.0/33", "1.2.3.4;5.6.7.8", ","])
def test_other_text_is_no_address_of_the_console(tmp_path, text):
    with pytest.raises(SettingsError, match="MYAPI_CONSOLE_ADDRESSES"):
        Settings.from_env({"MYAPI_CONSOLE_ADDRESSES": text}, root=tmp_path)
