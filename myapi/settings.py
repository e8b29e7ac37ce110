"""Every setting of the service, read once from the environment or `.env`, frozen.

A setting `wechat_appid` is the variable `MYAPI_WECHAT_APPID`. A secret one may stand in a
file instead, named by `MYAPI_…_FILE`. All that is wrong is reported at once.
"""

import contextlib
import dataclasses
import difflib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
from dotenv import dotenv_values

from myapi import checks

PREFIX = "MYAPI_"
GONE = {"MYAPI_THREADS"}  # settings of former releases
ROOT = Path(__file__).resolve().parent.parent
INSTANCE = ROOT / "instance"

SANDBOX_APPID = "wxsandbox000000000"
_IN_THE_OPEN = "it names another machine, and whoever is on the way may read along or answer"

T = TypeVar("T")


class SettingsError(click.ClickException):
    """The settings cannot be used; the message lists every problem, one a line.

    Exit status 78 is EX_CONFIG of sysexits(3). It is a `ClickException` so that the flask
    command prints it as a message, wherever in loading the app it comes up.
    """

    exit_code = 78

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("the settings cannot be used:\n" + "\n".join(f"  - {p}" for p in problems))


def setting(default: T, parse: Callable[[str], T], *, secret: bool = False) -> T:
    """Make one field of `Settings`; `parse` turns its text into a value or raises ValueError."""
    made: T = field(default=default, repr=not secret, metadata={"parse": parse, "secret": secret})
    return made


@dataclass(frozen=True)
class Settings:
    """The settings with their defaults; what they mean stands in `.env.example`."""

    env: str = setting("development", checks.one_of("development", "production"))
    dev_lan: bool = setting(False, checks.switch)

    secret_keys: tuple[str, ...] = setting((), checks.secret_keys, secret=True)
    database_url: str = setting("sqlite:///myapi.db", checks.database_url, secret=True)

    wechat_appid: str = setting("", checks.appid)
    wechat_secret: str = setting("", checks.printable, secret=True)
    wechat_base_url: str = setting("https://api.weixin.qq.com", checks.wechat_base_url)
    wechat_timeout: float = setting(3.0, checks.number(0.1, 30))
    wechat_concurrency: int = setting(500, checks.integer(1, 2000))

    rate_limit_storage_url: str = setting("memory://", checks.rate_limit_storage_url, secret=True)
    rate_limit_login: str = setting("600/minute", checks.rate_limit)
    rate_limit_login_failed: str = setting("60/minute", checks.rate_limit)
    rate_limit_user: str = setting("60/minute", checks.rate_limit)

    session_idle_days: int = setting(7, checks.integer(1, 365))
    session_max_days: int = setting(30, checks.integer(1, 3650))
    sessions_per_user: int = setting(10, checks.integer(1, 1000))
    decrypt_max_age: int = setting(300, checks.integer(1, 86400))

    trusted_proxies: int = setting(-1, checks.integer(0, 10))
    cors_origins: tuple[str, ...] = setting((), checks.origins)
    max_body_bytes: int = setting(65536, checks.integer(1024, 2**24))
    log_format: str = setting("", checks.one_of("json", "text"))

    bind: str = setting("127.0.0.1:8000", checks.printable)
    workers: int = setting(0, checks.integer(1, 64))

    # Where development keeps its database, its key and the sandbox's state; not a variable.
    instance_path: Path = INSTANCE

    def __post_init__(self) -> None:
        """Fill in the defaults that follow from the machine or from another setting."""
        derived = {
            "trusted_proxies": (int(self.production) if self.trusted_proxies < 0 else None),
            "log_format": self.log_format or ("json" if self.production else "text"),
            "workers": self.workers or _cores(),
        }
        for name, value in derived.items():
            if value is not None:
                object.__setattr__(self, name, value)

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def sandbox(self) -> bool:
        """Whether the WeChat sandbox stands in for WeChat; never in production."""
        return not self.production and not self.wechat_appid

    @property
    def appid(self) -> str:
        """The mini program's AppID; the sandbox has one of its own."""
        return self.wechat_appid or SANDBOX_APPID

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, root: Path = ROOT) -> "Settings":
        """Read the environment (default: the process's) and `root/.env`; the former wins.

        Raises `SettingsError` with the whole list when anything is wrong.
        """
        found = _variables(os.environ if environ is None else environ, root)
        problems: list[str] = []
        values = dict(_parsed(found, problems))
        settings = cls(**values, instance_path=root / "instance")
        problems.extend(_conflicts(settings, values))
        if problems:
            raise SettingsError(problems)
        if not settings.secret_keys:
            settings = dataclasses.replace(settings, secret_keys=(_development_key(settings),))
        return settings

    def warnings(self) -> Iterator[str]:
        """Say what is allowed but should be known; it is logged at the start."""
        if any(len(set(key)) < 10 for key in self.secret_keys):
            yield "MYAPI_SECRET_KEYS: a key is long but hardly random; `flask secrets generate`"
        if self.wechat_base_url.startswith("http://"):
            yield "MYAPI_WECHAT_BASE_URL is plain http: WeChat's answers come from this machine"
        if checks.is_in_the_open(self.database_url):
            yield f"MYAPI_DATABASE_URL: {_IN_THE_OPEN} (TLS: ssl_ca=FILE in its query)"
        if checks.is_in_the_open(self.rate_limit_storage_url):
            yield f"MYAPI_RATE_LIMIT_STORAGE_URL: {_IN_THE_OPEN} (TLS: rediss://)"
        if self.dev_lan and not self.production:
            yield "MYAPI_DEV_LAN is on: whoever shares this network can call the service"


def variable(name: str) -> str:
    return PREFIX + name.upper()


def variables() -> dict[str, bool]:
    """Every variable that may be set, and whether it is a secret (so has a `…_FILE` twin)."""
    return {
        variable(f.name): f.metadata["secret"]
        for f in dataclasses.fields(Settings)
        if "parse" in f.metadata
    }


def unknown_variables(environ: Mapping[str, str] | None = None, root: Path = ROOT) -> Iterator[str]:
    """One sentence for each `MYAPI_…` variable that is no setting: most often a slip."""
    known = variables()
    files = {f"{name}_FILE" for name, secret in known.items() if secret}
    found = _variables(os.environ if environ is None else environ, root)
    for name in sorted(found.keys() - known.keys() - files):
        if name in GONE:
            yield f"{name} is no longer used, and can be taken out"
            continue
        near = difflib.get_close_matches(name, known, n=1)
        yield f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "")


def _variables(environ: Mapping[str, str], root: Path) -> dict[str, str]:
    """All `MYAPI_…` variables; an empty one counts as not set."""
    try:
        in_file = dotenv_values(root / ".env")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{root / '.env'} cannot be read: {type(error).__name__}"]) from None
    merged = {**in_file, **environ}
    return {k: v for k, v in merged.items() if k.startswith(PREFIX) and v}


def _parsed(found: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, Any]]:
    for f in dataclasses.fields(Settings):
        if "parse" not in f.metadata:
            continue
        name = variable(f.name)
        try:
            text = _from_file(found, name) if f.metadata["secret"] else found.get(name)
            if text is not None:
                yield f.name, f.metadata["parse"](text.strip())
        except ValueError as error:
            problems.append(f"{name}: {error}")


def _from_file(found: Mapping[str, str], name: str) -> str | None:
    path = found.get(f"{name}_FILE")
    if path is None:
        return found.get(name)
    if name in found:
        raise ValueError(f"given twice, here and as {name}_FILE: keep one")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_FILE cannot be read: {type(error).__name__}") from None
    if not text:
        raise ValueError(f"{name}_FILE is empty")
    return text


def _conflicts(settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong between settings, each of which may be right alone."""
    if settings.production:
        for name in ("secret_keys", "wechat_appid", "wechat_secret"):
            if not getattr(settings, name):
                yield f"{variable(name)}: production needs it" + _how_to_get(name)
        if settings.dev_lan:
            yield "MYAPI_DEV_LAN: for development only"
    elif bool(settings.wechat_appid) != bool(settings.wechat_secret):
        yield "MYAPI_WECHAT_APPID, MYAPI_WECHAT_SECRET: give both, or neither for the sandbox"
    if settings.session_idle_days > settings.session_max_days and "session_idle_days" in given:
        yield "MYAPI_SESSION_IDLE_DAYS: more than MYAPI_SESSION_MAX_DAYS"


def _how_to_get(name: str) -> str:
    return " (make one with `flask secrets generate`)" if name == "secret_keys" else ""


def _cores() -> int:
    """Return how many cores this process may use; affinity is not known on every system."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _development_key(settings: Settings) -> str:
    """Return the key that development makes at its first start and keeps, so tokens live on."""
    path = settings.instance_path / "secret_keys"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError([f"{path} cannot be made or read: {error.strerror}"]) from None


def _make_key(path: Path) -> None:
    """Write a key whole before it has its name: a process starting beside us reads all of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(checks.new_secret_key())
    with contextlib.suppress(FileExistsError):
        os.link(file.name, path)
    Path(file.name).unlink()
