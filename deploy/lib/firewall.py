"""The firewall of this machine, where it has one: 80 and 443, and SSH before anything closes."""

from __future__ import annotations

import ipaddress
import re
import shutil
from collections.abc import Iterator

from deploy.lib.machine import Machine, ask

CLOUD = (
    "The cloud's own firewall is a second one: open TCP 80 and 443 there"
    " · 云控制台还有一层防火墙，请在那里放行 TCP 80 和 443"
)


def problems(ssh_from: list[str]) -> Iterator[str]:
    """Say what would lock out who is connected over SSH now."""
    allowed = []
    for address in ssh_from:
        try:
            allowed.append(ipaddress.ip_network(address, strict=False))
        except ValueError:
            yield f"--ssh-from {address} is no IP address or network · 不是合法的 IP 或网段"
            return
    if not allowed:
        return
    for peer in ssh_peers(ask("ss", "-Htn", "state", "established").stdout, _ssh_ports()):
        if not any(peer in network for network in allowed):
            yield (
                f"you are connected over SSH from {peer}, which --ssh-from does not name: it would"
                " lock you out · 当前 SSH 来源不在 --ssh-from 中，会把你锁在门外"
            )


def open_ports(machine: Machine, ssh_from: list[str]) -> str:
    """Open 80 and 443, and SSH on its true port before anything is closed. Say what was done."""
    if shutil.which("ufw", path="/usr/sbin:/usr/bin") is None:
        unused = ", so --ssh-from has no effect" if ssh_from else ""
        return f"There is no ufw on this machine: its firewall is left as it is{unused}. {CLOUD}"
    shown = ask("ufw", "show", "added").stdout.splitlines()
    active = "Status: active" in ask("ufw", "status").stdout
    for port in _ssh_ports():
        plain = f"allow {port}/tcp"
        named = [f"allow from {each} to any port {port} proto tcp" for each in ssh_from]
        # Where it is off, who is connected may come from elsewhere by now.
        stays = active and _named_before(shown, port)
        for rule in named or ([] if stays else [plain]):
            _add(machine, shown, rule)
        if named and f"ufw {plain}" in shown:
            machine.run(f"ufw delete {plain}", "ufw", "delete", *plain.split())
    for port in ("80", "443"):
        _add(machine, shown, f"allow {port}/tcp")
    if not active:
        machine.run("switch the firewall on", "ufw", "--force", "enable")
    return CLOUD


def ssh_ports(listening: str, socket_unit: str = "") -> list[str]:
    """Tell where SSH listens: sshd in `ss -Hltnp`, or systemd for it; 22 where nobody is seen."""
    found = {
        line.split()[3].rpartition(":")[2]
        for line in listening.splitlines()
        if re.search(r'\("sshd?"', line)
    }
    found |= set(re.findall(r":(\d+) \(Stream\)", socket_unit))
    return sorted(found or {"22"})


def ssh_peers(
    established: str, ports: list[str]
) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Read `ss -Htn state established`: who is connected to these ports."""
    peers = set()
    for line in established.splitlines():
        *_, local, peer = line.split()
        if local.rpartition(":")[2] in ports:
            text = peer.rpartition(":")[0].strip("[]").partition("%")[0]
            peers.add(ipaddress.ip_address(text.removeprefix("::ffff:")))
    return peers


def _ssh_ports() -> list[str]:
    unit = ask("systemctl", "show", "ssh.socket", "-p", "ActiveState", "-p", "Listen").stdout
    active = "ActiveState=active" in unit
    return ssh_ports(ask("ss", "-Hltnp").stdout, unit if active else "")


def _named_before(shown: list[str], port: str) -> bool:
    """Whether a former run let SSH in from named addresses alone: so it stays."""
    return any(re.match(rf"ufw allow from \S+ to any port {port} ", line) for line in shown)


def _add(machine: Machine, shown: list[str], rule: str) -> None:
    if f"ufw {rule}" not in shown:
        machine.run(f"ufw {rule}", "ufw", *rule.split())
