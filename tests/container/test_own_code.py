"""The image of a team's checkout."""

import re
import shutil

from tests.container import machine
from tests.container.test_image import SECRETS
from tests.install.container import ROOT


def test_image_takes_a_teams_own_code_and_its_packages_along(tmp_path):
    checkout = tmp_path / "checkout"
    for part in ("myapi", "doctor", "migrations", "deploy"):
        shutil.copytree(ROOT / part, checkout / part)
    for part in ("Dockerfile", ".dockerignore", "wsgi.py", "gunicorn.conf.py", "requirements.txt"):
        shutil.copy(ROOT / part, checkout)
    shutil.copy(ROOT / "LICENSE", checkout)
    shutil.copytree(ROOT / "tests/team/example", checkout / "app")
    (checkout / "app/tests").mkdir(exist_ok=True)
    (checkout / "app/tests/test_notes.py").touch()
    pinned = re.search(
        r"^mako==.*?(?=^    # via)", (ROOT / "requirements.txt").read_text(), re.DOTALL | re.M
    )
    (checkout / "app/requirements.txt").write_text(pinned[0])
    with machine.engine("host") as builder:
        machine.build(builder, "with-own-code", checkout)
        given = ("run", "--rm", "--network=none", *SECRETS, "with-own-code")
        assert "Usage" in builder.docker(*given, "flask", "notes", "--help")
        assert builder.try_docker(*given, "test", "-e", "app/tests").returncode
