"""The worker with little patience, for tests that wait for its end."""

from myapi import server
from myapi.server import Worker as Worker

server.TIMEOUT = 1.0
