"""A server with another site on its Nginx, and a certificate that somebody bought."""

import contextlib
import json
import zipfile
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.install.container import DEBIAN
from tests.install.server import DOMAIN, unlike

OTHER = "shop.example.com"
SITE = """
server {{
    listen 80{default};
    server_name {other};
    location / {{ default_type text/plain; return 200 "the shop, in the clear\\n"; }}
}}
server {{
    listen 443 ssl{default};
    server_name {other};
    ssl_certificate /pebble/shop.pem;
    ssl_certificate_key /pebble/shop.key;
    location / {{ default_type text/plain; return 200 "the shop\\n"; }}
}}
"""
CERTIFICATE = ("--cert", "/pebble/own.pem", "--key", "/pebble/own.key")
ZIPPED = ("--cert", f"/pebble/12345678_{DOMAIN}_nginx.zip")
ROOT = "/usr/local/share/ca-certificates/example-root.crt"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The authority that sells certificates; phones trust its root."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(booted, authority):
    server = booted(DEBIAN)
    put(server, "shop", authority.pair(OTHER))
    put(server, "own", authority.pair(DOMAIN))
    (server.root / ROOT.lstrip("/")).write_bytes(authority.file.read_bytes())
    assert server.run("update-ca-certificates").returncode == 0
    hosts = server.root / "etc/hosts"
    hosts.write_text(hosts.read_text() + f"127.0.0.1 {OTHER}\n")
    install = ("apt-get", "-qq", "--yes", "--no-install-recommends", "install", "nginx")
    assert server.run(*install, DEBIAN_FRONTEND="noninteractive").returncode == 0
    (server.root / "etc/nginx/sites-enabled/default").unlink()
    another_site(server, " default_server")
    return server


def put(server, name, pair):
    (server.root / f"pebble/{name}.pem").write_bytes(pair.chain.read_bytes())
    (server.root / f"pebble/{name}.key").write_bytes(pair.key.read_bytes())


def put_zip(server, pair):
    """What the console of Aliyun gives for Nginx: both files in a zip that has their names."""
    with zipfile.ZipFile(server.root / ZIPPED[1].lstrip("/"), "w") as archive:
        archive.writestr(f"{DOMAIN}.pem", pair.chain.read_bytes())
        archive.writestr(f"{DOMAIN}.key", pair.key.read_bytes())


def another_site(server, default):
    file = server.root / "etc/nginx/sites-enabled/shop"
    file.write_text(SITE.format(other=OTHER, default=default))
    tested = server.run("sh", "-c", "nginx -t && systemctl restart nginx")
    assert tested.returncode == 0, tested.stderr


def what_the_other_site_says(server):
    """Ask for it by its name, and for nobody; each answer but for its date."""
    said = {}
    for url in (f"http://{OTHER}/", f"https://{OTHER}/", "http://127.0.0.1/", "https://127.0.0.1/"):
        answer = server.run("curl", "-sik", url).stdout
        said[url] = [line for line in answer.splitlines() if not line.lower().startswith("date:")]
    trusted = server.run("curl", "-sS", "--cacert", ROOT, f"https://{OTHER}/")
    assert trusted.stdout == "the shop\n", trusted.stderr
    return said


def logs_in(server):
    server.logs_in("alice", trusts=ROOT)


WRONG = {
    "expired": ({"begins": -90, "ends": -1}, "has expired"),
    "for another name": ({"name": "www.example.com"}, f"is not for {DOMAIN}"),
    "with the key of another": ({"key": "another"}, "does not match the certificate"),
    "without its intermediate": ({"sends": "leaf"}, "the chain is incomplete"),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_certificate_that_phones_would_refuse_is_refused_in_words(server, authority, how):
    options, words = WRONG[how]
    name, other = options.pop("name", DOMAIN), options.pop("key", None)
    pair = authority.pair(name, **options)
    put(server, "wrong", pair)
    if other:
        key = authority.pair(name).key.read_bytes()
        (server.root / "pebble/wrong.key").write_bytes(key)
    before = server.everything()
    done = server.up(certificate=("--cert", "/pebble/wrong.pem", "--key", "/pebble/wrong.key"))
    assert done.returncode == 1
    assert words in done.stderr
    assert unlike(before, server.everything()) == []


def test_a_zip_without_a_key_is_refused_and_nothing_changes(server):
    with zipfile.ZipFile(server.root / "pebble/half.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    before = server.everything()
    done = server.up(certificate=("--cert", "/pebble/half.zip"))
    assert done.returncode == 1
    assert "must contain a certificate and its key" in done.stderr
    assert unlike(before, server.everything()) == []


def test_the_name_of_another_site_is_not_taken(server):
    before = server.everything()
    done = server.deploy("up", "--domain", OTHER, *CERTIFICATE, "--wheels", "/wheels")
    assert done.returncode == 1
    assert f"already has the server_name {OTHER}" in done.stderr
    assert unlike(before, server.everything()) == []


def test_it_is_served_with_a_pair_of_pem_files_and_the_other_site_answers_as_before(server):
    before = what_the_other_site_says(server)
    done = server.up(certificate=CERTIFICATE)
    assert done.returncode == 0, done.stdout + done.stderr
    logs_in(server)
    assert what_the_other_site_says(server) == before


def test_once_more_changes_nothing(server):
    done = server.up(certificate=CERTIFICATE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout


def test_the_next_certificate_comes_as_a_zip_and_is_served_at_once(server, authority):
    before, others = server.certificate_serial(), what_the_other_site_says(server)
    put_zip(server, authority.pair(DOMAIN))
    done = server.up(certificate=ZIPPED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.certificate_serial() != before
    logs_in(server)
    assert what_the_other_site_says(server) == others


def test_a_release_leaves_the_other_site_alone(server):
    before = what_the_other_site_says(server)
    server.change("# another release")
    done = server.release()
    assert done.returncode == 0, done.stdout + done.stderr
    assert what_the_other_site_says(server) == before


def test_behind_a_balancer_its_word_on_the_address_counts_and_nobody_elses_does(server):
    done = server.up("--behind", "10.0.0.0/8", certificate=ZIPPED)
    assert done.returncode == 0, done.stdout + done.stderr
    forwarded = ("-H", "X-Forwarded-For: 198.51.100.7")
    with server.neighbour("10.77.0.1", "10.77.0.2", "172.30.0.2") as neighbour:
        for address, seen in (("10.77.0.2", "198.51.100.7"), ("172.30.0.2", "172.30.0.2")):
            token = json.loads(call(neighbour, address, "/api/auth/login", *forwarded))["data"][
                "token"
            ]
            bearer = ("-H", f"Authorization: Bearer {token}")
            answer = json.loads(call(neighbour, address, "/api/auth/sessions", *bearer, body=None))
            (current,) = [one for one in answer["data"]["sessions"] if one["current"]]
            assert current["ip"] == seen


def call(neighbour, address, path, *options, body='{"code": "alice"}'):
    data = ("-d", body) if body else ()
    done = neighbour(
        *("curl", "-sSk", "--interface", address, "--resolve", f"{DOMAIN}:443:10.77.0.1"),
        *(f"https://{DOMAIN}{path}", "-H", "Content-Type: application/json", *data, *options),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_gone_it_leaves_the_other_site_as_it_was(server):
    before = what_the_other_site_says(server)
    done = server.deploy("uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    assert what_the_other_site_says(server) == before


def test_beside_a_site_that_never_said_it_is_the_default_it_is_not_the_default_either(server):
    another_site(server, "")
    before = what_the_other_site_says(server)
    done = server.up(certificate=ZIPPED)
    assert done.returncode == 0, done.stdout + done.stderr
    logs_in(server)
    assert what_the_other_site_says(server) == before


def test_purged_it_leaves_nginx_and_the_other_site(server):
    before = what_the_other_site_says(server)
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    assert what_the_other_site_says(server) == before
    with contextlib.suppress(FileNotFoundError):
        assert not list(Path(server.root / "etc/myapi").iterdir())
