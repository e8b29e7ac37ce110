"""Where everything is on the server."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent

OPT = Path("/opt/myapi")
RELEASES = OPT / "releases"
CURRENT = OPT / "current"
PREVIOUS = OPT / "previous"

ETC = Path("/etc/myapi")
ENV = ETC / "env"
SECRETS = ETC / "secrets"
TLS = ETC / "tls"
STATE = ETC / "installed.json"

DATA = Path("/var/lib/myapi")
BACKUPS = DATA / "backups"
DATABASE = DATA / "myapi.db"
WEBROOT = Path("/var/lib/myapi-acme")

SOCKET = Path("/run/myapi/http.sock")
CANARY = Path("/run/myapi-canary/http.sock")

UNITS = Path("/etc/systemd/system")
WRAPPER = Path("/usr/local/bin/myapi")
HOOK = Path("/etc/letsencrypt/renewal-hooks/deploy/myapi")
LIVE = Path("/etc/letsencrypt/live")
ARCHIVE = Path("/etc/letsencrypt/archive")
RENEWAL = Path("/etc/letsencrypt/renewal")
