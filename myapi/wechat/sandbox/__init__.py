"""A faithful fake of WeChat, for development and tests: what it knows, and a server to ask it."""

from .faults import FAULTS
from .server import SandboxServer
from .state import Sandbox, UnknownUserError

__all__ = ["FAULTS", "Sandbox", "SandboxServer", "UnknownUserError"]
