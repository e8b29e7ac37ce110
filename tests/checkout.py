"""A copy of this checkout without an `app/` of its own, to work in as a team does.

team = Checkout.copied_to(tmp_path / "team")
team.flask("new", "notes")
team.test_app()
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from myapi.settings import ROOT

if TYPE_CHECKING:
    from typing_extensions import Self

LEFT_OUT = shutil.ignore_patterns(
    ".?*", "__pycache__", "node_modules", "benchmarks", "miniprogram", "instance", "build", "app"
)
#: Settings of this checkout; and coverage, which counts its files alone and takes long.
NOT_INHERITED = ("MYAPI_", "FLASK_", "COVERAGE_")


class Checkout:
    """`settings` are variables of the environment, such as `MYAPI_DATABASE_URL`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
        self.environ = {**inherited, **settings, "PYTHONUTF8": "1"}

    @classmethod
    def copied_to(cls, folder: Path, **settings: str) -> Self:
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        return cls(folder, **settings)

    def flask(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run("flask", *words, code=code)

    def test_app(self, which: str = "not schemathesis") -> None:
        """Run what `make test-app` runs, by default without the generated requests: they take long.

        `which` is an expression for pytest's `-k`.
        """
        self.run("pytest", "app", "tests/whole", "-k", which)

    def run(self, module: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.command(sys.executable, "-m", module, *words, code=code)

    def command(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def shell(self, commands: str) -> None:
        """Run the lines of a block as a shell does."""
        subprocess.run(["sh", "-ec", commands], cwd=self.folder, check=True, timeout=60)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def apply(self, name: str, diff: str) -> None:
        """Change a file as a block of a document says, whose lines begin with -, + or a space."""
        lines = [(line[:1], line[1:] + "\n") for line in diff.splitlines()]
        before = "".join(line for sign, line in lines if sign != "+")
        after = "".join(line for sign, line in lines if sign != "-")
        text = self.read(name)
        assert text.count(before) == 1, f"not in {name}: {before}"
        self.write(name, text.replace(before, after))


def install(checkout: Path) -> None:
    """Make the `.venv` of a checkout, with the packages that run this test: nothing is fetched."""
    environment = checkout / ".venv"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
    for name in ("pip", "flask", "gunicorn", "pytest"):
        script = environment / "bin" / name
        script.write_text(
            f"#!{environment}/bin/python\n"
            f'import runpy\nrunpy.run_module("{name}", run_name="__main__", alter_sys=True)\n'
        )
        script.chmod(0o755)
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(checkout / name, environment)  # so make takes them for installed


if __name__ == "__main__":
    install(Path.cwd())
