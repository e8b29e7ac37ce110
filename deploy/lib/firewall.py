"""Open ports 80 and 443 in ufw, if it is installed. SSH is allowed first."""

from __future__ import annotations

import ipaddress
import re
import shutil
from collections.abc import Iterator

from deploy.lib.machine import Machine, capture

CLOUD_FIREWALL = (
    "The cloud provider has a firewall of its own: open TCP 80 and 443 there too"
    " · 云控制台还有一层防火墙，请在那里放行 TCP 80 和 443"
)


def problems(ssh_from: list[str]) -> Iterator[str]:
    """Yield why --ssh-from is invalid, or would cut an SSH connection that is open now."""
    allowed = []
    for address in ssh_from:
        try:
            allowed.append(ipaddress.ip_network(address, strict=False))
        except ValueError:
            yield f"--ssh-from {address} is not an IP address or network · 不是合法的 IP 或网段"
            return
    if not allowed:
        return
    for peer in ssh_peers(capture("ss", "-Htn", "state", "established").stdout, _ssh_ports()):
        if not any(peer in network for network in allowed):
            yield (
                f"an SSH connection from {peer} is open, which --ssh-from does not include:"
                " it would lock you out · 当前 SSH 来源不在 --ssh-from 中，会把你锁在门外"
            )


def open_ports(machine: Machine, ssh_from: list[str]) -> str:
    """Open ports 80 and 443. SSH is allowed before ufw is enabled. Return a note to print."""
    if shutil.which("ufw", path="/usr/sbin:/usr/bin") is None:
        unused = ", so --ssh-from has no effect" if ssh_from else ""
        return (
            f"ufw is not installed; this server's firewall is unchanged{unused}. {CLOUD_FIREWALL}"
        )
    rules = capture("ufw", "show", "added").stdout.splitlines()
    active = "Status: active" in capture("ufw", "status").stdout
    for port in _ssh_ports():
        allow_all = f"allow {port}/tcp"
        restricted = [f"allow from {each} to any port {port} proto tcp" for each in ssh_from]
        # While ufw is inactive, the operator's address may have changed since the last run.
        keep_restriction = active and _is_restricted(rules, port)
        for rule in restricted or ([] if keep_restriction else [allow_all]):
            _add_rule(machine, rules, rule)
        if restricted and f"ufw {allow_all}" in rules:
            machine.run(f"ufw delete {allow_all}", "ufw", "delete", *allow_all.split())
    for port in ("80", "443"):
        _add_rule(machine, rules, f"allow {port}/tcp")
    if not active:
        machine.run("enable the firewall", "ufw", "--force", "enable")
    return CLOUD_FIREWALL


def ssh_ports(listening: str, socket_unit: str = "") -> list[str]:
    """Return the ports of SSH; 22 if none is found.

    `listening` is the output of `ss -Hltnp`, where sshd listens itself. `socket_unit` is the
    output of `systemctl show ssh.socket`, where systemd listens for it.
    """
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
    """Parse `ss -Htn state established`; return the addresses connected to these ports."""
    peers = set()
    for line in established.splitlines():
        *_, local, peer = line.split()
        if local.rpartition(":")[2] in ports:
            text = peer.rpartition(":")[0].strip("[]").partition("%")[0]
            peers.add(ipaddress.ip_address(text.removeprefix("::ffff:")))
    return peers


def _ssh_ports() -> list[str]:
    unit = capture("systemctl", "show", "ssh.socket", "-p", "ActiveState", "-p", "Listen").stdout
    active = "ActiveState=active" in unit
    return ssh_ports(capture("ss", "-Hltnp").stdout, unit if active else "")


def _is_restricted(rules: list[str], port: str) -> bool:
    """Return whether an earlier run allowed this port only from certain addresses."""
    return any(re.match(rf"ufw allow from \S+ to any port {port} ", rule) for rule in rules)


def _add_rule(machine: Machine, rules: list[str], rule: str) -> None:
    if f"ufw {rule}" not in rules:
        machine.run(f"ufw {rule}", "ufw", *rule.split())
