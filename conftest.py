"""The fixtures of myapi, for its own tests and for those of a team in `app/tests`.

A run that names a path in `app/` has the team's own code in every app (`make test-app`). Any other
run is of myapi alone, and holds in a checkout that has an `app/` too.
"""

import os
from pathlib import Path

import pytest

from myapi.settings import APP_FOLDER, ROOT

pytest_plugins = ["tests.requirements", "tests.faults.report", "tests.fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    named = (Path(argument.partition("::")[0]).resolve() for argument in config.args)
    if not any(path.is_relative_to(ROOT / "app") for path in named):
        os.environ[APP_FOLDER] = "off"
