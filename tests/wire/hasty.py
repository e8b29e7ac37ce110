"""The worker with little patience, for tests that wait for its end."""

from myapi.worker import Worker as Worker
from myapi.worker import clients, loop

clients.PATIENCE = loop.PATIENCE = 1.0
