"""An app that does what ours never does, for tests of the worker."""

import sys
import time


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/exit":
        sys.exit(1)
    if path == "/sleep":
        time.sleep(3)  # without a word
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [path.encode(), b" ", body]
