"""The steps of `up`. Each looks first and acts only where something is missing."""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import shutil
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from deploy.lib import nginx, paths
from deploy.lib.machine import Machine, RefusedError, ask

PACKAGES = {"nginx": "nginx", "certbot": "certbot", "openssl": "openssl", "venv": "python3-venv"}
STOCK = Path("/etc/nginx/sites-enabled/default")
HERE = Path(__file__).resolve().parent.parent

WRAPPER = """\
#!/bin/sh
# Any flask command of myapi, as the service's user and with its settings: sudo myapi users list
release=$(readlink -f /opt/myapi/current) || exit 1
[ "$(id -u)" = 0 ] || { echo 'run it with sudo · 请用 sudo 运行' >&2; exit 1; }
if [ -t 0 ] && [ -t 1 ]; then how=--pty; else how=--pipe; fi
exec systemd-run --quiet "$how" --wait --collect -p User=myapi -p UMask=0077 \\
  -p EnvironmentFile=/etc/myapi/env -p WorkingDirectory="$release" \\
  -- "$release/.venv/bin/python" -m flask "$@"
"""


def packages(machine: Machine, *, certbot: bool) -> None:
    there = {
        "nginx": shutil.which("nginx", path="/usr/sbin:/usr/bin") is not None,
        "certbot": shutil.which("certbot") is not None or not certbot,
        "openssl": shutil.which("openssl") is not None,
        "venv": ask("python3", "-c", "import ensurepip, venv").returncode == 0,
    }
    missing = [PACKAGES[name] for name, found in there.items() if not found]
    if not missing:
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    if not machine.dry:
        ask("apt-get", "-qq", "update", environ=quiet)  # an old list may do as well
    install = ("apt-get", "-qq", "--yes", "-o", "DPkg::Lock::Timeout=300", "install")
    words = f"install {' '.join(missing)}"
    machine.run(words, *install, "--no-install-recommends", *missing, environ=quiet)
    remember(machine, packages=[*state().get("packages", []), *missing])
    if "nginx" in missing and STOCK.is_symlink():
        machine.remove(STOCK)  # the welcome page that came with it; nobody's site
        remember(machine, stock=True)


def user(machine: Machine) -> None:
    try:
        pwd.getpwnam("myapi")
    except KeyError:
        home = ("--home-dir", str(paths.DATA), "--no-create-home")
        shell = ("--shell", "/usr/sbin/nologin")
        machine.run(
            "add the user myapi", "useradd", "--system", "--user-group", *home, *shell, "myapi"
        )


def folders(machine: Machine) -> None:
    machine.folder(paths.ETC, mode=0o750, owner="root:myapi")
    machine.folder(paths.SECRETS, mode=0o700, owner="myapi:myapi")
    machine.folder(paths.DATA, mode=0o700, owner="myapi:myapi")
    machine.folder(paths.BACKUPS, mode=0o700, owner="myapi:myapi")
    machine.folder(paths.WEBROOT)
    machine.folder(paths.RELEASES)


def settings(machine: Machine, given: Namespace, environ: Mapping[str, str]) -> None:
    """Make the settings once. What is there is never written over, whatever is given."""
    made = {
        "secret_keys": secrets.token_hex(32),
        "database_url": given.database_url or f"sqlite:///{paths.DATABASE}",
        "wechat_secret": _wanted(environ, "MYAPI_WECHAT_SECRET", paths.SECRETS / "wechat_secret"),
        "rate_limit_storage_url": given.redis_url or "memory://",
    }
    for name, value in made.items():
        if not (paths.SECRETS / name).exists():
            file = paths.SECRETS / name
            machine.write(file, f"{value}\n", mode=0o600, owner="myapi:myapi")
    if paths.ENV.exists():
        return
    lines = [
        "# Settings of myapi; .env.example explains them. After a change: systemctl restart myapi",
        "# myapi 的设置（说明见 .env.example）。修改后执行 systemctl restart myapi。",
        "MYAPI_ENV=production",
        f"MYAPI_WECHAT_APPID={_wanted(environ, 'MYAPI_WECHAT_APPID', paths.ENV)}",
        *(f"MYAPI_{name.upper()}_FILE={paths.SECRETS / name}" for name in made),
    ]
    lines += [f"{k}={environ[k]}" for k in ("MYAPI_WECHAT_BASE_URL",) if environ.get(k)]
    machine.write(paths.ENV, "\n".join(lines) + "\n", mode=0o640, owner="root:myapi")


def units(machine: Machine) -> None:
    """Install the units of this checkout, each with the hardening as a drop-in."""
    before = machine.changes
    for unit in unit_files():
        machine.write(paths.UNITS / unit.name, unit.read_text("utf-8"))
        for name in drop_ins(unit):
            machine.folder(paths.UNITS / f"{unit.name}.d")
            text = (HERE / "systemd" / name).read_text("utf-8")
            machine.write(paths.UNITS / f"{unit.name}.d" / name, text)
    machine.write(paths.WRAPPER, WRAPPER, mode=0o755)
    if machine.changes > before:
        machine.run("have systemd read them", "systemctl", "daemon-reload")


def unit_files() -> list[Path]:
    return sorted(p for p in (HERE / "systemd").iterdir() if p.suffix != ".conf")


def drop_ins(unit: Path) -> list[str]:
    if unit.suffix != ".service":
        return []
    return ["hardening.conf", *(["socket.conf"] if "canary" in unit.name else [])]


def enable(machine: Machine, *names: str) -> None:
    for name in names:
        if ask("systemctl", "is-enabled", name).returncode:
            machine.run(f"enable {name}", "systemctl", "enable", name)
        if name.endswith((".timer", ".socket")) and ask("systemctl", "is-active", name).returncode:
            machine.run(f"start {name}", "systemctl", "start", name)


# ---- Nginx ----


def site_file() -> Path:
    """Return where the Nginx file goes: read last, so no other site's unsaid default changes."""
    main = Path("/etc/nginx/nginx.conf")
    enabled = main.exists() and "sites-enabled" in main.read_text("utf-8")
    folder = "sites-enabled" if enabled or not main.exists() else "conf.d"
    return Path("/etc/nginx") / folder / "zz-myapi.conf"


def site(domain: str, certificate: Path | None, behind: list[str]) -> str:
    """Write the Nginx file for this machine; without a certificate, for port 80 alone."""
    said = ask("nginx", "-v").stderr
    taken = {listen.port for listen in nginx.listens(ask("nginx", "-T").stdout, str(site_file()))}
    six = Path("/proc/net/if_inet6").exists()
    return nginx.render(
        nginx.Site(
            domain=domain,
            version=nginx.version(said),
            certificate=str(certificate / "fullchain.pem") if certificate else "",
            key=str(certificate / _key_name(certificate)) if certificate else "",
            http=("80", "[::]:80") if six else ("80",),
            https=("443", "[::]:443") if six else ("443",),
            default_http=80 not in taken,
            default_https=443 not in taken,
            behind=tuple(behind),
        )
    )


def serve(machine: Machine, text: str) -> None:
    """Put the Nginx file into place; the old one comes back where Nginx refuses the new one."""
    file = site_file()
    old = file.read_text("utf-8") if file.exists() else None
    if not machine.write(file, text):
        return
    tested = ask("nginx", "-t")
    if tested.returncode:
        if old is None:
            file.unlink()
        else:
            file.write_text(old, "utf-8")
        raise RefusedError(
            f"Nginx refuses the new file; the old one is back:\n{tested.stderr.strip()}"
        )
    running = ask("systemctl", "is-active", "nginx").returncode == 0
    machine.run("have Nginx read it", "systemctl", "reload" if running else "start", "nginx")


def nobody(machine: Machine) -> None:
    """Have a certificate for no name, which Nginx 1.18 shows to whoever asks for none of ours."""
    file = paths.TLS / "nobody.pem"
    if file.exists() or nginx.version(ask("nginx", "-v").stderr) >= (1, 19, 4):
        return
    machine.folder(paths.TLS, mode=0o700)
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    how = (
        "-nodes",
        "-days",
        "36500",
        "-subj",
        "/CN=nobody",
        "-keyout",
        str(file),
        "-out",
        str(file),
    )
    machine.run("make a certificate for no name", *new, *how)


# ---- the firewall ----


def firewall(machine: Machine, ssh_from: list[str]) -> str:
    """Open 80 and 443, and SSH on its true port before anything is closed. Say what was done."""
    cloud = (
        "The cloud's own firewall is a second one: open TCP 80 and 443 there"
        " · 云控制台还有一层防火墙，请在那里放行 TCP 80 和 443"
    )
    if shutil.which("ufw", path="/usr/sbin:/usr/bin") is None:
        return f"There is no ufw on this machine: its firewall is left as it is. {cloud}"
    shown = ask("ufw", "show", "added").stdout
    rules = [["allow", f"{port}/tcp"] for port in ("80", "443")]
    for port in ssh_ports(ask("ss", "-Hltnp").stdout):
        plain = [["allow", f"{port}/tcp"]]
        named = [["allow", "from", a, "to", "any", "port", port, "proto", "tcp"] for a in ssh_from]
        rules = [*(named or plain), *rules]
    for rule in rules:
        if " ".join(rule) not in shown:
            machine.run(f"ufw {' '.join(rule)}", "ufw", *rule)
    if "Status: active" not in ask("ufw", "status").stdout:
        machine.run("switch the firewall on", "ufw", "--force", "enable")
    return cloud


def ssh_ports(listening: str) -> list[str]:
    """Read `ss -Hltnp`: where sshd listens, itself or through systemd; 22 where nobody is seen."""
    found = {
        line.split()[3].rpartition(":")[2]
        for line in listening.splitlines()
        if re.search(r'\("sshd?"', line)
    }
    return sorted(found or {"22"})


# ---- what was done by us, for `uninstall` ----


def state() -> dict[str, list[str]]:
    made: dict[str, list[str]] = json.loads(paths.STATE.read_text()) if paths.STATE.exists() else {}
    return made


def remember(machine: Machine, **facts: object) -> None:
    if machine.dry or {**state(), **facts} == state():
        return
    paths.ETC.mkdir(mode=0o750, exist_ok=True)
    draft = paths.STATE.with_suffix(".new")
    draft.write_text(json.dumps({**state(), **facts}) + "\n", "utf-8")
    draft.replace(paths.STATE)


def _wanted(environ: Mapping[str, str], name: str, made: Path) -> str:
    if made.exists():
        return ""
    if environ.get(name):
        return environ[name]
    if not os.isatty(0):
        raise RefusedError(f"give {name} in the environment · 请通过环境变量给出 {name}")
    return input(f"{name}: ").strip()


def _key_name(folder: Path) -> str:
    return "privkey.pem" if (folder / "privkey.pem").exists() else "key.pem"
