"""Sealing and keyed digests."""

from myapi.security.keyring import Keyring

OLD, NEW = "the old key, 0123456789 0123456789", "the new key, 0123456789 0123456789"


def test_keyring_unseals_with_any_of_its_keys():
    sealed = Keyring([OLD]).seal("session_key")
    assert b"session_key" not in sealed
    assert Keyring([NEW, OLD]).unseal(sealed) == Keyring([OLD, NEW]).unseal(sealed) == "session_key"


def test_unseal_returns_none_if_no_key_fits():
    sealed = Keyring([OLD]).seal("session_key")
    assert Keyring([NEW]).unseal(sealed) is None
    assert Keyring([OLD]).unseal(b"junk") is None
    assert Keyring([OLD]).unseal(sealed[:-1] + b"x") is None


def test_reseal_changes_to_the_last_key_once():
    sealed = Keyring([OLD]).seal("session_key")
    both = Keyring([OLD, NEW])
    moved = both.reseal(sealed)
    assert Keyring([NEW]).unseal(moved) == "session_key"
    assert both.reseal(moved) is None
    assert Keyring([NEW]).reseal(sealed) is None, "it cannot be unsealed"


def test_code_digests_are_keyed_and_start_with_the_last_key():
    old, both = Keyring([OLD]).code_digests("code"), Keyring([OLD, NEW]).code_digests("code")
    assert both[1] == old[0]
    assert both[0] == Keyring([NEW]).code_digests("code")[0]
    assert len({*both}) == 2
