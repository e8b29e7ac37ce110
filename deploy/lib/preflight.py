"""Whether this machine can become a server of myapi. Looks, and changes nothing."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.lib import nginx
from deploy.lib.machine import RefusedError, ask

SYSTEMS = {
    ("ubuntu", "22.04"): "Ubuntu 22.04",
    ("ubuntu", "24.04"): "Ubuntu 24.04",
    ("debian", "12"): "Debian 12",
}
MEMORY = 700 * 2**20
DISK = 2 * 2**30
OLDEST = 1_790_000_000  # a clock before this code was written is wrong

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check(
    domain: str, problems: Iterable[str], *, reached_directly: bool, own_file: str
) -> list[str]:
    """Raise `RefusedError` with all that is in the way; return what else is worth knowing.

    `problems` are those that were found in what the user gave.
    """
    problems = [
        *problems,
        *(() if os.geteuid() == 0 else ("run it as root: sudo deploy/myapi … · 请用 sudo 运行",)),
        *system(_os_release(Path("/etc/os-release"))),
        *resources(_memory(), shutil.disk_usage("/").free, time.time()),
        *ports(ask("ss", "-Hltnp").stdout),
        *names(ask("nginx", "-T").stdout, own_file, domain),
    ]
    resolved, own = resolve(domain), addresses(ask("ip", "-j", "address").stdout)
    wrong, unsure = dns(domain, resolved, own)
    if reached_directly:
        problems += wrong
    else:
        unsure = [*wrong, *unsure]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise RefusedError(f"nothing has been changed. In the way · 未做任何改动，原因：\n{listed}")
    return unsure


def system(release: dict[str, str]) -> Iterator[str]:
    known = (release.get("ID", ""), release.get("VERSION_ID", ""))
    if known not in SYSTEMS:
        name = release.get("PRETTY_NAME", "an unknown system")
        wanted = ", ".join(SYSTEMS.values())
        yield f"this is {name}; it has to be one of {wanted} · 系统不受支持，请使用 {wanted}"


def resources(memory: int, disk: int, now: float) -> Iterator[str]:
    if memory < MEMORY:
        yield f"{memory >> 20} MB of memory; 1 GB is the least, 2 GB is right · 内存不足"
    if disk < DISK:
        yield f"{disk >> 20} MB of free disk; 2 GB are needed · 磁盘空间不足"
    if now < OLDEST:
        yield "the clock is years behind: timedatectl set-ntp true · 系统时间不正确，请先校时"


def ports(listening: str) -> Iterator[str]:
    """Read `ss -Hltnp`; only Nginx may have 80 and 443 already."""
    for line in listening.splitlines():
        local = line.split()[3] if len(line.split()) > 3 else ""
        port = local.rpartition(":")[2]
        owner = re.search(r'\(\("([^"]+)"', line)
        if port in {"80", "443"} and owner and owner[1] != "nginx":
            yield f"port {port} belongs to {owner[1]}: stop it first · 端口被占用，请先停止该程序"


def networks(behind: list[str]) -> Iterator[str]:
    for each in behind:
        try:
            ipaddress.ip_network(each)
        except ValueError:
            yield f"--behind {each} is no network such as 10.0.0.0/8 · 不是合法的网段"


def names(dump: str, own_file: str, domain: str) -> Iterator[str]:
    for file in nginx.named(dump, own_file, domain):
        yield f"{file} answers for {domain} already · Nginx 中已有同名站点"


def dns(domain: str, resolved: set[Address], own: set[Address]) -> tuple[list[str], list[str]]:
    """Compare the name's addresses with the machine's; return (wrong, cannot be judged)."""
    if not resolved:
        return [
            f"{domain} has no address: add a DNS record for it · 域名没有解析，请先添加记录"
        ], []
    wrong, unsure = [], []
    for version, kind in ((4, "A"), (6, "AAAA")):
        found = {a for a in resolved if a.version == version}
        mine = {a for a in own if a.version == version}
        if not found or found & mine:
            continue
        listed = ", ".join(sorted(map(str, found)))
        if version == 4 and not any(a.is_global for a in mine):
            unsure.append(
                f"{domain} is {listed}; this machine is behind NAT and cannot tell whether that is"
                " its own public address · 本机在 NAT 之后，请自行确认该地址是本机的公网 IP"
            )
        else:
            wrong.append(
                f"the {kind} record of {domain} is {listed}, which is not this machine: correct or"
                f" remove it · 域名的 {kind} 记录不是本机地址，请修改或删除"
            )
    return wrong, unsure


def resolve(domain: str) -> set[Address]:
    try:
        found = socket.getaddrinfo(domain, 443, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {ipaddress.ip_address(str(item[4][0])) for item in found}


def addresses(printed: str) -> set[Address]:
    """Read `ip -j address`."""
    return {
        ipaddress.ip_address(entry["local"])
        for interface in json.loads(printed or "[]")
        for entry in interface.get("addr_info", [])
        if "local" in entry
    }


def _os_release(path: Path) -> dict[str, str]:
    text = path.read_text("utf-8") if path.exists() else ""
    return {k: v.strip('"') for k, _, v in (line.partition("=") for line in text.splitlines())}


def _memory() -> int:
    found = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text("utf-8"))
    return int(found[1]) * 1024 if found else 0
