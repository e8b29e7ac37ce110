"""The worker with a short time-out, for tests that wait for it."""

from myapi import server
from myapi.server import Worker as Worker

server.TIMEOUT = 1.0
