"""Open ports 80 and 443 in ufw, if it is installed. SSH is allowed first."""

from __future__ import annotations

import ipaddress
import itertools
import re
import shlex
import shutil
from collections.abc import Iterator

from deploy.lib.language import said
from deploy.lib.machine import Machine, capture


def problems(ssh_from: list[str]) -> Iterator[str]:
    """Yield why --ssh-from is invalid, or would cut an SSH connection that is open now."""
    allowed = []
    for address in ssh_from:
        try:
            allowed.append(ipaddress.ip_network(address, strict=False))
        except ValueError:
            yield said(
                f"--ssh-from {address} is not an IP address or network",
                f"--ssh-from {address} 不是合法的 IP 地址或网段",
            )
            return
    if not allowed:
        return
    for peer in ssh_peers(capture("ss", "-Htn", "state", "established").stdout, _ssh_ports()):
        if not any(peer in network for network in allowed):
            yield said(
                f"an SSH connection from {peer} is open, which --ssh-from does not include:"
                " it would lock you out",
                f"当前有来自 {peer} 的 SSH 连接，不在 --ssh-from 中，会把你锁在门外",
            )


def open_ports(machine: Machine, ssh_from: list[str]) -> str:
    """Open ports 80 and 443. SSH is allowed before ufw is enabled. Return a note to print."""
    cloud = said(
        "The cloud provider has a firewall of its own: open TCP 80 and 443 there too",
        "云控制台还有一层防火墙，请在那里放行 TCP 80 和 443",
    )
    if shutil.which("ufw", path="/usr/sbin:/usr/bin") is None:
        return _without_ufw(ssh_from) + cloud
    rules = capture("ufw", "show", "added").stdout.splitlines()
    active = "Status: active" in capture("ufw", "status").stdout
    for port in _ssh_ports():
        allow_all = f"allow {port}/tcp"
        restricted = [f"allow from {each} to any port {port} proto tcp" for each in ssh_from]
        # While ufw is inactive, the operator's address may have changed since the last run.
        keep_restriction = active and _is_restricted(rules, port)
        for rule in restricted or ([] if keep_restriction else [allow_all]):
            _add_rule(machine, rules, rule)
        if restricted:
            _close_to_others(machine, rules, port)
    for port in ("80", "443"):
        _add_rule(machine, rules, f"allow {port}/tcp")
    if not active:
        machine.run(said("enable the firewall", "启用防火墙"), "ufw", "--force", "enable")
    return cloud


def _without_ufw(ssh_from: list[str]) -> str:
    if ssh_from:
        return said(
            "ufw is not installed; this server's firewall is unchanged, so --ssh-from has no"
            " effect. ",
            "没有安装 ufw，本机防火墙未改动，--ssh-from 不生效。",
        )
    return said(
        "ufw is not installed; this server's firewall is unchanged. ",
        "没有安装 ufw，本机防火墙未改动。",
    )


def ssh_ports(listening: str, socket_unit: str = "") -> list[str]:
    """Return the ports of SSH; 22 if none is found.

    `listening` is the output of `ss -Hltnp`, where sshd listens itself. `socket_unit` is the
    output of `systemctl show ssh.socket`, where systemd listens for it.
    """
    addresses = [
        line.split()[3] for line in listening.splitlines() if re.search(r'\("sshd?"', line)
    ]
    found = {each.rpartition(":")[2] for each in addresses if not _is_forward(each)}
    found |= set(re.findall(r":(\d+) \(Stream\)", socket_unit))
    return sorted(found or {"22"})


def _is_forward(address: str) -> bool:
    """Whether sshd listens there for a client only: X11 and -R forwards are on loopback."""
    host = address.rpartition(":")[0].strip("[]").partition("%")[0]
    return host.startswith("127.") or host == "::1"


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


def _close_to_others(machine: Machine, rules: list[str], port: str) -> None:
    """Delete the rules that let everyone reach this port; name those that open others with it."""
    for rule in open_rules(rules, port):
        words = _words(rule)
        if _ports_of(words) == {port}:
            rule = shlex.join(words)
            machine.run(
                said(f"ufw delete {rule}", f"执行 ufw delete {rule}"), "ufw", "delete", *words
            )
        else:
            note = said(
                f"note: SSH on port {port} stays open to every address, because of a rule that"
                f" opens other ports too; replace it yourself: {rule}",
                f"注意：SSH 端口 {port} 仍对所有地址开放，请自行修改这条规则：{rule}",
            )
            print(note)  # noqa: T201


def open_rules(rules: list[str], port: str) -> list[str]:
    """Return the rules of `ufw show added` that let every address reach this TCP port."""
    return [rule for rule in rules if port in _ports_of(_words(rule))]


def _words(rule: str) -> list[str]:
    """Split `ufw allow 22/tcp comment 'office'`; the comment is left out."""
    words = shlex.split(rule)[1:]
    return words[: words.index("comment")] if "comment" in words else words


def _ports_of(words: list[str]) -> set[str]:
    """Return the TCP ports that a rule opens to everyone, as in `allow 22,80/tcp`.

    The port can also be a range, the name of an application (`OpenSSH`), or that of a full rule
    (`allow in on eth0 to any port 22 proto tcp`). A full rule without one opens all ports.
    """
    if words[:1] not in (["allow"], ["limit"]) or "out" in words[1:2]:
        return set()
    after = dict(itertools.pairwise(words))
    if after.get("from", "any") != "any" or after.get("proto", "tcp") != "tcp":
        return set()
    is_full = "from" in words or "to" in words
    named = after.get("port") or after.get("app") or ("0:65535" if is_full else words[-1])
    return _expanded(named)


def _expanded(named: str) -> set[str]:
    """Return the TCP ports of `22`, `22/tcp`, `20:25,80/tcp` or an application's name."""
    ports, _, protocol = named.partition("/")
    if protocol == "udp":
        return set()
    if not re.fullmatch(r"[0-9:,]+", ports):
        return _ports_of_application(named)
    found = set()
    for part in ports.split(","):
        first, _, last = part.partition(":")
        found |= {str(port) for port in range(int(first), int(last or first) + 1)}
    return found


def _ports_of_application(name: str) -> set[str]:
    _, _, listed = capture("ufw", "app", "info", name).stdout.partition("Port")
    ports = re.findall(r"^ +([0-9:,]+(?:/tcp)?)$", listed, re.MULTILINE)
    return set().union(*(_expanded(each) for each in ports))


def _add_rule(machine: Machine, rules: list[str], rule: str) -> None:
    if f"ufw {rule}" not in rules:
        machine.run(said(f"ufw {rule}", f"执行 ufw {rule}"), "ufw", *rule.split())
