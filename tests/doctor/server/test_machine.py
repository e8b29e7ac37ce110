"""The disk and the clock."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from doctor import Server
from tests.doctor.example import here


@pytest.mark.parametrize(
    ("free", "status"), [(50 * 2**20, "fail"), (500 * 2**20, "warn"), (40 * 2**30, "ok")]
)
def test_nearly_full_disk_warns_or_fails(monkeypatch, tmp_path, free, status):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(80 * 2**30, 0, free))
    found = here("disk", Server(data_folders=(tmp_path / "not" / "yet", Path("/"))))
    assert found.status == status


@pytest.mark.parametrize(
    ("told", "status"),
    [("NTPSynchronized=yes", "ok"), ("NTPSynchronized=no", "warn"), ("", "skip")],
)
def test_unsynchronised_clock_warns(told, status):
    assert here("clock_synchronised", Server(run=lambda *command: told)).status == status
