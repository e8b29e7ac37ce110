"""Install on a server with another site in Nginx and a purchased certificate."""

import contextlib
import json
import zipfile
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.install.archive import DEBIAN
from tests.install.server import DOMAIN, differences

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
    """A certificate authority that clients trust."""
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
    """Write a zip like that of Aliyun's console for Nginx, with certificate and key."""
    with zipfile.ZipFile(server.root / ZIPPED[1].lstrip("/"), "w") as archive:
        archive.writestr(f"{DOMAIN}.pem", pair.chain.read_bytes())
        archive.writestr(f"{DOMAIN}.key", pair.key.read_bytes())


def another_site(server, default):
    file = server.root / "etc/nginx/sites-enabled/shop"
    file.write_text(SITE.format(other=OTHER, default=default))
    tested = server.run("sh", "-c", "nginx -t && systemctl restart nginx")
    assert tested.returncode == 0, tested.stderr


def other_site_responses(server):
    """Request it by name and by address; return the responses without their dates."""
    responses = {}
    for url in (f"http://{OTHER}/", f"https://{OTHER}/", "http://127.0.0.1/", "https://127.0.0.1/"):
        answer = server.run("curl", "-sik", url).stdout
        responses[url] = [
            line for line in answer.splitlines() if not line.lower().startswith("date:")
        ]
    trusted = server.run("curl", "-sS", "--cacert", ROOT, f"https://{OTHER}/")
    assert trusted.stdout == "the shop\n", trusted.stderr
    return responses


def log_in(server):
    server.log_in("alice", trusts=ROOT)


WRONG = {
    "expired": ({"begins": -90, "ends": -1}, "has expired"),
    "for another name": ({"name": "www.example.com"}, f"is not for {DOMAIN}"),
    "with the key of another": ({"key": "another"}, "does not match the certificate"),
    "without its intermediate": ({"sends": "leaf"}, "the chain is incomplete"),
}


@pytest.mark.parametrize("how", WRONG)
def test_certificate_that_phones_refuse_is_refused_with_a_reason(server, authority, how):
    options, words = WRONG[how]
    name, other = options.pop("name", DOMAIN), options.pop("key", None)
    pair = authority.pair(name, **options)
    put(server, "wrong", pair)
    if other:
        key = authority.pair(name).key.read_bytes()
        (server.root / "pebble/wrong.key").write_bytes(key)
    before = server.file_states()
    done = server.up(certificate=("--cert", "/pebble/wrong.pem", "--key", "/pebble/wrong.key"))
    assert done.returncode == 1
    assert words in done.stderr
    assert differences(before, server.file_states()) == []


def test_zip_without_a_key_is_refused_and_nothing_changes(server):
    with zipfile.ZipFile(server.root / "pebble/half.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    before = server.file_states()
    done = server.up(certificate=("--cert", "/pebble/half.zip"))
    assert done.returncode == 1
    assert "must contain a certificate and its key" in done.stderr
    assert differences(before, server.file_states()) == []


def test_domain_of_another_site_is_refused(server):
    before = server.file_states()
    done = server.deploy("up", "--domain", OTHER, *CERTIFICATE, "--wheels", "/wheels")
    assert done.returncode == 1
    assert f"already has the server_name {OTHER}" in done.stderr
    assert differences(before, server.file_states()) == []


def test_install_with_pem_files_leaves_the_other_site_unchanged(server):
    before = other_site_responses(server)
    done = server.up(certificate=CERTIFICATE)
    assert done.returncode == 0, done.stdout + done.stderr
    log_in(server)
    assert other_site_responses(server) == before


def test_second_run_changes_nothing(server):
    done = server.up(certificate=CERTIFICATE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout


def test_next_certificate_from_a_zip_is_served(server, authority):
    before, others = server.certificate_serial(), other_site_responses(server)
    put_zip(server, authority.pair(DOMAIN))
    done = server.up(certificate=ZIPPED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.certificate_serial() != before
    log_in(server)
    assert other_site_responses(server) == others


def test_release_leaves_the_other_site_unchanged(server):
    before = other_site_responses(server)
    file = server.root / "etc/nginx/sites-enabled/zz-myapi.conf"
    text = file.read_text()
    server.change("# another release")
    done = server.release()
    assert done.returncode == 0, done.stdout + done.stderr
    assert other_site_responses(server) == before
    assert file.read_text() == text


def test_forwarded_address_is_trusted_only_from_the_balancer(server):
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


def test_https_stays_up_on_the_way_to_another_authority(server):
    """The first request for a certificate fails, the second one succeeds."""
    asked = f"curl -sk -o /dev/null -w '%{{http_code}}\\n' https://{DOMAIN}/api/hello"
    with server.start("sh", "-c", f"until [ -e /tmp/stop ]; do {asked}; sleep 0.05; done") as calls:
        nowhere = ("--email", "me@example.com", "--acme-server", "https://localhost:9/dir")
        refused = server.up(certificate=nowhere)
        own = server.certificate_serial()
        agreed = server.up()
        server.run("touch", "/tmp/stop")
        statuses, _ = calls.communicate(timeout=60)
    assert refused.returncode == 1
    assert "certificate request on the staging server: failed" in refused.stderr
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr
    assert server.certificate_serial() != own
    assert set(statuses.split()) == {"200"}
    server.log_in("alice")  # trusts the other authority alone
    back = server.up(certificate=ZIPPED)
    assert back.returncode == 0, back.stdout + back.stderr
    assert server.certificate_serial() == own


def test_uninstall_leaves_the_other_site_unchanged(server):
    before = other_site_responses(server)
    done = server.deploy("uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    assert other_site_responses(server) == before


def test_install_does_not_become_the_default_site(server):
    another_site(server, "")
    before = other_site_responses(server)
    done = server.up(certificate=ZIPPED)
    assert done.returncode == 0, done.stdout + done.stderr
    log_in(server)
    assert other_site_responses(server) == before


def test_purge_leaves_nginx_and_the_other_site(server):
    before = other_site_responses(server)
    done = server.deploy("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    assert other_site_responses(server) == before
    with contextlib.suppress(FileNotFoundError):
        assert not list(Path(server.root / "etc/myapi").iterdir())
