"""The static files of the console: a stylesheet and an icon."""

from pathlib import Path

from flask import Response

FOLDER = Path(__file__).parent / "static"
TYPES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}


def asset(name: str) -> Response:
    return Response((FOLDER / name).read_bytes(), mimetype=TYPES[name])
