"""Roots that old phones know, or do not."""

import pytest

from tests.certificates import Authority
from tests.doctor.example import NAME
from tests.tls import Peer, answering


@pytest.mark.parametrize(
    ("root", "status"),
    [
        ("ISRG Root YE", "warn"),
        ("ISRG Root X1", "ok"),
        ("USERTrust RSA Certification Authority", "ok"),
    ],
)
def test_roots_are_judged_by_what_old_phones_know(look, tmp_path, root, status):
    authority = Authority(tmp_path, root)
    with Peer(answering(), authority.pair(NAME)) as peer:
        results = look(peer, ca=str(authority.file), only=["old_phones"])
    assert results["old_phones"].status == status
    assert root in results["old_phones"].evidence.zh
