"""The settings with their defaults. `.env.example` explains what each means."""

import dataclasses
import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myapi.language import localized
from myapi.settings import cores, environment, parsers, urls
from myapi.settings.app_settings import AppSettings, own_variables, read_own
from myapi.settings.development_key import development_key
from myapi.settings.environment import SettingsError, declared, setting, variable

ROOT = Path(__file__).resolve().parents[2]
INSTANCE = ROOT / "instance"

FORMER = {"MYAPI_THREADS"}  # settings of former releases, accepted with a warning
#: Says which folder has the team's own code, so it is read before the settings: team/loading.py
APP_FOLDER = "MYAPI_APP"
SANDBOX_APPID = "wxsandbox000000000"
_PLAIN_TEXT = "connects to another machine without TLS: anyone in between can read and forge it"


@dataclass(frozen=True)
class Settings:
    """Read once, at the start, and frozen."""

    env: str = setting("development", parsers.one_of("development", "production"))
    dev_lan: bool = setting(False, parsers.switch)

    secret_keys: tuple[str, ...] = setting((), parsers.secret_keys, secret=True)
    database_url: str = setting("sqlite:///myapi.db", urls.database_url, secret=True)

    wechat_appid: str = setting("", parsers.appid)
    wechat_secret: str = setting("", parsers.printable, secret=True)
    wechat_base_url: str = setting("https://api.weixin.qq.com", urls.wechat_base_url)
    wechat_push_token: str = setting("", parsers.push_token, secret=True)
    wechat_push_aes_key: str = setting("", parsers.push_aes_key, secret=True)
    wechat_timeout: float = setting(3.0, parsers.number(0.1, 30))
    wechat_concurrency: int = setting(500, parsers.integer(1, 2000))
    content_check: bool = setting(False, parsers.switch)

    rate_limit_storage_url: str = setting("memory://", urls.rate_limit_storage_url, secret=True)
    rate_limit_login: str = setting("600/minute", parsers.rate_limit)
    rate_limit_login_failed: str = setting("60/minute", parsers.rate_limit)
    rate_limit_user: str = setting("60/minute", parsers.rate_limit)

    session_idle_days: int = setting(7, parsers.integer(1, 365))
    session_max_days: int = setting(30, parsers.integer(1, 3650))
    sessions_per_user: int = setting(10, parsers.integer(1, 1000))
    decrypt_max_age: int = setting(300, parsers.integer(1, 86400))
    audit_days: int = setting(190, parsers.integer(1, 3650))

    public_url: str = setting("", urls.public_url)
    trusted_proxies: int = setting(-1, parsers.integer(0, 10))
    client_address_header: str = setting("X-Forwarded-For", parsers.address_header)
    cors_origins: tuple[str, ...] = setting((), urls.origins)
    max_body_bytes: int = setting(65536, parsers.integer(1024, 2**24))
    request_timeout: int = setting(20, parsers.integer(1, 60))
    console: bool = setting(True, parsers.switch)
    console_addresses: tuple[str, ...] = setting((), parsers.networks)
    log_format: str = setting("", parsers.one_of("json", "text"))

    bind: str = setting("127.0.0.1:8000", parsers.bind)
    workers: int = setting(0, parsers.integer(1, 64))
    worker_timeout: int = setting(30, parsers.worker_timeout)
    drain_seconds: int = setting(0, parsers.integer(0, 60))
    frozen_when_idle: bool = setting(False, parsers.switch)

    # The folder of the development database, key and sandbox state; not an environment variable.
    instance_path: Path = INSTANCE
    # A team's own settings: an object of each class that its `Extension` names.
    own: tuple[AppSettings, ...] = ()

    def __post_init__(self) -> None:
        """Fill in the defaults that depend on the machine or on another setting."""
        derived = {
            "trusted_proxies": (int(self.production) if self.trusted_proxies < 0 else None),
            "log_format": self.log_format or ("json" if self.production else "text"),
            "workers": self.workers or cores.usable(),
        }
        for name, value in derived.items():
            if value is not None:
                object.__setattr__(self, name, value)

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def sandbox(self) -> bool:
        """Whether calls go to the sandbox instead of WeChat; never in production."""
        return not self.production and not self.wechat_appid

    @property
    def takes_pushes(self) -> bool:
        """Whether WeChat can tell us of events."""
        return bool(self.wechat_push_token or self.sandbox)

    @property
    def checks_pictures(self) -> bool:
        """Whether WeChat judges uploaded pictures: it fetches them, and pushes its verdict."""
        reachable = self.public_url and self.wechat_push_token
        return self.content_check and bool(reachable or self.sandbox)

    @property
    def appid(self) -> str:
        """The mini program's AppID; the sandbox has one of its own."""
        return self.wechat_appid or SANDBOX_APPID

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        root: Path = ROOT,
        own: Sequence[type[AppSettings]] = (),
    ) -> "Settings":
        """Read the environment (default: the process's) and `root/.env`; the environment wins.

        `own` are the classes of a team's own settings. Raises `SettingsError` with the list of all
        problems.
        """
        found = environment.read(os.environ if environ is None else environ, root)
        problems: list[str] = []
        values = dict(environment.parse(declared(cls), found, problems))
        values.update(_bind_of_port(found, values, problems))
        of_team = [each for of in own for each in read_own(of, found, problems)]
        settings = cls(**values, instance_path=root / "instance", own=tuple(of_team))
        problems.extend(_conflicts(settings, values))
        if problems:
            raise SettingsError(problems)
        if not settings.secret_keys:
            key = development_key(settings.instance_path)
            settings = dataclasses.replace(settings, secret_keys=(key,))
        return settings

    def warnings(self) -> Iterator[str]:
        """Yield a sentence for each setting that is valid but risky; logged at the start."""
        if any(len(set(key)) < 10 for key in self.secret_keys):
            yield "MYAPI_SECRET_KEYS: a key is not random; make one with `flask secrets generate`"
        if self.wechat_base_url.startswith("http://"):
            yield "MYAPI_WECHAT_BASE_URL is plain http: this machine answers in place of WeChat"
        if urls.leaves_this_machine_unencrypted(self.database_url):
            yield f"MYAPI_DATABASE_URL: {_PLAIN_TEXT} (TLS: ssl_ca=FILE in its query)"
        if urls.leaves_this_machine_unencrypted(self.rate_limit_storage_url):
            yield f"MYAPI_RATE_LIMIT_STORAGE_URL: {_PLAIN_TEXT} (TLS: rediss://)"
        if self.content_check and not self.checks_pictures:
            yield (
                "MYAPI_CONTENT_CHECK checks no pictures without MYAPI_PUBLIC_URL and"
                " MYAPI_WECHAT_PUSH_TOKEN: WeChat fetches them, and pushes its verdict"
            )
        if self.dev_lan and not self.production:
            yield "MYAPI_DEV_LAN is on: everyone on this network can call the service"


def variables() -> dict[str, bool]:
    """Return all variables, and whether each is a secret and so may be set as `…_FILE` too."""
    return {variable(field.name): field.metadata["secret"] for field in declared(Settings)}


def unknown_variables(
    environ: Mapping[str, str] | None = None,
    root: Path = ROOT,
    own: Sequence[type[AppSettings]] = (),
) -> Iterator[str]:
    """Yield a sentence for each `MYAPI_…` variable that is not a setting, most often a typo.

    The same for `APP_…` if a team has own settings: other programs use that prefix too.
    """
    known = {**variables(), **own_variables(own)}
    files = {f"{name}_FILE" for name, secret in known.items() if secret}
    found = environment.read(os.environ if environ is None else environ, root)
    for name in sorted(found.keys() - known.keys() - files - {APP_FOLDER, environment.PORT}):
        if name.startswith(environment.APP_PREFIX) and not own:
            continue
        if name in FORMER:
            yield f"{name} is no longer used and can be removed"
            continue
        near = difflib.get_close_matches(name, known, n=1)
        yield f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "")


def _bind_of_port(
    found: Mapping[str, str], values: Mapping[str, Any], problems: list[str]
) -> dict[str, str]:
    """Return the `bind` of `PORT`, which platforms for containers set, if there is no other.

    Production is reached from outside of its container; development stays on loopback.
    """
    if environment.PORT not in found or variable("bind") in found:
        return {}
    try:
        port = parsers.integer(1, 65535)(found[environment.PORT].strip())
    except ValueError as error:
        problems.append(localized(f"{environment.PORT}: {error}", f"{environment.PORT}：{error}"))
        return {}
    host = "0.0.0.0" if values.get("env") == "production" else "127.0.0.1"  # noqa: S104
    return {"bind": f"{host}:{port}"}


def _conflicts(settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems of settings that are valid alone but not together."""
    if settings.production:
        yield from _conflicts_in_production(settings, given)
    elif bool(settings.wechat_appid) != bool(settings.wechat_secret):
        yield "MYAPI_WECHAT_APPID, MYAPI_WECHAT_SECRET" + localized(
            ": set both, or neither to use the sandbox", "：要么都写，要么都不写（用沙箱）"
        )
    token, aes_key = settings.wechat_push_token, settings.wechat_push_aes_key
    if (aes_key and not token) or (token and not aes_key and settings.production):
        yield "MYAPI_WECHAT_PUSH_TOKEN, MYAPI_WECHAT_PUSH_AES_KEY" + localized(
            ": set both, or neither to take no pushes", "：要么都写，要么都不写（不接收推送）"
        )
    if settings.session_idle_days > settings.session_max_days and "session_idle_days" in given:
        yield "MYAPI_SESSION_IDLE_DAYS" + localized(
            ": must not be more than MYAPI_SESSION_MAX_DAYS", "：不能大于 MYAPI_SESSION_MAX_DAYS"
        )


def _conflicts_in_production(settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    for name in ("secret_keys", "wechat_appid", "wechat_secret"):
        if not getattr(settings, name):
            needed = localized(": production needs it", "：生产环境必填")
            yield variable(name) + needed + _hint(name)
    if settings.dev_lan:
        yield "MYAPI_DEV_LAN" + localized(": for development only", "：只用于开发模式")
    if "client_address_header" in given and not settings.trusted_proxies:
        yield "MYAPI_CLIENT_ADDRESS_HEADER" + localized(
            ": is read only with MYAPI_TRUSTED_PROXIES of 1 or more",
            "：MYAPI_TRUSTED_PROXIES 不小于 1 时才会读取",
        )


def _hint(name: str) -> str:
    if name != "secret_keys":
        return ""
    return localized(
        " (make one with `flask secrets generate`)", "（用 `flask secrets generate` 生成）"
    )
