"""Each mistake in a team's own code stops the start with one clear sentence."""

import dataclasses
from dataclasses import dataclass

import click
import pytest
from flask import Blueprint
from msgspec import Struct

from myapi.extend import (
    AppSettings,
    Command,
    ErrorSpec,
    Extension,
    Group,
    endpoint,
    integer,
    per_user,
    public,
    setting,
    transaction,
)
from myapi.team import ExtensionError


@dataclass(frozen=True)
class Notes(AppSettings):
    notes_max: int = setting(100, integer(1, 10))


@dataclass(frozen=True)
class Shop(AppSettings):
    notes_max: int = setting(100, integer(1, 10))


class NotDecorated(AppSettings):
    notes_max: int = setting(100, integer(1, 10))


@dataclass(frozen=True)
class NotDeclared(AppSettings):
    notes_max: int = 100


def error(status=409, code=40950, english="English.", chinese="中文。"):
    return ErrorSpec(status, code, english, chinese)


def one_argument(_user_id): ...


def two_arguments(_connection, _user_id): ...


@transaction
def in_a_transaction(_tx, _user_id): ...


HERE = __name__

REFUSED = [
    ({"blueprints": ["notes"]}, "blueprints: 'notes' is not a flask.Blueprint"),
    (
        {"commands": [click.Command("notes")]},
        "commands: <Command notes> is not made with cls=Group or cls=Command",
    ),
    (
        {"commands": [Group("users")]},
        "commands: `flask users` is myapi's or Flask's, choose another name",
    ),
    (
        {"commands": [Command("run")]},
        "commands: `flask run` is myapi's or Flask's, choose another name",
    ),
    (
        {"commands": [Group("notes"), Command("notes")]},
        "commands: two are called `flask notes`",
    ),
    ({"settings": 5}, "settings: 5 is not a class that inherits AppSettings"),
    (
        {"settings": NotDecorated},
        f"settings: {HERE}.NotDecorated needs the line @dataclass(frozen=True) above it",
    ),
    (
        {"settings": NotDeclared},
        f"settings: {HERE}.NotDeclared.notes_max is not made with setting(…)",
    ),
    (
        {"settings": [Notes, Shop]},
        f"settings: APP_NOTES_MAX is declared twice, by {HERE}.Notes and {HERE}.Shop",
    ),
    (
        {"errors": {"notes_full": (409, 40950)}},
        "errors: `notes_full` is not an ErrorSpec(status, code, english, chinese)",
    ),
    (
        {"errors": {"not_found": error(404, 40450)}},
        "errors: `not_found` is an error of myapi, choose another name",
    ),
    ({"errors": {"Notes-Full": error()}}, "errors: `Notes-Full` is not a name such as notes_full"),
    (
        {"errors": {"notes_full": error(200, 20050)}},
        "errors: `notes_full` has the status 200, which is no error: 400 to 599",
    ),
    (
        {"errors": {"notes_full": error(409, 40949)}},
        "errors: `notes_full` has the code 40949; with status 409 choose one of 40950 to 40999",
    ),
    (
        {"errors": {"notes_full": error(409, 40050)}},
        "errors: `notes_full` has the code 40050; with status 409 choose one of 40950 to 40999",
    ),
    (
        {"errors": {"notes_full": error(chinese="")}},
        "errors: `notes_full` needs a message in English and one in Chinese",
    ),
    (
        {"errors": {"notes_full": error(), "shop_shut": error()}},
        "errors: `notes_full` and `shop_shut` have the same code 40950",
    ),
    (
        {"exports": {"notes": one_argument}},
        f"exports: {HERE}.one_argument of `notes` must take (connection, user_id)",
    ),
    ({"exports": {"notes": "x"}}, "exports: 'x' of `notes` must take (connection, user_id)"),
    ({"erases": [one_argument]}, f"erases: {HERE}.one_argument must take (tx, user_id)"),
    (
        {"on": {"log_in": one_argument}},
        "on: `log_in` is none of the events signup, login, ban, unban, erase (did you mean login?)",
    ),
    (
        {"on": {"login": [one_argument, two_arguments]}},
        f"on: {HERE}.two_arguments of `login` must take (user_id)",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED, ids=[each[1][:60] for each in REFUSED])
def test_extension_is_refused(given, sentence):
    with pytest.raises(ExtensionError) as refused:
        Extension(**given)
    assert refused.value.problems == [sentence]
    assert str(refused.value) == f"the code in app/ cannot be used: {sentence}"


def test_all_problems_are_told_together():
    with pytest.raises(ExtensionError) as refused:
        Extension(blueprints=[1], erases=[2], on={"x": one_argument})
    assert [problem.partition(":")[0] for problem in refused.value.problems] == [
        "blueprints",
        "erases",
        "on",
    ]
    assert str(refused.value).startswith("the code in app/ cannot be used:\n  - blueprints: ")


def test_handler_that_gets_its_transaction_from_the_decorator_is_accepted():
    assert list(Extension(on={"login": in_a_transaction}).handlers()) == [
        ("login", in_a_transaction)
    ]


# ---- with the routes of myapi beside them ----


class Nothing(Struct):
    pass


def blueprint(path="/api/notes", view=None, name="notes", **options):
    bp = Blueprint(name, __name__)

    @endpoint(**options)
    def show():
        """Show nothing."""

    bp.add_url_rule(path, "show", view or show, methods=["GET", "POST"])
    return bp


@public
@per_user("1/minute")
def public_view():
    return ""


def without_endpoint() -> Nothing:
    return Nothing()


def two_views_of_one_name():
    bp = Blueprint("notes", __name__)
    for path in ("/api/a", "/api/b"):
        bp.add_url_rule(path, "show", endpoint()(lambda: None))
    return bp


def two_paths_alike():
    bp = Blueprint("notes", __name__)
    for name, path in [("one", "/api/notes/<note_id>"), ("two", "/api/notes/<string:id>")]:
        bp.add_url_rule(path, name, endpoint()(lambda: None))
    return bp


REFUSED_ROUTES = [
    (
        [blueprint("/api/me/notes")],
        "notes.show: /api/me/notes: what is below /api/me is myapi's, choose another path",
    ),
    (
        [blueprint("/wechat")],
        "notes.show: /wechat: what is below /wechat is myapi's, choose another path",
    ),
    ([blueprint("/api/hello")], "notes.show: GET /api/hello is served by hello.hello already"),
    ([two_paths_alike()], "notes.two: GET /api/notes/<string:id> is served by notes.one already"),
    (
        [blueprint(name="auth")],
        "blueprints: there is one called `auth` already, choose another name",
    ),
    ([two_views_of_one_name()], "blueprints: two views of `notes` have one name"),
    (
        [blueprint(errors=("rate_limit",))],
        "notes.show: errors= names `rate_limit`, which is no error; did you mean rate_limited?",
    ),
    (
        [blueprint(view=without_endpoint)],
        "notes.show: Flask cannot send what it returns: put @endpoint(…) between @bp.… and def",
    ),
    (
        [blueprint(view=public_view)],
        "notes.show: @per_user needs to know the user, and @public knows none; use @per_address",
    ),
]


@pytest.fixture
def database_url(tmp_path):
    """A file that does not exist: none of these tests needs a database."""
    return f"sqlite:///{tmp_path}/absent.db"


@pytest.mark.parametrize(
    ("blueprints", "sentence"), REFUSED_ROUTES, ids=[each[1][:60] for each in REFUSED_ROUTES]
)
def test_route_is_refused(make_app, blueprints, sentence):
    with pytest.raises(ExtensionError) as refused:
        make_app(Extension(blueprints=blueprints))
    assert refused.value.problems == [sentence]


def test_paths_that_only_begin_alike_are_allowed(make_app):
    routes = [blueprint("/api/menu", name="menu"), blueprint("/api/messages", name="messages")]
    client = make_app(Extension(blueprints=routes)).test_client()
    assert client.get("/api/menu").status_code == 401


def test_own_page_at_the_root_wins_over_the_way_to_docs(make_app):
    own = Blueprint("pages", __name__)
    own.get("/")(public(lambda: "welcome"))
    assert make_app(Extension(blueprints=[own])).test_client().get("/").text == "welcome"


def test_export_of_a_taken_name_is_refused(make_app):
    with pytest.raises(ExtensionError) as refused:
        make_app(Extension(exports={"sessions": two_arguments, "openid": two_arguments}))
    assert refused.value.problems == [
        "exports: `openid` is a field of myapi, choose another name",
        "exports: `sessions` is a field of myapi, choose another name",
    ]


@pytest.mark.parametrize("limit", ["often", "0/minute/what"])
def test_limit_that_cannot_be_parsed_is_refused(limit):
    with pytest.raises(ValueError, match="must be a number per minute, or a limit such as"):
        per_user(limit)


def test_settings_in_the_repr_of_an_app_hold_no_secret():
    @dataclass(frozen=True)
    class Own(AppSettings):
        key: str = setting("", str, secret=True)

    assert "hidden" not in repr(dataclasses.replace(Own(), key="hidden"))
