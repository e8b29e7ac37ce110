"""The install test takes minutes and needs root, so it runs only with `make install-test`."""

import os

if os.environ.get("MYAPI_INSTALL_TEST"):
    from tests.install.plugin import *  # noqa: F403 (hooks and a fixture)
else:
    collect_ignore_glob = ["test_*.py"]
