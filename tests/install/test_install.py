"""From a bare Debian 12 to HTTPS, and everything that can happen to it later (`make install-test`).

One container for all tests, which run in the order in which they stand here.
"""

import json
import re
import time
from pathlib import Path

import pytest

from tests.install.container import Container, unavailable

DOMAIN = "api.example.com"
AUTHORITY = "https://pebble:14000/dir"
SANDBOX = "http://127.0.0.1:9100"
PEBBLE = {
    "listenAddress": "127.0.0.1:14000",
    "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/pebble/cert.pem",
    "privateKey": "/pebble/key.pem",
    "httpPort": 80,
    "tlsPort": 443,
}
CHALLENGES = 'pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -http01 "" -https01 "" \
-tlsalpn01 "" -dns01 127.0.0.1:8053 -management 127.0.0.1:8055'
SETTINGS = {
    "MYAPI_WECHAT_APPID": "wx0123456789abcdef",
    "MYAPI_WECHAT_SECRET": "5f2d8c1b9e7a4f60a3c2d1e0b9f8a7c6",
    "MYAPI_WECHAT_BASE_URL": SANDBOX,
    "REQUESTS_CA_BUNDLE": "/pebble/cert.pem",
}
UP = ("--domain", DOMAIN, "--email", "me@example.com", "--acme-server", AUTHORITY)

# Calls over HTTPS until the file /tmp/enough is there: half GET on a kept connection, half POST
# on new ones. It prints how many statuses of each kind it got; 0 is no answer.
LOAD = """
import collections, http.client, json, os, ssl, threading, time
context = ssl.create_default_context(cafile="/root.pem")
seen = collections.Counter()
def calls(method, path, body, expected):
    connection = http.client.HTTPSConnection("api.example.com", context=context, timeout=30)
    while not os.path.exists("/tmp/enough"):
        kept = connection.sock is not None
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            seen["as expected" if answer.status in expected else answer.status] += 1
        except (OSError, http.client.HTTPException):
            connection.close()
            if kept:  # closed while it was idle: as every client does, ask again on a new one
                seen["asked again"] += 1
            else:
                seen[0] += 1
        if method == "POST":
            connection.close()
        time.sleep(0.1)  # below the limit that Nginx has for one address
kinds = [("GET", "/api/hello", None, {200}), ("POST", "/api/me/decrypt", "{}", {401})]
threads = [threading.Thread(target=calls, args=kind) for kind in kinds for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def server():
    reason = unavailable()
    if reason:
        pytest.skip(reason)
    with Container() as container:
        container.copy()
        _start_authority(container)
        yield container


def deploy(server, *arguments, **environ):
    return server.run("/src/deploy/myapi", *arguments, **environ)


def up(server, *arguments):
    return deploy(server, "up", *UP, "--wheels", "/wheels", *arguments, **SETTINGS)


def curl(server, path, *options):
    answer = server.run("curl", "-s", "--cacert", "/root.pem", f"https://{DOMAIN}{path}", *options)
    return json.loads(answer.stdout)


def under_load(server, action):
    """Run `action` while calls go on; return what it returned and how the calls ended."""
    server.run("rm", "-f", "/tmp/enough")
    load = server.start("python3", "-c", LOAD)
    time.sleep(2)
    done = action()
    time.sleep(2)
    server.run("touch", "/tmp/enough")
    said = load.communicate(timeout=60)[0]
    print("calls under load:", said)  # noqa: T201 (a figure to show with -s)
    calls = json.loads(said)
    calls.pop("asked again", None)
    return done, calls


def change(server, text):
    """Make the checkout another one, which says what it is."""
    file = server.root / "src/wsgi.py"
    file.write_text((file.read_text() if "app" in file.read_text() else "") + f"{text}\n")


def live(server):
    return server.run("readlink", "/opt/myapi/current").stdout.strip()


# ---- in this order ----


def test_a_dry_run_changes_nothing(server):
    before = server.run("find", "/etc", "/opt", "/usr/local", "/var/lib", "-newer", "/src").stdout
    assert "would install nginx" in up(server, "--dry-run").stdout
    assert "/opt/myapi" not in before
    assert not (server.root / "opt/myapi").exists()
    assert not (server.root / "etc/myapi").exists()


def test_another_system_is_refused_by_name_and_unchanged(server):
    release = server.root / "etc/os-release"
    text = release.read_text()
    release.write_text(text.replace('"12"', '"11"').replace("ID=debian", "ID=centos"))
    done = up(server)
    release.write_text(text)
    assert done.returncode == 1
    assert "nothing has been changed" in done.stderr
    assert "has to be one of Ubuntu 22.04" in done.stderr
    assert not (server.root / "etc/myapi").exists()


def test_it_installs(server):
    started = time.monotonic()
    done = up(server)
    print(f"installed in {time.monotonic() - started:.0f} s")  # noqa: T201 (as above)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"https://{DOMAIN}/api/hello is live" in done.stdout
    _trust_authority(server)
    assert curl(server, "/api/hello")["code"] == 0


def test_once_more_changes_nothing(server):
    done = up(server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing had to be changed" in done.stdout


def test_secrets_are_for_the_service_alone(server):
    said = server.run("stat", "-c", "%a %U %n", *_paths(server, "/etc/myapi/secrets")).stdout
    assert {line[:9] for line in said.splitlines()} == {"600 myapi"}
    assert server.run("stat", "-c", "%a %U:%G", "/etc/myapi/env").stdout == "640 root:myapi\n"


def test_a_user_logs_in_over_https(server):
    python = f"{live(server)}/.venv/bin/python"
    serve = ("-m", "flask", "wechat", "sandbox", "--port", "9100")
    server.run(
        "systemd-run",
        "-q",
        "--unit=wechat",
        "-p",
        f"WorkingDirectory={live(server)}",
        "-E",
        "HOME=/root",
        python,
        *serve,
    )
    time.sleep(4)
    head = ("-H", "Content-Type: application/json")
    answer = curl(server, "/api/auth/login", *head, "-d", '{"code": "alice"}')
    assert answer["code"] == 0, answer
    bearer = f"Authorization: Bearer {answer['data']['token']}"
    assert curl(server, "/api/me", "-H", bearer)["data"]["id"] == answer["data"]["user"]["id"]


def test_flask_commands_run_from_anywhere(server):
    assert "alice" not in server.run("myapi", "users", "list").stderr
    listed = json.loads(server.run("myapi", "users", "list", "--json").stdout)
    assert len(listed["items"]) == 1


def test_the_units_stay_below_the_exposure_that_was_promised(server):
    for unit in ("myapi", "myapi-purge", "myapi-backup", "myapi-doctor", "myapi-canary@x"):
        said = server.run("systemd-analyze", "security", "--no-pager", f"{unit}.service").stdout
        assert float(re.search(r"exposure level.*?(\d\.\d)", said)[1]) <= 2.0
        assert server.run("systemd-analyze", "verify", f"{unit}.service").stderr == ""


def test_the_timers_do_their_work(server):
    for unit in ("myapi-purge", "myapi-backup"):
        assert server.run("systemctl", "start", f"{unit}.service").returncode == 0
    assert any("daily-" in name for name in _paths(server, "/var/lib/myapi/backups"))


def test_a_release_and_a_rollback_lose_no_call(server):
    first = live(server)
    change(server, "# another release")
    release = lambda: deploy(server, "release", "--wheels", "/wheels")  # noqa: E731
    done, calls = under_load(server, release)
    assert done.returncode == 0, done.stdout + done.stderr
    assert live(server) != first
    assert set(calls) == {"as expected"}
    done, calls = under_load(server, lambda: deploy(server, "rollback"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert live(server) == first
    assert set(calls) == {"as expected"}


def test_a_broken_release_never_goes_live(server):
    before = live(server)
    change(server, "app.wsgi_app = None")  # it loads, but answers nothing
    release = lambda: deploy(server, "release", "--wheels", "/wheels")  # noqa: E731
    done, calls = under_load(server, release)
    assert done.returncode == 1
    assert "was not put live" in done.stderr
    assert live(server) == before
    assert set(calls) == {"as expected"}


def test_a_restart_and_reloads_lose_no_call(server):
    def disturb():
        server.run("systemctl", "restart", "myapi.service")
        time.sleep(2)
        server.run("systemctl", "reload", "nginx")
        server.run("systemctl", "reload", "myapi.service")
        time.sleep(3)

    _, calls = under_load(server, disturb)
    assert set(calls) == {"as expected"}


def test_a_renewed_certificate_is_served(server):
    ask = f"echo | openssl s_client -connect {DOMAIN}:443 -servername {DOMAIN} 2>/dev/null"
    serial = ("sh", "-c", f"{ask} | openssl x509 -noout -serial")
    before = server.run(*serial).stdout
    renewed = server.run(
        "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew", **SETTINGS
    )
    assert renewed.returncode == 0, renewed.stderr
    time.sleep(1)
    assert before.startswith("serial=")
    assert server.run(*serial).stdout != before


def test_a_backup_comes_back(server):
    assert deploy(server, "backup").returncode == 0
    (file,) = [n for n in _paths(server, "/var/lib/myapi/backups") if "manual-" in n]
    user = json.loads(server.run("myapi", "users", "list", "--json").stdout)["items"][0]["id"]
    assert server.run("myapi", "users", "erase", user, "--yes").returncode == 0
    done = deploy(server, "restore", file, "--yes")
    assert done.returncode == 0, done.stderr
    (item,) = json.loads(server.run("myapi", "users", "list", "--json").stdout)["items"]
    assert item["id"] == user
    refused = deploy(server, "restore", "/etc/passwd", "--yes")
    assert (refused.returncode, "nothing has been changed" in refused.stderr) == (1, True)


def test_it_survives_a_reboot(server):
    server.reboot()
    assert curl(server, "/api/hello")["code"] == 0


def test_it_goes_and_leaves_the_data_or_nothing(server):
    assert deploy(server, "uninstall").returncode == 1  # without --yes
    done = deploy(server, "uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    assert (server.root / "var/lib/myapi/myapi.db").exists()
    assert not (server.root / "opt/myapi").exists()
    done = deploy(server, "uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    for gone in ("var/lib/myapi", "etc/myapi", "usr/local/bin/myapi", "usr/sbin/nginx"):
        assert not (server.root / gone).exists(), gone
    assert server.run("id", "myapi").returncode != 0


def _start_authority(server):
    """Start pebble, which plays Let's Encrypt, with a DNS that knows this machine alone."""
    get = ("apt-get", "-qq", "--yes", "--no-install-recommends", "install", "pebble", "openssl")
    assert server.run(*get, DEBIAN_FRONTEND="noninteractive").returncode == 0
    folder = Path(server.root / "pebble")
    folder.mkdir()
    (folder / "pebble.json").write_text(json.dumps({"pebble": PEBBLE}))
    new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=pebble"
    names = ("-addext", "subjectAltName=DNS:pebble,DNS:localhost")
    files = ("-keyout", "/pebble/key.pem", "-out", "/pebble/cert.pem")
    assert server.run("openssl", *new.split(), *names, *files).returncode == 0
    _start_pebble(server)


def _start_pebble(server):
    server.run("sh", "-c", f"systemd-run -q --unit=challtestsrv {CHALLENGES}")
    pebble = "pebble -config /pebble/pebble.json -dnsserver 127.0.0.1:8053"
    run = "systemd-run -q --unit=pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0"
    server.run("sh", "-c", f"{run} {pebble}")


def _trust_authority(server):
    """Have curl trust this authority, and nothing else."""
    root = "curl -sf --cacert /pebble/cert.pem https://localhost:15000/roots/0 -o /root.pem"
    assert server.run("sh", "-c", root).returncode == 0


def _paths(server, folder):
    return server.run("find", folder, "-type", "f").stdout.split()
