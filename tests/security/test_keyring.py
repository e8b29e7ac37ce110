"""What is derived from the secret keys besides tokens."""

from myapi.security.keyring import Keyring

OLD, NEW = "the old key, 0123456789 0123456789", "the new key, 0123456789 0123456789"


def test_what_was_sealed_is_opened_by_any_keyring_that_has_the_key():
    sealed = Keyring([OLD]).seal("session_key")
    assert b"session_key" not in sealed
    assert Keyring([NEW, OLD]).unseal(sealed) == Keyring([OLD, NEW]).unseal(sealed) == "session_key"


def test_what_no_key_opens_is_none():
    sealed = Keyring([OLD]).seal("session_key")
    assert Keyring([NEW]).unseal(sealed) is None
    assert Keyring([OLD]).unseal(b"junk") is None
    assert Keyring([OLD]).unseal(sealed[:-1] + b"x") is None


def test_resealing_moves_to_the_last_key_once():
    sealed = Keyring([OLD]).seal("session_key")
    both = Keyring([OLD, NEW])
    moved = both.reseal(sealed)
    assert Keyring([NEW]).unseal(moved) == "session_key"
    assert both.reseal(moved) is None
    assert Keyring([NEW]).reseal(sealed) is None, "unreadable: nothing to move"


def test_code_digests_are_keyed_and_the_last_key_comes_first():
    old, both = Keyring([OLD]).code_digests("code"), Keyring([OLD, NEW]).code_digests("code")
    assert both[1] == old[0]
    assert both[0] == Keyring([NEW]).code_digests("code")[0]
    assert len({*both}) == 2
