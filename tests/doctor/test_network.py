"""URLs, names and addresses."""

import pytest

from doctor import parse_url
from tests.doctor.example import script


@pytest.mark.parametrize(
    "url", ["", "https://", "https://a b.com", "https://a.com:port", "a.com\n"]
)
def test_what_is_no_url_is_a_usage_error(url):
    done = script(url, "--from-outside")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_chinese_domain_is_asked_for_as_it_is_on_the_wire():
    assert parse_url("https://接口.example.com").host == "xn--6orp08a.example.com"
