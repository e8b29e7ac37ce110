"""The worker with little patience, for tests that wait for its end."""

from myapi import slow_clients

slow_clients.PATIENCE = 1.0

Worker = slow_clients.PatientWorker
