"""`flask users …`."""

import json
import stat
import sys
from datetime import timedelta

import pytest

from myapi.clock import iso, now
from myapi.settings import SANDBOX_APPID
from myapi.users import accounts, erasure

pytestmark = pytest.mark.on_mysql


@pytest.fixture
def openid(wechat):
    return lambda name: wechat.sandbox.openid(name, SANDBOX_APPID)


@pytest.fixture
def created(execute):
    """Backdate a user and their sessions: `created(phone, days=3)` means 3 days ago."""

    def created(phone, **ago):
        moment = f"{now() - timedelta(**ago):%Y-%m-%d %H:%M:%S}.000000"
        execute(
            "UPDATE users SET created_at = :t WHERE public_id = :u", t=moment, u=phone.user["id"]
        )
        execute(
            "UPDATE sessions SET created_at = :t, last_seen_at = NULL"
            " WHERE user_id = (SELECT id FROM users WHERE public_id = :u)",
            t=moment,
            u=phone.user["id"],
        )

    return created


def listed(run, *args):
    return json.loads(run("users", "list", "--json", *args).stdout)


def ids(run, *args):
    return [item["id"] for item in listed(run, *args)["items"]]


def test_list_has_the_newest_user_first(run, sign_in):
    names = [sign_in(name).user["id"] for name in ("alice", "bob", "carol")]
    assert ids(run) == names[::-1]


def test_list_without_users_succeeds(run):
    result = run("users", "list")
    assert (result.stdout, result.stderr) == ("", "no users\n")
    assert listed(run) == {"items": [], "next": None}


def test_pagination_neither_skips_nor_repeats_users_during_changes(run, sign_in):
    before = [sign_in(f"user-{number}").user["id"] for number in range(11)]
    seen, cursor = [], None
    while True:
        page = listed(run, "--limit", "3", *(["--after", cursor] if cursor else []))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        sign_in(f"late-{cursor}")
        run("users", "erase", page["items"][-1]["id"], "--yes")  # the row of the cursor
    assert seen == before[::-1]


def test_last_page_has_no_next(run, sign_in):
    for number in range(4):
        sign_in(f"user-{number}")
    assert listed(run, "--limit", "4")["next"] is None
    page = listed(run, "--limit", "2")
    assert listed(run, "--limit", "2", "--after", page["next"])["next"] is None


def test_page_prints_how_to_continue(run, sign_in):
    sign_in("alice")
    sign_in("bob")
    result = run("users", "list", "--limit", "1")
    cursor = listed(run, "--limit", "1")["next"]
    assert result.stderr == f"more: --after {cursor}\n"
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "", "9" * 19])
def test_invalid_cursor_is_a_usage_error(run, cursor):
    assert (
        "must be the `next` of a page" in run("users", "list", f"--after={cursor}", code=2).stderr
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("limit", ["0", "10001", "x"])
def test_limit_has_bounds(run, limit):
    run("users", "list", "--limit", limit, code=2)


def test_openid_is_shortened_in_text_and_full_in_json(run, sign_in, openid):
    sign_in("alice")
    full = openid("alice")
    for screen in (run("users", "list").stdout, run("users", "show", full).stdout):
        assert full not in screen
        assert f"{full[:4]}…{full[-4:]}" in screen
    assert listed(run)["items"][0]["openid"] == full
    assert json.loads(run("users", "show", full, "--json").stdout)["openid"] == full


def test_list_filters_by_ban(run, sign_in):
    alice, bob = sign_in("alice").user["id"], sign_in("bob").user["id"]
    run("users", "ban", bob)
    assert ids(run, "--banned") == [bob]
    assert ids(run, "--not-banned") == [alice]
    assert ids(run) == [bob, alice]


def test_list_filters_by_a_part_of_the_nickname(run, sign_in):
    alice, bob = sign_in("alice"), sign_in("bob")
    alice.put("/api/me", {"nickname": "小明 100%"})
    bob.put("/api/me", {"nickname": "小红"})
    assert ids(run, "--nickname", "明") == [alice.user["id"]]
    assert ids(run, "--nickname", "小") == [bob.user["id"], alice.user["id"]]
    assert ids(run, "--nickname", "0%") == [alice.user["id"]]
    assert ids(run, "--nickname", "_") == []


def test_list_filters_by_creation_time(run, sign_in, created):
    old, new = sign_in("old"), sign_in("new")
    created(old, days=10)
    assert ids(run, "--since", "5d") == [new.user["id"]]
    assert ids(run, "--until", "5d") == [old.user["id"]]
    assert ids(run, "--since", iso(now() - timedelta(days=11)), "--until", "1w") == [old.user["id"]]
    assert ids(run, "--since", "2020-01-01", "--until", "2020-02-01") == []


def test_list_filters_by_inactivity(run, sign_in, created):
    gone, active = sign_in("gone"), sign_in("active")
    created(gone, days=40)
    created(active, days=40)
    sign_in("active")
    sign_in("new")
    assert ids(run, "--inactive-since", "30d") == [gone.user["id"]]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", "5y", "", "2026-01-01T00:00:00+99:00"])
def test_invalid_time_is_a_usage_error(run, time):
    assert (
        "must be a time such as 2026-11-01"
        in run("users", "list", f"--since={time}", code=2).stderr
    )


@pytest.mark.parametrize(
    "time",
    [
        "2020-01-01",
        "2020-01-01T00:00:00Z",
        "2020-01-01T08:00:00+08:00",
        "2020-01-01 00:00",
        "300w",
    ],
)
def test_time_may_be_a_date_an_iso_time_or_an_age(run, sign_in, time):
    user = sign_in("alice").user["id"]
    assert ids(run, "--since", time) == [user]


def test_columns_stay_aligned_with_wide_characters(run, sign_in, execute):
    sign_in("alice").put("/api/me", {"nickname": "小明"})
    sign_in("bob")
    run("users", "ban", listed(run)["items"][0]["id"])
    lines = run("users", "list").stdout.splitlines()
    at = lines[0].index("CREATED")
    assert all(line[at : at + 2] == "20" for line in lines[1:])
    assert lines[0].split() == ["ID", "OPENID", "CREATED", "LAST", "SEEN", "BANNED", "NICKNAME"]


def test_nickname_cannot_control_the_terminal(run, sign_in, execute):
    user = sign_in("alice").user["id"]
    evil = "\x1b[2J\x9b31mred\r\nroot\u202egnp\u2028\x07"
    execute("UPDATE users SET nickname = :n WHERE public_id = :u", n=evil, u=user)
    for args in (
        ["list"],
        ["show", user],
        ["list", "--json"],
        ["show", user, "--json"],
        ["export", user],
    ):
        output = run("users", *args).stdout
        assert not set(output.replace("\n", "")) & set("\x1b\x9b\r\x07\u202e\u2028")
    assert "?[2J?31mred??rootgnp??" in run("users", "list").stdout
    assert listed(run)["items"][0]["nickname"] == evil


def test_show_finds_a_user_by_public_id_and_by_openid(run, sign_in, openid):
    alice = sign_in("alice")
    alice.get("/api/me")
    for reference in (alice.user["id"], openid("alice")):
        shown = json.loads(run("users", "show", reference, "--json").stdout)
        assert shown["id"] == alice.user["id"]
        assert shown["created_at"] == alice.user["created_at"]
        assert shown["last_seen_at"] >= shown["created_at"]
        assert shown["banned_at"] is None
    assert f"id            {alice.user['id']}" in run("users", "show", alice.user["id"]).stdout


def test_user_erased_concurrently_is_not_found(run, sign_in, monkeypatch):
    user = sign_in("alice").user["id"]
    find = accounts.find

    def find_and_erase(reference):
        found = find(reference)
        erasure.erase(found.id)
        return found

    monkeypatch.setattr(accounts, "find", find_and_erase)
    assert run("users", "show", user, code=1).stderr == "Error: Not found.\n"
    monkeypatch.undo()
    sign_in("bob")
    monkeypatch.setattr(accounts, "find", find_and_erase)
    bob = listed(run)["items"][0]["id"]
    assert run("users", "ban", bob, code=1).stderr == "Error: Not found.\n"


@pytest.mark.parametrize("command", ["show", "ban", "erase", "export"])
@pytest.mark.parametrize("reference", ["nobody", "张三", "' OR 1=1 --", "😀"])
def test_unknown_user_is_not_found(run, sign_in, command, reference):
    sign_in("alice")
    assert run("users", command, reference, code=1).stderr == "Error: there is no such user\n"


def test_openid_is_case_sensitive(run, sign_in, openid):
    sign_in("alice")
    run("users", "show", openid("alice").swapcase(), code=1)


def test_ban_ends_and_counts_the_sessions(run, sign_in, client):
    phones = [sign_in("alice"), sign_in("alice")]
    user = phones[0].user["id"]
    assert run("users", "ban", user).stdout == f"banned {user}: 2 sessions ended\n"
    assert [phone.get("/api/me").status_code for phone in phones] == [403, 403]
    assert client.post("/api/auth/login", json={"code": "alice"}).status_code == 403
    assert run("users", "ban", user).stdout == f"{user} is already banned\n"


def test_unban_allows_login_and_revives_no_session(run, sign_in):
    phone = sign_in("alice")
    run("users", "ban", phone.user["id"])
    assert run("users", "unban", phone.user["id"]).stdout == f"unbanned {phone.user['id']}\n"
    assert run("users", "unban", phone.user["id"]).stdout == f"{phone.user['id']} is not banned\n"
    assert phone.get("/api/me").status_code == 401
    assert sign_in("alice").get("/api/me").status_code == 200


def test_unban_of_an_erased_user_takes_the_openid(run, sign_in, client, openid):
    user = sign_in("alice").user["id"]
    run("users", "ban", user)
    assert (
        run("users", "erase", user, "--yes").stdout == f"erased {user}; the person stays banned\n"
    )
    assert client.post("/api/auth/login", json={"code": "alice"}).status_code == 403
    run("users", "unban", user, code=1)
    assert run("users", "unban", openid("alice")).stdout == (
        "unbanned the erased account of this openid\n"
    )
    assert sign_in("alice").user["id"] != user
    run("users", "unban", openid("bob"), code=1)


def test_erase_can_forget_a_ban(run, sign_in):
    user = sign_in("alice").user["id"]
    run("users", "ban", user)
    run("users", "erase", user, "--yes", "--forget-ban")
    assert sign_in("alice").user["id"] != user


def test_erase_deletes_user_and_sessions(run, sign_in, execute):
    phone = sign_in("alice")
    assert run("users", "erase", phone.user["id"], "--yes").stdout == f"erased {phone.user['id']}\n"
    assert phone.get("/api/me").status_code == 401
    assert execute("SELECT COUNT(*) FROM users")[0][0] == 0
    assert execute("SELECT COUNT(*) FROM sessions")[0][0] == 0


def test_erase_asks_for_confirmation(run, sign_in):
    user = sign_in("alice").user["id"]
    declined = run("users", "erase", user, code=1, input="n\n")
    assert declined.stderr.endswith("Error: cancelled, nothing was changed\n")
    unanswered = run("users", "erase", user, code=1)
    assert unanswered.stderr.endswith(
        "Error: there is no answer on stdin; --yes skips the question\n"
    )
    assert ids(run) == [user]
    agreed = run("users", "erase", user, input="y\n")
    assert (agreed.stdout, ids(run)) == (f"erased {user}\n", [])


def test_export_has_all_data_and_no_secret(run, sign_in, openid):
    phone = sign_in("alice")
    phone.put("/api/me", {"nickname": "小明"})
    data = json.loads(run("users", "export", phone.user["id"]).stdout)
    assert (data["openid"], data["nickname"]) == (openid("alice"), "小明")
    assert len(data["sessions"]) == 1
    assert data["session_key_stored"] is True


def test_export_file_is_readable_only_by_its_owner_and_never_overwrites(run, sign_in, tmp_path):
    phone = sign_in("alice")
    phone.put("/api/me", {"nickname": "小明"})
    path = tmp_path / "alice.json"
    result = run("users", "export", phone.user["id"], "--output", str(path))
    assert result.stdout == ""
    assert "小明" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["id"] == phone.user["id"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = run("users", "export", phone.user["id"], "--output", str(path), code=1)
    assert again.stderr == f"Error: {path}: the file already exists\n"
    missing_folder = tmp_path / "none" / "alice.json"
    assert (
        "no such folder"
        in run("users", "export", phone.user["id"], "--output", str(missing_folder), code=1).stderr
    )
    assert [file.name for file in tmp_path.iterdir() if "part" in file.name] == []


def test_no_output_contains_a_session_key_or_token(run, sign_in, wechat, execute):
    phone = sign_in("alice")
    user = phone.user["id"]
    sealed = bytes(execute("SELECT session_key FROM users")[0][0]).decode()
    with wechat.sandbox._database.reading() as db:
        plain = db.execute("SELECT session_key FROM users").fetchone()[0]
    outputs = [
        run(*args.split()).output
        for args in (
            "users list",
            "users list --json",
            f"users show {user}",
            f"users show {user} --json",
            f"users export {user}",
            "sessions list",
            "sessions list --json",
            "stats",
            "stats --json",
            "secrets rotate",
            "secrets rotate --reencrypt",
            f"users ban {user}",
            f"users unban {user}",
            f"users erase {user} --yes",
        )
    ]
    for secret in (sealed, plain, phone.token, phone.token.split(".")[0]):
        assert not any(secret in output for output in outputs)


@pytest.fixture
def with_number(sign_in):
    """A user with a phone number."""
    phone = sign_in("alice")
    assert phone.post("/api/me/phone", {"code": "phone-13800000000"}).status_code == 200
    return phone


def test_show_masks_the_phone_number(run, with_number):
    assert "138******00" in run("users", "show", with_number.user["id"]).stdout
    assert json.loads(run("users", "show", with_number.user["id"], "--json").stdout)["phone"] == (
        "138******00"
    )


def test_show_phone_shows_the_whole_number_and_is_recorded(run, with_number, caplog):
    assert "13800000000" in run("users", "show", with_number.user["id"], "--phone").stdout
    (record,) = (each for each in caplog.records if each.getMessage() == "phone_shown")
    assert record.user == with_number.user["id"]
    assert "13800000000" not in caplog.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "typed",
    [
        "13800000000",
        "138 0000 0000",
        "+86 138-0000-0000",
        "8613800000000",
        "0086 138 0000 0000",
        "(+86) 138.0000.0000",
        "１３８００００００００",
        "\u202d138\u00a00000\u20110000\u202c",  # as copied from an address book
    ],
)
def test_list_finds_users_by_a_phone_number_that_is_typed(run, sign_in, with_number, typed):
    sign_in("bob")
    found = run("users", "list", "--phone", "-", "--json", input=f"{typed}\n")
    assert ids_of(found) == [with_number.user["id"]]
    assert ids_of(run("users", "list", "--phone", "-", "--json", input="13900000000\n")) == []


@pytest.mark.parametrize(
    "typed", ["+85251234567", "+852 5123-4567", "00852 5123 4567", "＋852 5123 4567"]
)
def test_list_finds_users_by_a_phone_number_abroad(run, sign_in, typed):
    phone = sign_in("alice")
    assert phone.post("/api/me/phone", {"code": "phone-+85251234567"}).status_code == 200
    found = run("users", "list", "--phone", "-", "--json", input=f"{typed}\n")
    assert ids_of(found) == [phone.user["id"]]
    for other in ("51234567", "85251234567"):
        assert ids_of(run("users", "list", "--phone", "-", "--json", input=f"{other}\n")) == []


def ids_of(result):
    return [each["id"] for each in json.loads(result.stdout)["items"]]


def test_text_that_is_no_phone_number_is_refused(runner):
    found = runner.invoke(args=["users", "list", "--phone", "-"], input="abc\n")
    assert found.exit_code == 2
    assert "a phone number has digits" in found.stderr


def test_list_takes_no_phone_number_on_the_command_line(run, with_number):
    result = run("users", "list", "--phone", "13800000000", code=2)
    assert "command lines are logged" in result.output
    assert with_number.user["id"] not in result.output
