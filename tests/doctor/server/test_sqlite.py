"""The bug of SQLite's write-ahead log."""

import sqlite3

import pytest

from doctor import Server
from tests.doctor.example import here


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
def test_sqlite_with_the_wal_bug_warns(monkeypatch, version, bug):
    numbers = tuple(map(int, version.split(".")))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", numbers)
    found = here("sqlite", Server(uses_sqlite=True))
    assert (found.status, version in found.evidence.en) == ("warn" if bug else "ok", True)


@pytest.mark.parametrize("uses_sqlite", [False, None])
def test_sqlite_that_is_not_known_to_be_in_use_is_skipped(uses_sqlite):
    assert here("sqlite", Server(uses_sqlite=uses_sqlite)).status == "skip"
