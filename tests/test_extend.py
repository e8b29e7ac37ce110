"""`myapi.extend` is what is promised to a team's own code. A change here is a decision."""

import inspect
import subprocess

import pytest

import update
from myapi import extend
from myapi.settings import ROOT

#: Name → how it is called, as far as that is promised. To change one breaks the code of teams: a
#: name is deprecated for one minor version before it goes.
PROMISED = {
    "ApiError": "(name, detail='', *, detail_zh='', reason='', retry_after=None, fields=())",
    "AppSettings": "()",
    "Base": None,
    "Command": None,
    "ConsoleBox": "(title, show)",
    "ConsolePage": "(name, title, show)",
    "ErrorSpec": "(status, code, msg, msg_zh)",
    "Extension": "(*, blueprints=(), commands=(), settings=(), errors=<factory>,"
    " exports=<factory>, erases=(), console_pages=(),"
    " console_boxes=(), on=<factory>)",
    "FieldError": "(field, rule='invalid', limit=None, msg='', msg_zh='', did_you_mean='')",
    "Group": None,
    "SentMessage": "(id, state, error=None, errcode=None, is_new=True)",
    "TextScene": None,
    "UtcDateTime": None,
    "WeChatError": "(detail='', errcode=None, rid=None)",
    "caller": "()",
    "endpoint": "(*, body=None, returns=None, errors=(), envelope=True)",
    "exact": "(length)",
    "find_user": "(reference)",
    "id_column": "()",
    "integer": "(low, high)",
    "iso": "(moment)",
    "now": "()",
    "number": "(low, high)",
    "off_loop": "(function, *args, **kwargs)",
    "on_event": "(name)",
    "one_of": "(*choices)",
    "per_address": "(limit)",
    "per_user": "(limit)",
    "phone_of": "(user_id)",
    "print_line": "(text, *, err=False, nl=True)",
    "public": "(view)",
    "reading": "()",
    "send_message": "(user_id, template_id, data, *, page=None, miniprogram_state='formal',"
    " lang='zh_CN', once=None, wait=True)",
    "setting": "(default, parse, *, secret=False)",
    "settings": "(of)",
    "switch": "(text)",
    "text": "(value)",
    "transaction": "(use_case)",
    "user_id_column": "(*, index=True)",
    "wechat": "()",
}


def test_names_are_those_promised():
    assert list(PROMISED) == sorted(extend.__all__)
    public = {name for name in vars(extend) if not name.startswith("_")}
    assert public == PROMISED.keys()


@pytest.mark.parametrize("name", [name for name, promised in PROMISED.items() if promised])
def test_signature_is_as_promised(name):
    signature = inspect.signature(getattr(extend, name))
    plain = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    assert str(inspect.Signature(plain)) == PROMISED[name]


def test_caller_and_found_user_have_the_promised_fields():
    from myapi.team.users import FoundUser
    from myapi.web.access import Caller

    for of in (Caller, FoundUser):
        for field in ("user_id", "user", "openid"):
            assert hasattr(of, field)


def test_text_is_checked_as_promised(app):
    with app.app_context():
        signature = inspect.signature(extend.wechat().check_text)
    assert list(signature.parameters) == [
        "openid",
        "text",
        "scene",
        "title",
        "nickname",
        "signature",
        "timeout",
    ]
    assert [(scene.name, scene.value) for scene in extend.TextScene] == [
        ("PROFILE", 1),
        ("COMMENT", 2),
        ("FORUM", 3),
        ("SOCIAL_LOG", 4),
    ]


def test_codes_and_links_are_made_as_promised(app):
    with app.app_context():
        client = extend.wechat()
    link = ["path", "query", "days", "until", "env_version"]
    color = ["auto_color", "line_color", "is_hyaline"]
    promised = {
        "mini_program_code": ["scene", "page", "check_path", "env_version", "width", *color],
        "url_link": link,
        "url_scheme": link,
    }
    for name, parameters in promised.items():
        assert list(inspect.signature(getattr(client, name)).parameters) == parameters


def test_git_tracks_and_ignores_nothing_below_app():
    """A file that both sides change is where a merge can conflict."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a Git checkout")
    if (ROOT / "app").exists():
        pytest.skip("this is a team's checkout")
    assert git("ls-files", "app").stdout == ""
    assert git("check-ignore", "app/__init__.py").returncode == 1


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_update_reads_the_promised_names_without_importing_them():
    """`make update` looks so which names of a later version are gone."""
    source = (ROOT / "myapi" / "extend.py").read_text(encoding="utf-8")
    assert update.names_in_all(source) == set(extend.__all__)
