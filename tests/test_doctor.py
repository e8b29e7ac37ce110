"""The doctor against real servers on loopback, each with the very fault that it is to name."""

import ast
import contextlib
import email.utils
import gzip
import inspect
import json
import os
import random
import re
import secrets as random_secrets
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from myapi.doctor import Address, Look, Network, Said, Server, Trust, Visit

from myapi import doctor
from myapi.cli import doctor_checks
from myapi.settings import ROOT
from tests.requirements import need
from tests.servers import HOST, BlackHole, Nginx, free_port
from tests.tls import HELLO, Authority, Peer, answering, read_request

NAME = "api.example.com"
URL = f"https://{NAME}"
FILE = Path(doctor.__file__)
APPID, APPSECRET = "wx0f1e2d3c4b5a6978", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
KEY = random_secrets.token_hex(32)
PRODUCTION = {
    "env": "production",
    "wechat_appid": APPID,
    "wechat_secret": APPSECRET,
    "secret_keys": KEY,
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.pair(NAME)


@pytest.fixture
def look(authority):
    """Examine what stands at these ports of loopback as if it were the API; `{id: result}`."""

    def look(https=None, http=None, *, url=URL, server=None, only=(), patience=20.0, ca=True):
        ends = https if isinstance(https, list) else [https or free_port()]
        given = {(NAME, 443): [at(end) for end in ends], (NAME, 80): [at(http or free_port())]}
        visit = Visit(
            doctor.read_url(url),
            network=Network(given),
            trust=Trust(str(authority.file)) if ca is True else Trust(ca),
            server=server,
            patience=patience,
        )
        checks = doctor.OUTSIDE + (doctor.SERVER if server else [])
        return {each.id: each for each in doctor.examine(visit, doctor.chosen(checks, only))}

    return look


def at(end):
    return Address(end.host, end.port) if isinstance(end, Peer) else Address(HOST, end)


def failing(results):
    return {each.id for each in results.values() if each.status == "fail"}


def nginx(pair, inside, *, plain="return 403;", outside="", tls=""):
    """Serve HTTPS at its port, and plain HTTP at `.plain`."""
    need(Nginx)
    second = free_port()
    server = Nginx(f"""
        {outside}
        server {{
            listen {HOST}:@PORT@ ssl;
            server_name {NAME};
            ssl_certificate {pair.chain};
            ssl_certificate_key {pair.key};
            {tls}
            {inside}
        }}
        server {{ listen {HOST}:{second}; {plain} }}
    """)
    server.plain = second
    return server


HTTPS_REQUIRED = """default_type application/json;
    return 403 '{"code": 40301, "error": "https_required", "msg": "use https"}';"""
GOOD = f"default_type application/json; location / {{ return 200 '{HELLO.decode()}'; }}"
TLS = "ssl_protocols TLSv1.2 TLSv1.3;"
HSTS = 'add_header Strict-Transport-Security "max-age=63072000" always;'


# ---- all is well ----


@pytest.fixture
def installed(serve, pair):
    """The whole: Gunicorn in production, and Nginx with TLS before it."""
    with contextlib.ExitStack() as stack:

        def installed(inside="", location="", slash="", **settings):
            service = serve(**{**PRODUCTION, **settings})
            proxy = f"""
                {HSTS}
                gzip on; gzip_types application/json; gzip_min_length 20;
                client_max_body_size 1m;
                {inside}
                location /api/ {{
                    proxy_pass http://{HOST}:{service.port}{slash};
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $remote_addr;
                    proxy_set_header X-Forwarded-Proto https;
                    {location}
                }}
            """
            front = stack.enter_context(nginx(pair, proxy, plain=HTTPS_REQUIRED, tls=TLS))
            return service, front

        yield installed


def test_all_is_well_from_outside(installed, look, monkeypatch):
    monkeypatch.setattr(doctor, "SLOW", 10)  # a machine that tests is a busy one
    _, front = installed()
    results = look(front.port, front.plain)
    assert {each.id: each.evidence.en for each in results.values() if each.status != "ok"} == {
        "old_phones": "cannot judge how old phones take Example Root"
    }
    assert results["compression"].evidence.en == "gzip"
    assert all(each.fix == doctor.NOTHING for each in results.values())


def test_all_is_well_on_the_server(installed, authority, pair, tmp_path):
    service, front = installed()
    (tmp_path / "served.db").chmod(0o600)
    done = service.flask("doctor", URL, *options(front, authority, pair), "--json", "--lang", "en")
    checks = {each["id"]: each for each in json.loads(done.stdout)["checks"]}
    known_bug = doctor.has_wal_bug(sqlite3.sqlite_version_info)
    told = {each["id"] for each in checks.values() if each["status"] in ("warn", "fail")}
    # These tests ask a WeChat on loopback, in plain HTTP.
    assert told - {"disk", "clock_synchronised", "latency"} == {
        "settings",
        *(["sqlite"] if known_bug else []),
    }
    for name in ("database", "database_settings", "app", "certificate_served", "account"):
        assert checks[name]["status"] == "ok", checks[name]
    assert done.returncode == 1
    for secret in (KEY, APPSECRET, APPID):
        assert secret not in done.stdout + done.stderr


def test_the_script_alone_says_that_all_is_well(installed, authority):
    _, front = installed()
    given = [URL, "--from-outside", "--ca", str(authority.file), *resolve(front)]
    done = script(*given, "--json")
    statuses = {each["id"]: each["status"] for each in json.loads(done.stdout)["checks"]}
    latency = statuses.pop("latency")  # a machine that tests is a busy one
    assert set(statuses.values()) == {"ok", "skip"}
    assert done.returncode == (0 if latency == "ok" else 1)
    chinese = script(*given, "--lang", "zh")
    assert chinese.stdout.splitlines()[-1].startswith("失败 0 项")


def resolve(front):
    return [
        *("--resolve", f"{NAME}:443:{HOST}:{front.port}"),
        *("--resolve", f"{NAME}:80:{HOST}:{front.plain}"),
    ]


def options(front, authority, pair):
    return ["--ca", str(authority.file), "--cert", str(pair.chain), *resolve(front)]


def script(*args, **more):
    """Run the file as one copied to a laptop: nothing but the standard library is to be had."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(FILE), *args],
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONUTF8": "1", "LANG": "C.UTF-8", **more},
        timeout=60,
    )


# ---- the URL ----


@pytest.mark.parametrize(
    ("url", "evidence"),
    [
        ("http://api.example.com", "the scheme is http, not https"),
        ("ftp://api.example.com", "the scheme is ftp, not https"),
        ("https://203.0.113.5", "it is an IP address, not a name"),
        ("https://[2001:db8::1]", "it is an IP address, not a name"),
        ("https://localhost", "this is no public domain name"),
        ("https://api.weixin.qq.com", "WeChat's own domain cannot be listed"),
        ("https://user:pass@api.example.com", "a user name stands in it"),
        ("https://api.example.com/api", "a path stands in it"),
        ("https://API.example.com", "upper case stands in it"),
        ("https://api.example.com:443", ":443 is written, which fails with no port in the console"),
    ],
)
def test_a_url_that_wechat_refuses(url, evidence):
    found = doctor.url(Visit(doctor.read_url(url)))
    assert (found.status, found.evidence.en) == ("fail", evidence)


def test_a_url_with_a_port_is_a_warning_and_a_plain_one_is_well():
    assert doctor.url(Visit(doctor.read_url("https://api.example.com:8443"))).status == "warn"
    assert doctor.url(Visit(doctor.read_url("https://api.example.com/"))).status == "ok"
    assert doctor.url(Visit(doctor.read_url("api.example.com"))).status == "ok"


@pytest.mark.parametrize(
    "url", ["", "https://", "https://a b.com", "https://a.com:port", "a.com\n"]
)
def test_what_is_no_url_is_a_usage_error(url):
    done = script(url, "--from-outside")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_chinese_domain_is_asked_for_as_it_is_on_the_wire():
    assert doctor.read_url("https://接口.example.com").host == "xn--6orp08a.example.com"


# ---- name and connection ----


class Names(Network):
    """A network whose name server gives these addresses."""

    def __init__(self, *ips):
        super().__init__()
        self.ips = ips

    def lookup(self, host, port):
        return list(self.ips)


def test_a_name_without_an_address():
    found = doctor.dns(Visit(doctor.read_url("https://nothing-here.invalid")))
    assert found.status == "fail"
    assert found.evidence.en.startswith("nothing-here.invalid has no address")
    assert doctor.dns(Visit(doctor.read_url(URL), network=Names())).status == "fail"


def test_a_name_that_is_longer_than_names_can_be():
    url = doctor.read_url(f"https://{'a' * 70}.example.com")
    assert doctor.dns(Visit(url)).status == "fail"


@pytest.mark.parametrize(
    ("ip", "status"),
    [
        ("8.8.8.8", "ok"),
        ("10.0.0.8", "fail"),
        ("127.0.0.1", "fail"),
        ("fd00::8", "fail"),
        ("198.18.0.7", "skip"),
    ],
)
def test_addresses_that_phones_cannot_reach(ip, status):
    assert doctor.dns(Visit(doctor.read_url(URL), network=Names(ip))).status == status


def test_a_closed_port(look):
    port = free_port()
    results = look(port)
    assert failing(results) == {"port"}
    assert results["port"].evidence.en == "port 443 at 127.0.0.1: connection refused"
    assert "errno 600001" in results["port"].symptom.en
    assert results["route"].status == "skip"


def test_a_port_that_swallows_everything(look, monkeypatch):
    monkeypatch.setattr(doctor, "STEP", 1.0)
    with BlackHole() as hole:
        results = look(hole.port, only=["port", "tls", "plain_http"])
    assert failing(results) == {"tls"}
    assert results["tls"].evidence.en == "127.0.0.1: no answer in time"


def test_one_of_two_addresses_is_dead(look, pair):
    with Peer(answering(), pair) as peer:
        results = look([free_port(), peer], only=["port", "tls", "route"])
    assert failing(results) == {"port"}
    assert "take the dead address out" in results["port"].fix.en


def test_a_stale_aaaa_record(look, pair):
    with Peer(answering(), pair) as peer:
        results = look([peer, dead_ipv6()], only=["ipv6", "port", "tls", "name", "route"])
    assert failing(results) == {"ipv6"}
    assert results["ipv6"].evidence.en == "::1: connection refused"


def test_an_aaaa_record_that_leads_to_another_server(look, pair, authority):
    other = authority.pair("old.example.com")
    with Peer(answering(), pair) as peer, Peer(answering(), other, host="::1") as old:
        results = look([peer, old], only=["ipv6", "port", "tls", "name"])
    assert failing(results) == {"ipv6"}
    assert results["ipv6"].evidence.en.endswith("is for old.example.com")


def test_an_aaaa_record_that_is_right(look, pair):
    with Peer(answering(), pair) as peer, Peer(answering(), pair, host="::1") as other:
        assert look([peer, other], only=["ipv6"])["ipv6"].status == "ok"


def test_without_ipv6_here_nothing_is_said_of_it(monkeypatch):
    look = Look(Address("2001:db8::1", 443), refusal=OSError(101, "Network is unreachable"))
    monkeypatch.setattr(Visit, "looks", lambda visit: [look])
    found = doctor.ipv6(Visit(doctor.read_url(URL)))
    assert (found.status, "cannot be tried" in found.evidence.en) == ("skip", True)


def dead_ipv6():
    peer = Peer(answering(), host="::1")
    peer._listener.close()
    return peer


# ---- TLS ----


def test_plain_http_where_tls_should_be(look, monkeypatch):
    monkeypatch.setattr(doctor, "STEP", 1.5)
    with Peer(answering()) as peer:  # it waits for the rest of what is no request
        results = look(peer)
    assert failing(results) == {"plain_http", "tls"}
    assert results["plain_http"].evidence.en == "port 443 answers plain HTTP (200)"
    assert "listen 443 ssl" in results["plain_http"].fix.en


def test_plain_http_of_nginx_where_tls_should_be(look, pair):
    with nginx(pair, "", plain="return 200;") as front:
        assert "plain_http" in failing(look(front.plain, only=["plain_http"]))
        assert look(front.port, only=["plain_http"])["plain_http"].status == "ok"


def test_a_connection_that_is_reset_whatever_the_name(look):
    def behave(connection):
        connection.recv(10)

    with Peer(behave) as peer:
        results = look(peer, only=["tls", "icp"])
    assert failing(results) == {"tls"}
    assert results["tls"].evidence.en == "127.0.0.1: connection reset"


def test_a_name_that_is_not_filed_is_reset(look, pair):
    with Peer(answering(), pair, resets=NAME) as peer:
        results = look(peer, only=["tls", "icp", "port"])
    assert failing(results) == {"tls", "icp"}
    assert "resets a handshake that names api.example.com" in results["icp"].evidence.en


@pytest.mark.parametrize(
    "behave",
    [
        answering("403 Forbidden", b"<title>Non-compliance ICP Filing</title>", "text/html"),
        answering("403 Forbidden", b"", "text/html", Server="Beaver"),
        answering("302 Found", b"", Location="https://dnspod.example.com/static/webblock.html?d=x"),
        answering("200 OK", "<p>该网站暂时无法访问：域名未备案</p>".encode(), "text/html"),
    ],
    ids=["page", "server", "redirect", "chinese"],
)
def test_an_interception_page_on_port_80(look, pair, behave):
    with Peer(answering(), pair) as peer, Peer(behave) as plain:
        results = look(peer, plain, only=["icp"])
    assert failing(results) == {"icp"}
    assert "interception page" in results["icp"].evidence.en


def test_a_filing_number_in_a_footer_is_no_interception(look, pair):
    page = '<a href="https://beian.miit.gov.cn">京ICP备12345678号</a>'.encode()
    with Peer(answering(), pair) as peer, Peer(answering(body=page)) as plain:
        assert look(peer, plain, only=["icp"])["icp"].status == "ok"


def test_a_chain_without_its_intermediate(look, authority):
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        results = look(peer)
    assert failing(results) == {"chain"}
    assert "Example Intermediate, which signed it, is missing" in results["chain"].evidence.en
    assert "-202" in results["chain"].symptom.en
    assert "开发者工具里正常，真机上不行" in results["chain"].symptom.zh


def test_a_chain_that_only_this_computer_completes(look, authority, tmp_path):
    both = tmp_path / "both.pem"
    whole = authority.pair(NAME, sends="intermediate root").chain
    shutil.copy(whole, both)
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        results = look(peer, ca=str(both), only=["chain"])
    assert failing(results) == {"chain"}
    assert "only this computer happens to know it" in results["chain"].evidence.en


def test_a_chain_in_the_wrong_order(look, authority):
    pair = authority.pair(NAME, sends="leaf root intermediate")
    with Peer(answering(), pair) as peer:
        assert look(peer, only=["chain"])["chain"].status == "ok"
    assert doctor._order_of("abd", "ad", "root").status == "warn"


def test_a_self_signed_certificate(look, authority):
    pair = authority.pair(NAME, self_signed=True, sends="leaf")
    with Peer(answering(), pair) as peer:
        results = look(peer)
    assert failing(results) == {"self_signed"}
    assert results["self_signed"].evidence.en == "the certificate is signed by itself"


def test_a_private_authority_that_phones_do_not_know(look, authority):
    with Peer(answering(), authority.pair(NAME, sends="leaf intermediate root")) as peer:
        results = look(peer, ca=None, only=["chain", "self_signed"])
    assert failing(results) == {"self_signed"}
    assert results["self_signed"].evidence.en == "its authority Example Root is a private one"


def test_an_authority_that_nobody_knows(look, pair):
    with Peer(answering(), pair) as peer:
        results = look(peer, ca=None, only=["chain"])
    assert failing(results) == {"chain"}
    assert results["chain"].evidence.en.startswith("Example Root is neither sent nor")


def test_a_certificate_for_another_name(look, authority):
    with Peer(answering(), authority.pair("www.example.com", "*.api.example.com")) as peer:
        results = look(peer)
    assert failing(results) == {"name"}
    said = "for www.example.com, *.api.example.com, not for api.example.com"
    assert results["name"].evidence.en == said


def test_a_certificate_with_a_star(look, authority):
    with Peer(answering(), authority.pair("*.example.com")) as peer:
        assert look(peer, only=["name"])["name"].status == "ok"


@pytest.mark.parametrize(
    ("begins", "ends", "status", "evidence"),
    [
        (-90, -1, "fail", "the certificate of api.example.com expired on "),
        (+2, +90, "fail", "the certificate of api.example.com is not valid before "),
        (-88, +2, "fail", "2.0 days left, until "),
        (-80, +10, "warn", "10.0 days left, until "),
        (-40, +5, "warn", "5.0 days left, until "),
        (-40, +50, "ok", "50.0 days left, until "),
        (-300, +65, "ok", "65.0 days left, until "),
    ],
)
def test_a_certificate_and_its_days(look, authority, begins, ends, status, evidence):
    with Peer(answering(), authority.pair(NAME, begins=begins, ends=ends)) as peer:
        results = look(peer)
    assert results["dates"].status == status
    assert results["dates"].evidence.en.startswith(evidence)
    assert failing(results) == ({"dates"} if status == "fail" else set())


@pytest.mark.parametrize(
    ("root", "status"),
    [
        ("ISRG Root YE", "warn"),
        ("ISRG Root X1", "ok"),
        ("USERTrust RSA Certification Authority", "ok"),
    ],
)
def test_roots_that_old_phones_know_and_do_not(look, tmp_path, root, status):
    authority = Authority(tmp_path, root)
    with Peer(answering(), authority.pair(NAME)) as peer:
        results = look(peer, ca=str(authority.file), only=["old_phones"])
    assert results["old_phones"].status == status
    assert root in results["old_phones"].evidence.zh


@pytest.mark.parametrize(
    ("protocols", "status"),
    [("TLSv1.2 TLSv1.3", "ok"), ("TLSv1.2", "warn"), ("TLSv1.3", "fail")],
)
def test_versions_of_tls(look, pair, protocols, status):
    with nginx(pair, GOOD, tls=f"ssl_protocols {protocols};") as front:
        results = look(front.port, only=["tls", "tls_versions", "tls_old", "route"])
    assert results["tls_versions"].status == status
    assert failing(results) == ({"tls_versions"} if status == "fail" else set())
    assert results["tls_old"].status == "ok"


@pytest.mark.parametrize(
    ("protocols", "fails"),
    [("TLSv1 TLSv1.1", {"tls", "tls_versions"}), ("TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", set())],
)
def test_old_versions_of_tls(look, pair, protocols, fails):
    tls = f"ssl_protocols {protocols}; ssl_ciphers ALL:@SECLEVEL=0;"
    with nginx(pair, GOOD, tls=tls) as front:
        results = look(front.port, only=["tls", "tls_versions", "tls_old"])
    assert failing(results) == fails
    assert results["tls_old"].status == "warn"
    assert results["tls_old"].evidence.en == "TLS 1.1 is offered"


def test_a_certificate_is_read_as_others_read_it(authority):
    from cryptography import x509

    pair = authority.pair(NAME, "*.example.com", "127.0.0.1", "::1")
    certificate = doctor._first_certificate(pair.chain)
    other = x509.load_pem_x509_certificate(pair.chain.read_bytes())
    assert certificate.names == (NAME, "*.example.com", "127.0.0.1", "::1")
    assert certificate.not_after == other.not_valid_after_utc.timestamp()
    assert certificate.not_before == other.not_valid_before_utc.timestamp()
    assert doctor.name_of(certificate.issuer) == "Example Intermediate"


def test_a_certificate_that_is_rubbish_is_a_value_error(pair):
    der = doctor._first_certificate(pair.chain).der
    source = random.Random(7)
    for _ in range(3000):
        broken = bytearray(der[: source.randrange(len(der) + 1)] if source.random() < 0.3 else der)
        for _ in range(source.randrange(1, 6)):
            if broken:
                broken[source.randrange(len(broken))] = source.randrange(256)
        with contextlib.suppress(ValueError):
            doctor.name_of(doctor.read_certificate(bytes(broken)).issuer)


@pytest.mark.parametrize("level", ["3.13", "3.10"])
def test_the_chain_is_read_on_every_python(pair, level):
    """Public since 3.13, where it gives bytes; before, one level below, where it gives PEM."""
    der = doctor._first_certificate(pair.chain).der

    class Lower:
        def public_bytes(self):
            return ssl.DER_cert_to_PEM_cert(der)

    class Socket:
        pass

    connection = Socket()
    if level == "3.13":
        connection.get_unverified_chain = lambda: [der]
    else:
        connection._sslobj = Socket()
        connection._sslobj.get_unverified_chain = lambda: [Lower()]
    assert [each.names for each in doctor.sent_chain(connection)] == [(NAME,)]
    assert doctor.sent_chain(Socket()) is None


# ---- the roots to trust ----


def test_on_windows_the_store_of_intermediates_is_never_asked(monkeypatch, authority):
    """A chain with a gap must not pass since Windows happens to have its intermediate."""
    whole = authority.pair(NAME, sends="root intermediate").chain.read_text()
    root, intermediate = (
        ssl.PEM_cert_to_DER_cert(f"{pem.strip()}\n-----END CERTIFICATE-----")
        for pem in whole.split("-----END CERTIFICATE-----")[:2]
    )
    asked = []

    def enum_certificates(store):
        asked.append(store)
        return {
            "ROOT": [
                (root, "x509_asn", True),
                (intermediate, "x509_asn", frozenset({"1.3.6.1.5.5.7.3.4"})),  # for mail alone
                (b"rubbish", "x509_asn", True),
                (b"a list", "pkcs_7_asn", True),
            ],
            "CA": [(intermediate, "x509_asn", True)],
        }[store]

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ssl, "enum_certificates", enum_certificates, raising=False)
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: namedtuple("Paths", "capath")(None)
    )
    trust = Trust()
    assert asked == ["ROOT"]
    assert trust._ders() == [root]
    assert trust.knows_any
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        visit = Visit(doctor.read_url(URL), network=Network({(NAME, 443): [at(peer)]}), trust=trust)
        assert doctor.chain(visit).status == "fail"
    # Windows fetches a root when it is needed: one that is not there may be a good one.
    trust._context = doctor._plain_context()
    trust._context.load_verify_locations(cadata=intermediate)
    with Peer(answering(), authority.pair(NAME)) as peer:
        visit = Visit(doctor.read_url(URL), network=Network({(NAME, 443): [at(peer)]}), trust=trust)
        assert doctor.chain(visit).status == "skip"


def test_where_no_root_is_found_it_says_so(look, pair, monkeypatch):
    monkeypatch.setattr(doctor, "_load_system_roots", lambda context: None)
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: namedtuple("Paths", "capath")(None)
    )
    with Peer(answering(), pair) as peer:
        results = look(peer, ca=None, only=["chain"])
    assert results["chain"].status == "skip"
    assert "--ca" in results["chain"].evidence.en


def test_a_python_that_looks_elsewhere_finds_the_systems_roots(monkeypatch, authority):
    monkeypatch.setattr(doctor, "ROOT_FILES", ("/nowhere.pem", str(authority.file)))
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: namedtuple("Paths", "capath")(None)
    )
    monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda context: None)
    assert len(Trust()._ders()) == 1


def test_where_the_chain_cannot_be_read_the_verdict_is_what_there_is(
    look, pair, authority, monkeypatch
):
    monkeypatch.setattr(doctor, "sent_chain", lambda tls: None)
    only = ["chain", "self_signed", "name", "dates", "old_phones"]
    with Peer(answering(), pair) as peer:
        assert {each.status for each in look(peer, only=only).values()} == {"skip"}
    with Peer(answering(), authority.pair(NAME, sends="leaf")) as peer:
        assert failing(look(peer, only=only)) == {"chain"}


# ---- HTTP ----


def test_the_app_is_down(installed, look):
    service, front = installed()
    service.stop()
    results = look(front.port, front.plain)
    assert failing(results) == {"gateway"}
    assert results["gateway"].evidence.en.startswith("HTTP 502, text/html")
    on_server = look(front.port, front.plain, server=Server(bind=f"{HOST}:{service.port}"))
    assert {"gateway", "app"} <= failing(on_server)
    assert on_server["gateway"].evidence.en.endswith("the app itself does not answer either")


def test_nginx_asks_in_the_wrong_place(serve, pair, look):
    service = serve()
    wrong = f"location / {{ proxy_pass http://{HOST}:{free_port()}; }}"
    with nginx(pair, wrong) as front:
        only = ["gateway", "app"]
        results = look(front.port, server=Server(bind=f"{HOST}:{service.port}"), only=only)
    assert failing(results) == {"gateway"}
    assert results["gateway"].evidence.en.endswith("the app itself answers at its socket")
    assert "proxy_pass" in results["gateway"].fix.en


def test_an_app_that_never_answers(look, pair):
    with BlackHole() as hole:
        inside = f"location / {{ proxy_pass {hole.url}; proxy_read_timeout 1s; }}"
        with nginx(pair, inside) as front:
            results = look(front.port, only=["gateway"])
    assert results["gateway"].evidence.en.startswith("HTTP 504")


def test_the_prefix_is_lost_on_the_way(installed, look):
    _, front = installed(slash="/")
    results = look(front.port, front.plain)
    assert failing(results) == {"route"}
    assert "the prefix /api was lost" in results["route"].evidence.en


def test_nginx_does_not_pass_the_route_on(look, pair):
    with nginx(pair, "root /nowhere;") as front:
        results = look(front.port, only=["route", "gateway", "redirect", "body_limit"])
    assert failing(results) == {"route"}
    assert results["route"].evidence.en.startswith("HTTP 404, text/html: <html>")


def test_another_site_answers(look, pair):
    with Peer(
        answering(body=b"<h1>Welcome to nginx!</h1>", content_type="text/html"), pair
    ) as peer:
        results = look(peer)
    assert failing(results) == {"route"}
    assert results["route"].evidence.en.endswith("another site answers")


def test_a_redirect_to_another_host(look, pair):
    with nginx(pair, "return 301 https://www.example.com$request_uri;") as front:
        results = look(front.port)
    assert failing(results) == {"redirect"}
    assert results["redirect"].evidence.en == "HTTP 301 to https://www.example.com/api/hello"
    assert "600008" in results["redirect"].symptom.en


def test_a_proxy_that_takes_small_bodies_alone(installed, look):
    service = installed
    _, front = service(location="client_max_body_size 8k;")
    results = look(front.port, front.plain)
    assert failing(results) == {"body_limit"}
    assert results["body_limit"].evidence.en.startswith("HTTP 413, text/html")
    assert "client_max_body_size" in results["body_limit"].fix.en


def test_a_proxy_that_ends_the_connection_at_a_large_body(look, pair):
    def behave(connection):
        if b"POST" not in read_request(connection)[:4]:
            answering()(Replayed(connection))

    with Peer(behave, pair) as peer:
        results = look(peer, only=["body_limit"])
    assert failing(results) == {"body_limit"}


class Replayed:
    """A connection whose request has been read."""

    def __init__(self, connection):
        self.sendall = connection.sendall

    def recv(self, _size):
        return b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzip.compress(HELLO), "ok"),
        ("gzip", HELLO, "fail"),
        ("br", HELLO, "fail"),
        ("identity", HELLO, "ok"),
    ],
    ids=["gzip", "no gzip", "brotli", "none"],
)
def test_compression(look, pair, coding, body, status):
    with Peer(answering(body=body, Content_Encoding=coding), pair) as peer:
        assert look(peer, only=["compression"])["compression"].status == status


@pytest.mark.parametrize(
    ("ahead", "status"),
    [(0, "ok"), (-120, "warn"), (120, "warn"), (-3600, "fail"), (86400, "fail")],
)
def test_a_clock_that_is_wrong(look, pair, ahead, status):
    date = email.utils.formatdate(time.time() + ahead, usegmt=True)
    with Peer(answering(Date=date), pair) as peer:
        results = look(peer, only=["clock"])
    assert results["clock"].status == status
    if ahead:
        assert re.search(
            rf"the server is \{'+' if ahead > 0 else '-'}\d+ s", results["clock"].evidence.en
        )


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT", "9" * 500])
def test_a_date_that_cannot_be_read(look, pair, date):
    with Peer(answering(Date=date), pair) as peer:
        assert look(peer, only=["clock"])["clock"].status == "skip"


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (1.6, "warn"), (3.1, "fail")])
def test_slow_answers(look, pair, monkeypatch, seconds, status):
    monkeypatch.setattr(doctor, "SLOW", 1.5)
    monkeypatch.setattr(doctor, "VERY_SLOW", 3.0)

    def behave(connection):
        read_request(connection)
        time.sleep(seconds)
        answering()(Replayed(connection))

    with Peer(behave, pair) as peer:
        assert look(peer, only=["latency"])["latency"].status == status


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, "warn"),
        ({"Strict_Transport_Security": "max-age=300"}, "warn"),
        ({"Strict_Transport_Security": "includeSubDomains"}, "warn"),
        ({"Strict_Transport_Security": "max-age=63072000; includeSubDomains"}, "ok"),
    ],
)
def test_hsts(look, pair, header, status):
    with Peer(answering(**header), pair) as peer:
        assert look(peer, only=["hsts"])["hsts"].status == status


@pytest.mark.parametrize(
    ("plain", "status"),
    [
        (GOOD, "fail"),
        (HTTPS_REQUIRED, "ok"),
        ("return 301 https://api.example.com$request_uri;", "ok"),
        ("return 301 https://www.example.com$request_uri;", "warn"),
        ("return 404;", "warn"),
    ],
    ids=["the API in plain", "refused", "redirect", "redirect elsewhere", "404"],
)
def test_port_80(look, pair, plain, status):
    with nginx(pair, GOOD, plain=plain) as front:
        assert look(front.port, front.plain, only=["port_80"])["port_80"].status == status


def test_port_80_closed(look, pair):
    with Peer(answering(), pair) as peer:
        results = look(peer, only=["port_80"])
    assert results["port_80"].status == "warn"
    assert "certbot cannot renew" in results["port_80"].evidence.en


# ---- hostile servers ----

ENDLESS_HEADERS = b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 300_000
HOSTILE = {
    "nothing": lambda source: b"",
    "random": lambda source: source.randbytes(source.randrange(1, 5000)),
    "random after a status": lambda source: b"HTTP/1.1 200 OK\r\n\r\n" + source.randbytes(2000),
    "endless headers": lambda source: ENDLESS_HEADERS,
    "many headers": lambda source: b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000,
    "a huge body": lambda source: b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 3_000_000,
    "a lying length": lambda source: b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n{}",
    "a negative length": lambda source: b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "odd chunks": lambda source: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n{\r\nzz\r\n"
    ),
    "a bomb": lambda source: (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"\0" * 50_000_000)
    ),
    "deep JSON": lambda source: b"HTTP/1.1 200 OK\r\n\r\n" + b'{"a":' * 20_000,
    "escape codes": lambda source: (
        b"HTTP/1.1 404 \x1b[2J\r\nContent-Type: \x1b[31m\r\nDate: \xff\r\n"
        b"Location: \x1b]0;x\x07\r\n\r\n\x1b[2J\xe2\x80\xae" + b"\x00" * 10
    ),
    "a status of letters": lambda source: b"HTTP/1.1 OK\r\n\r\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("over", ["tls", "nothing"])
def test_no_hostile_answer_makes_it_raise_or_wait(look, pair, kind, over):
    source = random.Random(kind)

    def behave(connection):
        if over == "tls":
            connection.recv(65536)
        connection.sendall(HOSTILE[kind](source))

    started = time.monotonic()
    with Peer(behave, pair if over == "tls" else None) as peer, Peer(behave) as plain:
        results = look(peer, plain, patience=10)
    assert time.monotonic() - started < 25
    assert not any(
        "cannot judge: " in each.evidence.en and "Error" in each.evidence.en
        for each in results.values()
    ), results
    for language in ("en", "zh"):
        text = doctor.written(list(results.values()), language)
        assert all(character.isprintable() or character == "\n" for character in text)
        assert max(map(len, text.splitlines())) < 600


@pytest.mark.parametrize("over", ["tls", "nothing"])
def test_a_drip_is_cut_off(look, pair, over):
    def behave(connection):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000:
            connection.sendall(bytes([byte]))
            if peer.closing.wait(0.05):
                return

    started = time.monotonic()
    with Peer(behave, pair if over == "tls" else None) as peer:
        results = look(peer, peer, patience=3)
        assert time.monotonic() - started < 8
    assert len(results) == len(doctor.OUTSIDE)


def test_a_name_server_that_hangs_holds_nothing_up():
    class Hanging(Network):
        def lookup(self, host, port):
            time.sleep(5)
            return []

    started = time.monotonic()
    visit = Visit(doctor.read_url(URL), network=Hanging(), patience=0.5)
    results = doctor.examine(visit, doctor.OUTSIDE)
    assert time.monotonic() - started < 4
    by_id = {each.id: each for each in results}
    assert (by_id["dns"].status, by_id["url"].status) == ("skip", "ok")
    assert by_id["dns"].evidence.en == "not known after 0.5 s"


def test_a_check_that_breaks_is_no_reason_to_end():
    def broken(visit):
        raise RuntimeError("\x1b[2J nobody thought of this")

    one = doctor.Check("broken", broken, ("unseen",), doctor.NOTHING)
    (result,) = doctor.examine(Visit(None), [one])
    assert (result.status, result.evidence.en) == (
        "skip",
        "cannot judge: RuntimeError: [2J nobody thought of this",
    )


# ---- on the server ----


def here(name, server, url=None, **more):
    """Make one check of the server."""
    visit = Visit(doctor.read_url(url) if url else None, server=server, **more)
    (result,) = doctor.examine(visit, doctor.chosen(doctor.SERVER, [name]))
    return result


def systemctl(timers="", result="success", state="active"):
    """Be systemd, with these timers and what their last run came to."""

    def run(*command):
        if "list-timers" in command:
            return timers
        if command[0] == "timedatectl":
            return result
        return f"Result={result}\n" if "Result" in command else f"ActiveState={state}\n"

    return run


TIMERS = "Mon 2026-01-05 03:00:00 UTC 5h left - - certbot.timer certbot.service\n"


@pytest.fixture
def letsencrypt(tmp_path, authority):
    """A folder as certbot makes it, with a certificate of this name."""
    pair = authority.pair(NAME)
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal" / f"{NAME}.conf").write_text("version = 2.1.0\n")
    (tmp_path / "live" / NAME).mkdir(parents=True)
    shutil.copy(pair.chain, tmp_path / "live" / NAME / "fullchain.pem")
    return tmp_path


def test_the_served_certificate_is_not_the_one_on_disk(look, pair, letsencrypt):
    server = Server(letsencrypt=letsencrypt, nginx=letsencrypt)
    with Peer(answering(), pair) as peer:
        results = look(peer, server=server, only=["certificate_served"])
        assert failing(results) == {"certificate_served"}
        assert "systemctl reload nginx" in results["certificate_served"].fix.en
        shutil.copy(pair.chain, letsencrypt / "live" / NAME / "fullchain.pem")
        assert (
            look(peer, server=server, only=["certificate_served"])["certificate_served"].status
            == "ok"
        )


def test_the_certificate_is_found_where_nginx_has_it(look, pair, authority, tmp_path):
    (tmp_path / "conf.d").mkdir()
    config = tmp_path / "conf.d" / "api.conf"
    config.write_text(f"server {{ server_name x {NAME};\n  ssl_certificate {pair.chain};\n }}")
    server = Server(letsencrypt=tmp_path / "none", nginx=tmp_path)
    with Peer(answering(), pair) as peer:
        results = look(peer, server=server, only=["certificate_served"])
        assert results["certificate_served"].evidence.en == f"it is that of {pair.chain}"
        config.write_text("server { server_name other.example.com; }")
        assert (
            look(peer, server=server, only=["certificate_served"])["certificate_served"].status
            == "skip"
        )
        named = Server(certificate=tmp_path / "gone.pem")
        assert (
            look(peer, server=named, only=["certificate_served"])["certificate_served"].status
            == "skip"
        )


@pytest.mark.parametrize(
    ("run", "status", "evidence"),
    [
        (systemctl(TIMERS), "ok", "certbot.timer is on, its last run went well"),
        (systemctl(""), "fail", "no timer runs certbot"),
        (systemctl(TIMERS, state="inactive"), "fail", "certbot.timer is off"),
        (systemctl(TIMERS, result="exit-code"), "fail", "certbot failed the last time: exit-code"),
    ],
)
def test_renewal(letsencrypt, run, status, evidence):
    found = here("renewal", Server(letsencrypt=letsencrypt, run=run), URL)
    assert (found.status, found.evidence.en) == (status, evidence)


def test_renewal_of_another_name_and_without_certbot(letsencrypt, tmp_path):
    server = Server(letsencrypt=letsencrypt, run=systemctl(TIMERS))
    assert here("renewal", server, "https://other.example.com").status == "warn"
    (letsencrypt / "renewal" / f"{NAME}.conf").rename(letsencrypt / "renewal" / "old.conf")
    (letsencrypt / "live" / NAME).rename(letsencrypt / "live" / "old")
    assert here("renewal", server, URL).status == "ok"  # old is for this name as well
    assert here("renewal", Server(letsencrypt=tmp_path / "nothing"), URL).status == "skip"


def test_renewal_without_systemd(letsencrypt):
    def run(*command):
        raise FileNotFoundError(2, "No such file or directory", command[0])

    found = here("renewal", Server(letsencrypt=letsencrypt, run=run), URL)
    assert (found.status, found.evidence.en) == ("skip", "systemctl: No such file or directory")


def test_a_program_of_the_system(monkeypatch):
    assert doctor.run_program(sys.executable, "-c", "print(1)") == "1\n"
    with pytest.raises(OSError, match="not allowed"):
        doctor.run_program(sys.executable, "-c", "import sys; sys.exit('not allowed')")
    monkeypatch.setattr(doctor, "STEP", 0.2)
    with pytest.raises(TimeoutError):
        doctor.run_program(sys.executable, "-c", "import time; time.sleep(20)")


@pytest.mark.parametrize(
    ("free", "status"), [(50 * 2**20, "fail"), (500 * 2**20, "warn"), (40 * 2**30, "ok")]
)
def test_a_disk_that_is_nearly_full(monkeypatch, tmp_path, free, status):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(80 * 2**30, 0, free))
    found = here("disk", Server(data=(tmp_path / "not" / "yet", Path("/"))))
    assert found.status == status


@pytest.mark.parametrize(
    ("told", "status"),
    [("NTPSynchronized=yes", "ok"), ("NTPSynchronized=no", "warn"), ("", "skip")],
)
def test_a_clock_that_nobody_keeps(told, status):
    assert here("clock_synchronised", Server(run=lambda *command: told)).status == status


def test_debug_mode():
    assert here("debug", Server(debug=True), URL).status == "fail"
    assert here("debug", Server(debug=True)).status == "warn"
    assert here("debug", Server()).status == "ok"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize(
    ("folder", "file", "status"),
    [
        (0o755, 0o600, "ok"),
        (0o755, 0o644, "fail"),
        (0o700, 0o644, "ok"),  # nobody gets that far
        (0o755, 0o640, "warn"),
        (0o755, 0o604, "fail"),
    ],
)
def test_files_that_others_can_read(folder, file, status):
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # every folder above is open to all
        Path(name).chmod(folder)
        secret = Path(name) / ".env"
        secret.write_text("MYAPI_SECRET_KEYS=…")
        secret.chmod(file)
        found = here("file_modes", Server(private=(secret, Path(name) / "missing")))
        Path(name).chmod(0o700)
    assert found.status == status
    if status == "fail":
        assert f"{secret} {file:04o}" in found.evidence.en


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ("3.6.23", False),
        ("3.7.0", True),
        ("3.40.1", True),
        ("3.44.5", True),
        ("3.44.6", False),
        ("3.45.1", True),
        ("3.50.6", True),
        ("3.50.7", False),
        ("3.51.2", True),
        ("3.51.3", False),
        ("3.52.0", False),
    ],
)
def test_sqlite_with_the_bug_of_its_log(monkeypatch, version, bug):
    numbers = tuple(map(int, version.split(".")))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", numbers)
    found = here("sqlite", Server())
    assert (found.status, version in found.evidence.en) == ("warn" if bug else "ok", True)
    assert here("sqlite", Server(sqlite=False)).status == "skip"


def test_the_app_at_its_socket(tmp_path):
    with Peer(answering()) as peer:
        assert here("app", Server(bind=f"{HOST}:{peer.port}")).status == "ok"
        assert here("app", Server(bind=f"0.0.0.0:{peer.port}")).status == "ok"
    assert here("app", Server(bind=f"{HOST}:{free_port()}")).status == "fail"
    with Peer(answering("503 Service Unavailable", b"{}")) as peer:
        assert here("app", Server(bind=f"{HOST}:{peer.port}")).status == "fail"
    assert here("app", Server()).status == "skip"
    assert here("app", Server(bind="nonsense")).status == "fail"


def test_the_app_at_a_unix_socket(serve, tmp_path):
    path = tmp_path / "app.sock"
    missing = here("app", Server(bind=f"unix:{path}"))
    assert (missing.status, "No such file" in missing.evidence.en) == ("fail", True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        import threading

        def answer():
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    answering()(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        assert here("app", Server(bind=f"unix:{path}")).status == "ok"
        thread.join()


# ---- WeChat ----


@pytest.fixture
def ask_wechat(wechat):
    """Ask the sandbox for the account, as the server would."""

    def ask(appid=APPID, secret=APPSECRET, url=None):
        visit = Visit(None, server=Server(appid=appid, secret=secret, wechat=url or wechat.url))
        checks = doctor.chosen(doctor.SERVER, ["wechat,account,allow_list"])
        results = {each.id: each for each in doctor.examine(visit, checks)}
        assert secret not in doctor.written(list(results.values()), "en")
        return results

    return ask


def test_an_account_that_is_right(ask_wechat):
    assert {each.status for each in ask_wechat().values()} == {"ok"}


@pytest.mark.parametrize(
    ("given", "evidence"),
    [
        ({"appid": "bad-appid"}, "40013: the AppID is wrong"),
        ({"secret": "bad-secret"}, "40125: the AppSecret is wrong"),
        ({"secret": "frozen-secret"}, "40243: the AppSecret is frozen"),
    ],
)
def test_an_account_that_wechat_refuses(ask_wechat, given, evidence):
    results = ask_wechat(**given)
    assert failing(results) == {"account"}
    assert results["account"].evidence.en == evidence
    assert results["wechat"].status == "ok"


def test_a_server_that_is_not_on_the_allow_list(ask_wechat, wechat):
    wechat.sandbox.set_fault(40164, 1)  # one call answers all three checks
    results = ask_wechat()
    assert results["allow_list"].status == "warn"
    assert results["allow_list"].evidence.en == "40164: 127.0.0.1 is not on the list"
    assert results["account"].status == "ok"


def test_wechat_is_never_asked_to_force_a_token(pair):
    asked = []

    def behave(connection):
        asked.append(read_request(connection))
        answering(body=b'{"access_token": "a-very-secret-token", "expires_in": 7200}')(
            Replayed(connection)
        )

    with Peer(behave) as peer:
        server = Server(appid=APPID, secret=APPSECRET, wechat=f"http://{HOST}:{peer.port}")
        results = doctor.examine(Visit(None, server=server), doctor.SERVER)
    (request,) = asked
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /cgi-bin/stable_token HTTP/1.1")
    assert json.loads(body)["force_refresh"] is False
    assert APPSECRET.encode() not in head
    assert "a-very-secret-token" not in doctor.written(results, "en")


def test_a_message_that_repeats_the_secret_is_shown_without(pair):
    body = json.dumps({"errcode": 99999, "errmsg": f"what is {APPSECRET}?"}).encode()
    with Peer(answering(body=body)) as peer:
        server = Server(appid=APPID, secret=APPSECRET, wechat=f"http://{HOST}:{peer.port}")
        found = here("account", server)
    assert found.evidence.en == "WeChat answers 99999: what is ***?"


@pytest.mark.parametrize("fault", ["http_502_html", "html", "empty", "closed"])
def test_wechat_on_a_bad_day(ask_wechat, wechat, fault):
    wechat.sandbox.set_fault(fault, 9)
    results = ask_wechat()
    assert failing(results) == {"wechat"}
    assert results["account"].status == "skip"


def test_wechat_that_cannot_be_reached(ask_wechat):
    results = ask_wechat(url=f"http://{HOST}:{free_port()}")
    assert results["wechat"].evidence.en == "127.0.0.1: connection refused"
    assert ask_wechat(url="https://nothing-here.invalid")["wechat"].status == "fail"


def test_a_wechat_with_a_certificate_of_nobody_we_know_gets_no_secret(ask_wechat, authority):
    asked = []
    pair = authority.pair(HOST)
    with Peer(lambda connection: asked.append(read_request(connection)), pair) as peer:
        results = ask_wechat(url=f"https://{HOST}:{peer.port}")
    assert results["wechat"].evidence.en.startswith("127.0.0.1: certificate refused")
    assert asked == []


@pytest.mark.parametrize(
    "reply",
    [
        b'{"errcode": [1], "errmsg": {}}',
        b'{"errcode": 40164, "errmsg": null}',
        b'{"access_token": 7}',
        b'{"errcode": true}',
        b'"text"',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=range(7),
)
def test_whatever_wechat_says_nothing_breaks(ask_wechat, reply):
    with Peer(answering(body=reply)) as peer:
        results = ask_wechat(url=f"http://{HOST}:{peer.port}")
    assert not any("Error" in each.evidence.en for each in results.values())


def test_with_the_sandbox_in_use_wechat_is_not_asked():
    found = here("account", Server(sandbox=True))
    assert (found.status, found.evidence.en) == ("skip", str(doctor.SANDBOX.en))


# ---- the command ----


def checks_of(done):
    return {each["id"]: each for each in json.loads(done.stdout)["checks"]}


def closed():
    return ["--resolve", f"{NAME}:443:{HOST}:1", "--resolve", f"{NAME}:80:{HOST}:1"]


@pytest.mark.parametrize(
    "args",
    [[], [URL, "--only", "nonsense"], [URL, "--resolve", "x"], [URL, "--ca", "/nowhere/ca.pem"]],
)
def test_wrong_words_to_the_script_are_a_usage_error(args):
    done = script(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_json_has_five_keys_in_both_languages():
    for language in ("en", "zh"):
        done = script(URL, "--json", "--lang", language, *closed(), "--only", "url,port,dns,disk")
        assert done.stdout.isascii()
        for each in json.loads(done.stdout)["checks"]:
            assert list(each) == ["id", "status", "symptom", "evidence", "fix"]
            assert each["status"] in ("ok", "warn", "fail", "skip")
            assert all(isinstance(value, str) for value in each.values())
            assert bool(each["fix"]) == (each["status"] in ("warn", "fail"))


def test_the_language_is_that_of_the_system():
    given = [URL, "--from-outside", *closed(), "--only", "port"]
    assert "连接被拒绝" in script(*given, LANG="zh_CN.UTF-8").stdout
    assert "connection refused" in script(*given, LANG="de_DE.UTF-8").stdout
    assert "connection refused" in script(*given, LANG="zh_CN.UTF-8", LC_ALL="C").stdout


def test_a_terminal_that_knows_no_chinese_gets_question_marks():
    done = script(
        URL,
        "--from-outside",
        *closed(),
        "--only",
        "port",
        "--lang",
        "zh",
        PYTHONUTF8="0",
        PYTHONIOENCODING="ascii",
        LC_ALL="C",
    )
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("wording", "name"),
    [
        ("request:fail", "port"),
        ("errno 600001", "port"),
        ("errno: 600001", "tls"),
        ("600002", "url"),
        ("url not in domain list", "url"),
        ("不在以下 request 合法域名列表中", "url"),
        ("errno 5", "latency"),
        ("5", "port"),
        ("request:fail timeout", "latency"),
        *[(f"errno -{n}", "tls") for n in range(1, 5)],
        *[(f"errcode:-{n}", "port") for n in range(1, 5)],
        ("-202", "chain"),
        ("net::ERR_CERT_AUTHORITY_INVALID", "self_signed"),
        ("ssl hand shake error", "chain"),
        ("ssl hand shake error", "tls_versions"),
        ("404", "route"),
        ("502", "gateway"),
        ("502 Bad Gateway", "app"),
        ("413", "body_limit"),
        ("works in the tool, not on the phone", "chain"),
        ("开发者工具正常真机不行", "chain"),
        ("开发者工具正常真机不行", "url"),
        ("安卓访问不了", "ipv6"),
        ("40164", "allow_list"),
        ("invalid ip, not in whitelist", "allow_list"),
        ("40125", "account"),
        ("decrypt_failed", "clock"),
        ("证书过期", "dates"),
    ],
)
def test_the_usual_wordings_lead_to_the_checks(wording, name):
    found = doctor.explain(wording, doctor.OUTSIDE + doctor.SERVER)
    assert name in [each.id for each in found]


def test_a_wording_does_not_lead_everywhere():
    every = doctor.OUTSIDE + doctor.SERVER
    for wording in ("600002", "404", "413", "502", "40164", "-202", "errno 5"):
        assert 0 < len(doctor.explain(wording, every)) < len(every) / 2, wording
    assert doctor.explain("-202", every)[0].id in ("chain", "self_signed", "name")
    assert doctor.explain("works in the tool, not on the phone", every)[0].id == "chain"
    assert doctor.explain("purple", every) == []


# ---- what changed ----


def test_a_timer_hears_what_changed(pair, authority, tmp_path):
    file = tmp_path / "doctor.json"

    def run(front):
        return script(
            URL,
            "--from-outside",
            "--lang",
            "en",
            "--only",
            "route,hsts,port",
            "--ca",
            str(authority.file),
            "--changes",
            str(file),
            *resolve(front),
        )

    with nginx(pair, GOOD + HSTS) as front:
        first = run(front)
        assert (first.returncode, first.stdout) == (0, "")
    with nginx(pair, "return 404;") as front:
        broken = run(front)
        assert broken.returncode == 2
        assert "FAIL  route" in broken.stdout
        assert "  port" not in broken.stdout
        again = run(front)
        assert (again.returncode, again.stdout) == (2, "")
    assert "FAIL  port" in run(front).stdout  # nothing listens; of the route nothing is known
    with nginx(pair, GOOD + HSTS) as front:
        healed = run(front)
        assert (healed.returncode, "FAIL" in healed.stdout) == (0, False)
        assert re.findall(r"^ok +(\w+)", healed.stdout, re.MULTILINE) == ["port", "route", "hsts"]
        assert run(front).stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["doctor.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"statuses": 7}', '{"statuses": {"port": []}}'])
def test_a_file_of_changes_that_is_broken_is_begun_anew(tmp_path, text):
    file = tmp_path / "doctor.json"
    file.write_text(text)
    result = doctor.Result("port", "fail", *[Said("a", "甲")] * 3)
    assert doctor.changes([result], file) == [result]
    assert doctor.changes([result], file) == []


# ---- the file itself ----


def test_every_sentence_is_there_in_both_languages():
    """Each `Said(…)` in the source: two texts, with the same values in them."""
    counted = 0
    for module in (doctor, doctor_checks):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Said":
                if any(isinstance(argument, ast.Starred) for argument in node.args):
                    continue
                english, chinese = node.args
                assert sorted(values(english)) == sorted(spoken(values(chinese))), ast.unparse(node)
                if re.search(r"[a-z]{2} [a-z]{2}", words(english)):
                    assert re.search(r"[\u4e00-\u9fff]", words(chinese)), ast.unparse(node)
                of_the_console = "开发管理|开发设置|IP 白名单"
                assert not re.search(r"[\u4e00-\u9fff]", re.sub(of_the_console, "", words(english)))
                counted += 1
    assert counted > 150


def spoken(names):
    return [name.replace(".zh", ".en") for name in names]


def values(node):
    """Return the values of an f-string, each once."""
    found = {
        ast.unparse(part.value) for part in ast.walk(node) if isinstance(part, ast.FormattedValue)
    }
    return sorted(found)


def words(node):
    return "".join(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def test_every_check_has_its_symptoms_and_a_fix():
    every = [*doctor.OUTSIDE, *doctor.SERVER, *doctor_checks.CONFIGURED]
    assert len({one.id for one in every}) == len(every)
    used = set()
    for one in every:
        assert one.symptoms
        assert set(one.symptoms) <= doctor.SYMPTOMS.keys()
        used |= set(one.symptoms)
        assert len(one.fix.en) > 10
        assert re.search(r"[\u4e00-\u9fff]", one.fix.zh)
    assert used == doctor.SYMPTOMS.keys()
    for symptom in doctor.SYMPTOMS.values():
        re.compile(symptom.wordings)


def test_the_file_imports_nothing_but_the_standard_library():
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= set(sys.stdlib_module_names)


def test_no_file_beside_it_takes_the_place_of_a_module_of_the_standard_library():
    """As a script it finds its own folder first."""
    beside = {path.stem for path in (ROOT / "myapi").iterdir()}
    assert not beside & set(sys.stdlib_module_names)
    done = subprocess.run(
        [sys.executable, str(FILE), "--help"], capture_output=True, encoding="utf-8", timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
