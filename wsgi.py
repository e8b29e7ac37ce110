"""The WSGI entry point, for Gunicorn and for the flask command."""

from myapi import create_app

app = create_app()
