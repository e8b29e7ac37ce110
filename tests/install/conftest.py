"""The install test takes minutes and root: it runs with `make install-test` alone."""

import os

collect_ignore_glob = [] if os.environ.get("MYAPI_INSTALL_TEST") else ["test_*.py"]
