"""Flask without the steps that no call here needs.

Every call still goes through Flask; what is left out would be done anew each time to the same
end. What a view, a hook or a handler sees is the same, but for `session`: there is none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter, Rule
from werkzeug.utils import cached_property


class NoSession(SessionInterface):
    """Flask's own sessions, in cookies, are not used: all calls get one that cannot be written."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none


class Call(Request):
    """A request that works out once which blueprints it concerns; Flask asks four times."""

    @cached_property
    def blueprints(self) -> list[str]:
        return super().blueprints


class Routes(MapAdapter):
    """Finds the rule of a path without arguments by looking it up."""

    def __init__(self, plain: Mapping[tuple[str, str], Rule], *args: Any) -> None:  # noqa: ANN401
        super().__init__(*args)
        self._plain = plain

    def match(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        if not args and options == {"return_rule": True}:  # as Flask asks
            rule = self._plain.get((self.path_info, self.default_method))
            if rule is not None:
                return rule, {}
        return super().match(*args, **options)


class App(Flask):
    session_interface = NoSession()
    request_class = Call

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Take no function here for a coroutine: Flask would look anew with each call."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Route by path and method; Host is checked, but has no part in it."""
        if request is None or self.config["TRUSTED_HOSTS"] or self.config["SERVER_NAME"]:
            return super().create_url_adapter(request)
        return Routes(
            self._plain_rules,
            self.url_map,
            request.host,
            request.root_path,
            "",
            request.scheme,
            request.path,
            request.method,
            request.query_string.decode(errors="replace"),
        )

    @cached_property
    def _plain_rules(self) -> dict[tuple[str, str], Rule]:
        """The rules by path and method; Flask adds none after the first request."""
        found: dict[tuple[str, str], Rule] = {}
        for rule in self.url_map.iter_rules():
            if _is_plain(rule):
                for method in rule.methods or ():
                    found.setdefault((rule.rule, method), rule)
        return found


def _is_plain(rule: Rule) -> bool:
    """Tell whether to match a rule is to compare its path, and nothing follows from it."""
    special = rule.arguments or rule.defaults or rule.redirect_to or rule.alias or rule.build_only
    return not (special or rule.subdomain or rule.host or rule.websocket)
