"""The health check of the image: exit code 0 if the service in this container answers.

A slim image has no curl.
"""

import http.client
import os
import sys


def main() -> int:
    address = os.environ.get("MYAPI_BIND") or f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    port = address.partition(",")[0].rpartition(":")[2]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=4)
    try:
        connection.request("GET", "/healthz")
        return int(connection.getresponse().status != 200)
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
