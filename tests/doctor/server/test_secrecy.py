"""What could show secrets to others."""

import os
import tempfile
from pathlib import Path

import pytest

from doctor import Server
from tests.doctor.example import URL, here


def test_debug_mode_fails_under_a_public_name():
    assert here("debug", Server(debug=True), URL).status == "fail"
    assert here("debug", Server(debug=True)).status == "warn"
    assert here("debug", Server(debug=False)).status == "ok"


def test_debug_mode_is_usual_in_development_and_not_known_without_the_app():
    assert here("debug", Server(debug=True), "http://127.0.0.1:8000").status == "ok"
    assert here("debug", Server()).status == "skip"


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
def test_files_that_others_can_read_fail(folder, file, status):

    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # every folder above is open to all
        Path(name).chmod(folder)
        secret = Path(name) / ".env"
        secret.write_text("MYAPI_SECRET_KEYS=…")
        secret.chmod(file)
        found = here("file_modes", Server(private_paths=(secret, Path(name) / "missing")))
        Path(name).chmod(0o700)
    assert found.status == status
    if status == "fail":
        assert f"{secret} {file:04o}" in found.evidence.en
