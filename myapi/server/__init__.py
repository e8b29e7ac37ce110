"""The Gunicorn worker, which `gunicorn.conf.py` names, and what watches and bounds it."""

from myapi.server.worker import Worker

__all__ = ["Worker"]
