"""`flask secrets …`."""

import os
import stat
import sys
from pathlib import Path

import pytest

from myapi.db import resealing
from myapi.security import key_rotation
from myapi.settings import SANDBOX_APPID, parsers

pytestmark = pytest.mark.on_mysql

KEY = "a key of these tests alone 0123456789"
OTHER = "another key of the tests 9876543210"


@pytest.fixture
def service(make_app, run):
    """Start a service process with these keys."""

    class Service:
        def __init__(self, *keys):
            self.app = make_app(secret_keys=keys)
            self.client = self.app.test_client()
            self.runner = self.app.test_cli_runner()

        def run(self, *args, **options):
            return run("secrets", *args, via=self.runner, **options)

        def rotate(self, *args, **options):
            """Return the printed keys."""
            return tuple(self.run("rotate", *args, **options).stdout.strip().split(","))

    return Service


@pytest.fixture
def decrypts(wechat):
    """Return whether the service can decrypt data with the stored session_key of a user."""

    def decrypts(phone, name="alice"):
        data = wechat.sandbox.encrypt(name, {"nickName": name}, SANDBOX_APPID)
        body = {"encryptedData": data["encryptedData"], "iv": data["iv"]}
        return phone.post("/api/me/decrypt", body).status_code == 200

    return decrypts


def connect(phone, client):
    """Return the phone connected to another process."""
    return type(phone)(client, phone.token, phone.user)


def test_generate_prints_a_new_valid_key(run):
    first, second = run("secrets", "generate").stdout, run("secrets", "generate").stdout
    assert first != second
    assert parsers.secret_keys(first.strip()) == (first.strip(),)


def test_rotation_accepts_tokens_until_their_key_is_retired(service, sign_in, decrypts):
    """During each step, some processes have been restarted and others not yet."""
    before = service(KEY)
    phones = [sign_in("alice", before.client)]

    keys = before.rotate()
    added = service(*keys)
    assert (len(keys), keys[1]) == (2, KEY)
    phones.append(sign_in("alice", added.client))
    _assert_all_served(phones, before, added)

    keys = added.rotate()
    signing = service(*keys)
    assert keys[0] == KEY
    phones.append(sign_in("alice", signing.client))
    _assert_all_served(phones, added, signing)

    assert signing.run("rotate", "--reencrypt").stdout.endswith("re-encrypted with the last key\n")
    retired = service(*signing.rotate())
    _assert_all_served(phones, added, signing)
    assert _statuses(phones, retired) == [401, 401, 200]
    assert decrypts(connect(phones[2], retired.client))


def test_stored_session_keys_stay_readable_during_a_rotation(service, sign_in, decrypts):
    phone = sign_in("alice", service(KEY).client)
    keys = (KEY,)
    for _ in key_rotation.STEPS[:2]:
        keys = service(*keys).rotate()
        assert decrypts(connect(phone, service(*keys).client))
    last = service(*keys)
    assert (
        last.run("rotate", "--reencrypt").stdout
        == "1 of 1 stored secret re-encrypted with the last key\n"
    )
    assert (
        last.run("rotate", "--reencrypt").stdout
        == "0 of 1 stored secret re-encrypted with the last key\n"
    )
    assert service(*last.rotate()).run("rotate", "--reencrypt").stderr == ""


def test_ban_of_an_erased_user_survives_a_rotation(service, sign_in, run):
    old = service(KEY)
    user = sign_in("alice", old.client).user["id"]
    run("users", "ban", user, via=old.runner)
    run("users", "erase", user, "--yes", via=old.runner)
    keys = old.rotate()
    keys = service(*keys).rotate()
    refused = service(*keys).run("rotate", code=1)
    assert "the last key alone cannot decrypt 1 stored secret: " in refused.stderr
    assert refused.stdout == ""
    service(*keys).run("rotate", "--reencrypt")
    new = service(*service(*keys).rotate())
    login = new.client.post("/api/auth/login", json={"code": "alice"})
    assert login.get_json()["error"] == "user_banned"


def test_each_step_prints_the_next_one(service):
    keys = (KEY,)
    for step, number in (("add", 1), ("sign", 2), ("retire", 3), ("add", 1)):
        result = service(*keys).run("rotate")
        assert result.stderr.startswith(f"Step {number} of 3, {step}: ")
        assert "restart every process" in result.stderr
        keys = tuple(result.stdout.strip().split(","))
        assert not any(key in result.stderr for key in keys)
    assert [key.partition("-")[0] for key in keys] == ["key2", "key1"]


def test_a_second_rotation_may_begin_before_the_first_one_ends(service):
    keys = service(*service(KEY).rotate()).rotate()
    added = service(*keys).rotate("--step", "add")
    assert added[1:] == keys
    signing = service(*added).rotate()
    assert signing == (*keys, added[0])
    assert service(*signing).rotate() == (added[0],)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("keys", "step", "message"),
    [
        ((KEY,), "sign", "the next step is add, not sign"),
        ((KEY,), "retire", "the next step is add, not retire"),
        (("key1-" + KEY, KEY), "add", "the next step is sign, not add"),
        (("key1-" + KEY, KEY), "retire", "the next step is sign, not retire"),
        ((KEY, "key1-" + KEY), "sign", "the next step is retire, not sign"),
    ],
)
def test_step_out_of_order_is_refused(service, keys, step, message):
    result = service(*keys).run("rotate", "--step", step, code=1)
    assert result.stdout == ""
    assert message in result.stderr


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("keys", [(KEY, OTHER), (OTHER, "key1-" + KEY, KEY)])
def test_step_option_is_required_if_the_keys_do_not_show_the_newest(service, keys):
    assert "give --step" in service(*keys).run("rotate", code=1).stderr
    assert service(*keys).rotate("--step", "sign") == (*keys[1:], keys[0])
    assert service(*keys).rotate("--step", "retire") == keys[-1:]
    assert service(*keys).rotate("--step", "add")[1:] == keys


def test_retire_is_refused_while_stored_secrets_need_the_key(service, sign_in):
    sign_in("alice", service(KEY).client)
    keys = (KEY, "key1-" + OTHER)
    refused = service(*keys).run("rotate", code=1)
    assert "--reencrypt" in refused.stderr
    assert service(*keys).rotate("--lose-secrets") == keys[1:]


def test_reencrypt_counts_unreadable_secrets_and_continues(service, sign_in):
    sign_in("alice", service(OTHER).client)
    sign_in("bob", service(KEY).client)
    result = service(KEY, "key1-" + KEY).run("rotate", "--reencrypt")
    assert result.stdout == "1 of 2 stored secrets re-encrypted with the last key\n"
    assert result.stderr.startswith("1 cannot be decrypted with any key")
    service(KEY, "key1-" + KEY).run("rotate", code=1)


def test_reencrypt_works_in_batches_and_can_be_interrupted(service, sign_in, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 2)
    client = service(KEY).client
    for number in range(5):
        sign_in(f"user-{number}", client)
    new = service(KEY, "key1-" + OTHER)
    with new.app.app_context():
        assert next(iter(resealing.reseal())) == (2, 2, 0)
    assert (
        new.run("rotate", "--reencrypt").stdout
        == "3 of 5 stored secrets re-encrypted with the last key\n"
    )


def test_reencrypt_does_not_overwrite_the_session_key_of_a_concurrent_login(
    service, sign_in, decrypts, monkeypatch
):
    sign_in("alice", service(KEY).client)
    new = service(KEY, "key1-" + OTHER)
    replace, phones = resealing._replace, []

    def late(*args):
        phones.append(sign_in("alice", new.client))
        return replace(*args)

    monkeypatch.setattr(resealing, "_replace", late)
    assert new.run("rotate", "--reencrypt").stdout.startswith("0 of 1")
    assert decrypts(phones[0])


def test_reencrypt_excludes_step_and_write(run):
    run("secrets", "rotate", "--reencrypt", "--step", "add", code=2)
    run("secrets", "rotate", "--reencrypt", "--write", "keys", code=2)


class TestWrite:
    @pytest.fixture
    def file(self, tmp_path):
        file = tmp_path / "keys"
        file.write_text(KEY)
        file.chmod(0o600)
        return file

    @pytest.fixture
    def rotate(self, service, file):
        def rotate(*args, **options):
            """Rotate in a process that was started with the present keys of the file."""
            keys = parsers.secret_keys(file.read_text().strip())
            return service(*keys).run("rotate", "--write", str(file), *args, **options)

        return rotate

    def test_file_is_updated_by_every_step(self, rotate, file):
        assert rotate().stdout == ""
        new, old = file.read_text().strip().split(",")
        assert old == KEY
        rotate("--yes")
        assert file.read_text() == f"{KEY},{new}\n"
        rotate("--yes")
        assert file.read_text() == f"{new}\n"

    def test_no_key_is_printed(self, rotate, file):
        output = rotate().output + rotate("--yes").output
        assert not any(key in output for key in file.read_text().strip().split(","))

    def test_sign_asks_whether_every_process_was_restarted(self, rotate, file):
        rotate()
        added = file.read_text()
        asked = rotate(code=1)
        assert "Has every process been restarted" in asked.stderr
        assert file.read_text() == added
        rotate("--step", "sign")  # naming the step answers the question
        assert file.read_text() != added

    def test_removing_a_key_asks_for_confirmation(self, rotate, file):
        rotate()
        rotate("--yes")
        both = file.read_text()
        assert "Permanently remove 1 key from" in rotate(code=1).stderr
        assert file.read_text() == both
        rotate(input="y\n")
        assert KEY not in file.read_text()

    def test_key_that_only_the_file_has_is_not_removed_without_confirmation(self, service, file):
        file.write_text(OTHER)
        service(KEY).run("rotate", "--write", str(file), code=1)
        assert file.read_text() == OTHER

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    @pytest.mark.parametrize("content", ["MYAPI_SECRET_KEYS=" + "k" * 9, "", "short", "\udcff"])
    def test_file_without_keys_is_not_overwritten(self, service, file, content):
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
        result = service(KEY).run("rotate", "--yes", "--write", str(file), code=1)
        assert "does not hold secret keys" in result.stderr
        assert file.read_bytes() == content.encode("utf-8", "surrogateescape")

    def test_failed_write_leaves_the_old_file(self, rotate, file, monkeypatch):
        def full(_handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert rotate(code=1).stderr == "Error: No space left on device\n"
        assert file.read_text() == KEY
        assert _temporary_files(file) == []

    def test_file_is_replaced_atomically(self, rotate, file, monkeypatch):
        seen = []
        replace = Path.replace
        monkeypatch.setattr(
            Path, "replace", lambda draft, to: (seen.append(file.read_text()), replace(draft, to))
        )
        rotate()
        assert seen == [KEY]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    def test_file_mode_excludes_others_and_keeps_the_group(self, rotate, service, file, tmp_path):
        rotate()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.chmod(0o644)
        rotate("--yes")
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        new = tmp_path / "new"
        service(KEY).run("rotate", "--write", str(new))
        assert stat.S_IMODE(new.stat().st_mode) == 0o600

    @pytest.mark.skipif(
        sys.platform == "win32", reason="symbolic links need a privilege on Windows"
    )
    def test_symbolic_link_is_kept(self, service, file, tmp_path):
        link = tmp_path / "link"
        link.symlink_to(file)
        service(KEY).run("rotate", "--write", str(link))
        assert link.is_symlink()
        assert file.read_text().strip().endswith(KEY)

    def test_rotate_prints_how_to_apply_the_file(self, rotate, file, monkeypatch):
        assert f"set MYAPI_SECRET_KEYS_FILE={file}" in rotate().stderr
        monkeypatch.setenv("MYAPI_SECRET_KEYS_FILE", str(file))
        assert "copy the file to every other host" in rotate("--yes").stderr


def _statuses(phones, service):
    return [connect(phone, service.client).get("/api/me").status_code for phone in phones]


def _assert_all_served(phones, *services):
    for service in services:
        assert _statuses(phones, service) == [200] * len(phones)


def _temporary_files(file):
    return list(file.parent.glob("*.part"))
