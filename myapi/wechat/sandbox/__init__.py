"""A fake of WeChat's server API for development and tests: its state, and an HTTP server for it."""

from .codes import is_user_name
from .faults import FAULTS
from .server import SandboxServer
from .state import Sandbox, UnknownUserError

__all__ = ["FAULTS", "Sandbox", "SandboxServer", "UnknownUserError", "is_user_name"]
