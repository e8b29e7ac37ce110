"""Check whether myapi can be installed on this server. Changes nothing."""

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
from deploy.lib.language import said
from deploy.lib.machine import DeployError, capture

SYSTEMS = {
    ("ubuntu", "22.04"): "Ubuntu 22.04",
    ("ubuntu", "24.04"): "Ubuntu 24.04",
    ("debian", "12"): "Debian 12",
}
MIN_MEMORY = 700 * 2**20
MIN_DISK = 2 * 2**30
MIN_TIME = 1_790_000_000  # a clock that shows a time before this code was written is wrong

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check(
    domain: str, problems: Iterable[str], *, reached_directly: bool, own_file: str
) -> list[str]:
    """Raise `DeployError` with every problem found; return warnings.

    `problems` are those already found in the command's options. If phones reach this server
    directly, and not through a load balancer, a wrong DNS record is a problem, else a warning.
    """
    problems = [
        *problems,
        *check_root(),
        *check_system(_os_release(Path("/etc/os-release"))),
        *check_resources(_memory(), shutil.disk_usage("/").free, time.time()),
        *check_ports(capture("ss", "-Hltnp").stdout),
        *check_server_names(capture("nginx", "-T").stdout, own_file, domain),
    ]
    own = parse_addresses(capture("ip", "-j", "address").stdout)
    wrong, uncertain = check_dns(domain, resolve(domain), own)
    if reached_directly:
        problems += wrong
    else:
        uncertain = [*wrong, *uncertain]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        head = said("nothing has been changed. Problems:", "未做任何改动，原因：")
        raise DeployError(f"{head}\n{listed}")
    return uncertain


def check_root() -> Iterator[str]:
    if os.geteuid() != 0:
        yield said("run it as root: sudo deploy/myapi …", "请用 sudo 运行：sudo deploy/myapi …")


def check_system(release: dict[str, str]) -> Iterator[str]:
    known = (release.get("ID", ""), release.get("VERSION_ID", ""))
    if known not in SYSTEMS:
        name = release.get("PRETTY_NAME", "an unknown system")
        supported = ", ".join(SYSTEMS.values())
        yield said(
            f"{name} is not supported; use one of {supported}, or a container:"
            " docs/guides/container.md",
            f"不支持 {name}，请使用其中之一：{supported}；或用容器：docs/guides/container.zh-CN.md",
        )


def check_resources(memory: int, disk: int, now: float) -> Iterator[str]:
    if memory < MIN_MEMORY:
        yield said(
            f"{memory >> 20} MB of memory; 1 GB is the minimum, 2 GB is recommended",
            f"内存只有 {memory >> 20} MB，至少要 1 GB，建议 2 GB",
        )
    if disk < MIN_DISK:
        yield said(
            f"{disk >> 20} MB of free disk space; 2 GB are needed",
            f"磁盘只剩 {disk >> 20} MB，需要 2 GB",
        )
    if now < MIN_TIME:
        yield said(
            "the clock is wrong: timedatectl set-ntp true",
            "系统时间不正确，请先校时：timedatectl set-ntp true",
        )


def check_ports(listening: str) -> Iterator[str]:
    """Parse `ss -Hltnp`: if ports 80 and 443 are in use, then only by Nginx."""
    for line in listening.splitlines():
        local = line.split()[3] if len(line.split()) > 3 else ""
        port = local.rpartition(":")[2]
        owner = re.search(r'\(\("([^"]+)"', line)
        if port in {"80", "443"} and owner and owner[1] != "nginx":
            yield said(
                f"port {port} is in use by {owner[1]}: stop it first",
                f"端口 {port} 被 {owner[1]} 占用，请先停止它",
            )


def check_networks(behind: list[str]) -> Iterator[str]:
    for each in behind:
        try:
            ipaddress.ip_network(each)
        except ValueError:
            yield said(
                f"--behind {each} is not a network like 10.0.0.0/8",
                f"--behind {each} 不是 10.0.0.0/8 这样的网段",
            )


def check_server_names(dump: str, own_file: str, domain: str) -> Iterator[str]:
    for file in nginx.files_with_name(dump, own_file, domain):
        yield said(
            f"{file} already has the server_name {domain}",
            f"{file} 中已有 server_name 为 {domain} 的站点",
        )


def check_dns(
    domain: str, resolved: set[Address], own: set[Address]
) -> tuple[list[str], list[str]]:
    """Compare the addresses of the domain and of this server; return (wrong, uncertain)."""
    if not resolved:
        missing = said(
            f"{domain} has no address: add a DNS record",
            f"域名 {domain} 没有解析，请先添加 DNS 记录",
        )
        return [missing], []
    wrong, uncertain = [], []
    for version, kind in ((4, "A"), (6, "AAAA")):
        found = {a for a in resolved if a.version == version}
        mine = {a for a in own if a.version == version}
        if not found or found & mine:
            continue
        listed = ", ".join(sorted(map(str, found)))
        if version == 4 and not any(a.is_global for a in mine):
            text = said(
                f"{domain} resolves to {listed}; this server is behind NAT, so check yourself that"
                " this is its public address",
                f"{domain} 解析到 {listed}；本机在 NAT 之后，请自行确认这是本机的公网 IP",
            )
            uncertain.append(text)
        else:
            text = said(
                f"the {kind} record of {domain} is {listed}, which is not this server: correct or"
                " remove it",
                f"{domain} 的 {kind} 记录是 {listed}，不是本机地址，请修改或删除",
            )
            wrong.append(text)
    return wrong, uncertain


def resolve(domain: str) -> set[Address]:
    try:
        found = socket.getaddrinfo(domain, 443, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {ipaddress.ip_address(str(item[4][0])) for item in found}


def parse_addresses(printed: str) -> set[Address]:
    """Parse `ip -j address`."""
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
