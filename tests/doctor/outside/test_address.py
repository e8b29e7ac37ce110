"""The URL, and the name in it."""

import pytest

from doctor import Target, parse_url
from doctor.network import Network
from doctor.outside import address
from tests.doctor.example import URL


@pytest.mark.parametrize(
    ("url", "evidence"),
    [
        ("http://api.example.com", "the scheme is http, not https"),
        ("ftp://api.example.com", "the scheme is ftp, not https"),
        ("https://203.0.113.5", "it has an IP address in place of a name"),
        ("https://[2001:db8::1]", "it has an IP address in place of a name"),
        ("https://localhost", "the host is not a public domain name"),
        ("https://api.weixin.qq.com", "WeChat does not allow its own domain"),
        ("https://user:pass@api.example.com", "it contains a user name"),
        ("https://api.example.com/api", "it contains a path"),
        ("https://API.example.com", "it contains upper case"),
        (
            "https://api.example.com:443",
            "it contains :443, which does not match a console entry without a port",
        ),
    ],
)
def test_url_that_wechat_refuses_fails(url, evidence):
    found = address.url.run(Target(parse_url(url)))
    assert (found.status, found.evidence.en) == ("fail", evidence)


def test_url_with_port_warns_and_plain_url_is_ok():
    assert address.url.run(Target(parse_url("https://api.example.com:8443"))).status == "warn"
    assert address.url.run(Target(parse_url("https://api.example.com/"))).status == "ok"
    assert address.url.run(Target(parse_url("api.example.com"))).status == "ok"


class Names(Network):
    """A network whose name server gives these addresses."""

    def __init__(self, *ips):
        super().__init__()
        self.ips = ips

    def lookup(self, host, port):
        return list(self.ips)


def test_name_without_address_fails():
    found = address.dns.run(Target(parse_url("https://nothing-here.invalid")))
    assert found.status == "fail"
    assert found.evidence.en.startswith("nothing-here.invalid has no address")
    assert address.dns.run(Target(parse_url(URL), network=Names())).status == "fail"


def test_overlong_name_fails():
    url = parse_url(f"https://{'a' * 70}.example.com")
    assert address.dns.run(Target(url)).status == "fail"


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
def test_dns_judges_what_phones_can_reach(ip, status):
    assert address.dns.run(Target(parse_url(URL), network=Names(ip))).status == status
