"""The install test takes minutes and root: it runs with `make install-test` alone."""

import os

if os.environ.get("MYAPI_INSTALL_TEST"):
    from tests.install.stories import *  # noqa: F403 (its hooks and its fixture)
else:
    collect_ignore_glob = ["test_*.py"]
