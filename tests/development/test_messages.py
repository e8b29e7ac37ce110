"""What is printed at the start: where it answers, and lines that can be pasted."""

import pytest

from myapi.development import messages
from myapi.development.address import parse
from myapi.settings import Settings

LOGIN = (
    "curl http://127.0.0.1:8000/api/auth/login"
    """ -H 'Content-Type: application/json' -d '{"code":"alice"}'"""
)


def test_start_names_the_address_the_page_and_the_login():
    assert messages.at_the_start(Settings(bind="0.0.0.0:8000"), windows=False).splitlines() == [
        "myapi on http://127.0.0.1:8000 (Ctrl-C ends it)",
        "  read and try the API: http://127.0.0.1:8000/docs",
        f"  log in as alice: {LOGIN}",
    ]


def test_login_is_left_out_without_the_sandbox():
    settings = Settings(wechat_appid="wx1", wechat_secret="s")
    assert "log in" not in messages.at_the_start(settings)


def test_unix_socket_has_no_page_to_open():
    printed = messages.at_the_start(Settings(bind="unix:/run/my api.sock"), windows=False)
    assert printed.splitlines() == [
        "myapi on unix:/run/my api.sock (Ctrl-C ends it)",
        "  log in as alice: " + LOGIN.replace("curl", "curl --unix-socket '/run/my api.sock'")
        .replace("127.0.0.1:8000", "localhost"),
    ]  # fmt: skip


@pytest.mark.parametrize("windows", [True, False])
def test_lines_are_those_of_the_shell(windows):
    address = parse("[::1]:8000")
    lines = [
        messages.log_in(address, windows=windows),
        messages.show_me(address, "TOKEN", windows=windows),
    ]
    program = "Invoke-RestMethod" if windows else "curl"
    assert all(line.startswith(f"{program} http://[::1]:8000/api/") for line in lines)
    assert "Bearer TOKEN" in lines[1]
