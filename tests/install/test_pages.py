"""What the documents have typed on a server, block by block and in their order."""

import re
import subprocess

import pytest

from tests.install.archive import DEBIAN
from tests.install.server import AUTHORITY, DOMAIN, SETTINGS
from tests.pages import blocks_of, translated
from tests.reader import ADDRESS

PAGES = ("docs/guides/go-live.md", "README.md", "docs/operations.md", "docs/restore.md")
#: What this server has in place of the internet, and of what a reader fills in.
HERE = {
    # Nobody types the AppID and the AppSecret here, for which `up` would ask.
    "sudo deploy/myapi up": " ".join(
        ["env", *(f"{name}={value}" for name, value in SETTINGS.items()), "deploy/myapi up"]
    ),
    "sudo ": "env ",  # a minimal system has none, and root needs none
    "--email me@example.com": f"--email me@example.com --acme-server {AUTHORITY} --wheels /wheels",
    "deploy/myapi release": "deploy/myapi release --wheels /wheels",
}
#: What a reader types when a command asks or reads.
TYPED = {
    "database_url.new": "mysql+pymysql://myapi:secret@127.0.0.1/myapi?charset=utf8mb4\n",
    "rate_limit_storage_url": "redis://127.0.0.1:6379/0\n",
    "secrets rotate": "y\n",
}
#: Exit codes beside 0 that a page says are no failure.
FINE = {"myapi doctor": {1, 2}, "deploy/myapi up": {1, 2}, "grep": {1}}


class Reader:
    """Types on a server, in the folder to which the last block went."""

    def __init__(self, server):
        self.server = server
        self.folder = "/root"

    def follow(self, page, **filled_in):
        for block in blocks_of(page):
            if (block.language, block.place) == ("sh", "server"):
                self.type(block.code, filled_in)

    def type(self, code, filled_in):
        for said, here in {**HERE, **filled_in}.items():
            code = code.replace(said, here)
        typed = "".join(text for part, text in TYPED.items() if part in code.partition("\n")[0])
        done = subprocess.run(
            [
                *self.server.enter(),
                *("sh", "-ec", f"trap 'pwd >/tmp/place' EXIT\ncd {self.folder}\n{code}"),
            ],
            input=typed,
            capture_output=True,
            text=True,
            timeout=600,
        )
        fine = {0}.union(*(codes for part, codes in FINE.items() if part in code))
        assert done.returncode in fine, f"{code}\n{done.stdout}{done.stderr}"
        self.folder = self.server.run("cat", "/tmp/place").stdout.strip()


@pytest.fixture(scope="module")
def server(booted):
    """A server whose `git clone` gives this checkout."""
    server = booted(DEBIAN)
    get(server, "git", "jq")
    for command in ("init --quiet", "add --all", "commit --quiet --message all"):
        git(server, command)
    server.run("git", "config", "--global", "url./src.insteadOf", ADDRESS)
    return server


@pytest.fixture(scope="module")
def reader(server):
    return Reader(server)


def get(server, *packages):
    done = server.run(
        *("apt-get", "-qq", "--yes", "--no-download", "--no-install-recommends", "install"),
        *packages,
        DEBIAN_FRONTEND="noninteractive",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def git(server, command):
    author = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    done = server.run("git", "-C", "/src", *author, *command.split())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_have_the_same_typed(page):
    """So to follow one is to follow both."""
    there, here = ([b for b in blocks_of(name) if b.place] for name in (page, translated(page)))
    assert [(b.place, without_comments(b.code)) for b in there] == [
        (b.place, without_comments(b.code)) for b in here
    ]


def without_comments(code):
    return re.sub(r" +# .*", "", code)


def test_going_live_serves_the_api(server, reader):
    reader.follow("docs/guides/go-live.md")
    server.log_in("alice")
    assert reader.folder == "/root/myapi"


def test_readme_finds_nothing_left_to_do(server, reader):
    before = server.current_release()
    reader.follow("README.md")
    assert server.current_release() == before


def test_operations_leads_to_mysql_and_redis_with_new_keys(server, reader):
    get(server, "mariadb-server", "redis-server")
    for statement in (
        "CREATE DATABASE myapi CHARACTER SET utf8mb4",
        "CREATE USER myapi@'127.0.0.1' IDENTIFIED BY 'secret'",
        "GRANT ALL ON myapi.* TO myapi@'127.0.0.1'",
    ):
        assert server.run("mariadb", "-e", statement).returncode == 0
    server.change("# another release")
    git(server, "commit --quiet --all --message another")
    answered = server.run(
        "curl", "-si", "--cacert", "/pebble/root.pem", f"https://{DOMAIN}/api/hello"
    )
    request_id = re.search(r"x-request-id: (\S+)", answered.stdout, re.IGNORECASE)[1]

    reader.follow("docs/operations.md", REQUEST_ID=request_id)

    assert "mariadb" in server.run("myapi", "stats").stdout
    assert len((server.root / "etc/myapi/secrets/secret_keys").read_text().split(",")) == 1
    assert server.run("systemctl", "is-active", "myapi.service").stdout == "active\n"
    server.log_in("alice")


def test_restore_brings_the_backup_back(server, reader):
    public_id = server.log_in("bob")
    assert server.deploy("backup").returncode == 0
    backups = "/var/lib/myapi/backups"
    newest = server.run("sh", "-c", f"cd {backups} && ls -t | head -n 1").stdout.strip()
    reader.follow("docs/restore.md", FILE=newest, USER=public_id)
    assert public_id not in {user["id"] for user in server.users()}
    server.log_in("alice")
