"""URLs, names and addresses."""

import pytest

from doctor import parse_url
from tests.doctor.example import script


@pytest.mark.parametrize(
    "url", ["", "https://", "https://a b.com", "https://a.com:port", "a.com\n"]
)
def test_invalid_url_is_a_usage_error(url):
    done = script(url, "--from-outside")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_chinese_domain_is_encoded_as_idna():
    assert parse_url("https://接口.example.com").host == "xn--6orp08a.example.com"
