"""The limits that Nginx and the service share. The operator sets them in /etc/myapi/env."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from deploy.lib import paths
from deploy.lib.language import said
from deploy.lib.machine import DeployError

#: Setting: its default, and the least and the greatest value, as in myapi/settings/declaration.py.
SETTINGS = {
    "MYAPI_MAX_BODY_BYTES": (65536, 1024, 2**24),
    "MYAPI_REQUEST_TIMEOUT": (20, 1, 60),
}


class Limits(NamedTuple):
    max_body_bytes: int
    request_timeout: int  # seconds


def read() -> Limits:
    """Return the limits in /etc/myapi/env, or the defaults. Raises `DeployError`."""
    variables = _variables()
    if found := list(_problems(variables)):
        raise DeployError("\n".join(found))
    return _limits(variables)


def problems() -> Iterator[str]:
    """Yield a sentence for each limit that is not a number, or is out of its range."""
    yield from _problems(_variables())


def parse(text: str) -> dict[str, str]:
    """Parse a file as systemd does for `EnvironmentFile=`; the last line of a name counts."""
    found = {}
    for line in text.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and not name.startswith(("#", ";")):
            quoted = re.fullmatch(r"(['\"])(.*)\1", value)
            found[name] = quoted[2] if quoted else value
    return found


def _variables() -> dict[str, str]:
    return parse(paths.ENV.read_text("utf-8", "replace")) if paths.ENV.exists() else {}


def _problems(variables: Mapping[str, str]) -> Iterator[str]:
    for name, (_, low, high) in SETTINGS.items():
        value = variables.get(name, "")
        if value and not (re.fullmatch(r"[0-9]{1,9}", value) and low <= int(value) <= high):
            yield (
                said(
                    f"{name} in {paths.ENV} must be a whole number from {low} to {high}",
                    f"{paths.ENV} 中的 {name} 必须是 {low} 到 {high} 的整数",
                )
            )


def _limits(variables: Mapping[str, str]) -> Limits:
    return Limits(*(int(variables.get(name) or SETTINGS[name][0]) for name in SETTINGS))
