"""The machine: its disk and its clock."""

from __future__ import annotations

import shutil
from pathlib import Path

from doctor.checks import STATUSES, Finding, check, ok, skip, warn
from doctor.network import describe_error
from doctor.target import Target
from doctor.texts import Text


@check(
    "failing",
    fault=Text("the disk is almost full", "磁盘快满了"),
    stops="nothing",
    fix=Text(
        "free some space: old logs (`journalctl --vacuum-size=200M`), old backups, packages"
        " (`apt-get clean`); or enlarge the disk",
        "清理空间：旧日志（`journalctl --vacuum-size=200M`）、旧备份、软件包缓存"
        "（`apt-get clean`）；或扩容磁盘",
    ),
)
def disk(target: Target) -> Finding:
    """Whether there is space: on a full disk no login can be stored."""
    worst, least = skip(Text("no folder to look at", "没有可检查的目录")), 101.0
    for folder in target.this_server.data_folders:
        try:
            finding, left = _judge_space(folder)
        except OSError as error:
            return skip(describe_error(error))
        if worst.status == "skip" or _urgency(finding, left) > _urgency(worst, least):
            worst, least = finding, left
    return worst


def _urgency(finding: Finding, left: float) -> tuple[int, float]:
    return STATUSES.index(finding.status), -left


def _judge_space(folder: Path) -> tuple[Finding, float]:
    """Return what is found, and the free space in per cent. Raises OSError."""
    existing = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    total, _, free = shutil.disk_usage(existing)
    left, megabytes = 100 * free / max(total, 1), free / 2**20
    status = "fail" if megabytes < 100 else "warn" if megabytes < 1024 or left < 5 else "ok"
    evidence = Text(
        f"{existing}: {megabytes:.0f} MB free, {left:.0f} %",
        f"{existing}：剩余 {megabytes:.0f} MB，{left:.0f}%",
    )
    return Finding(status, evidence), left


@check(
    "clock",
    "certificate_date",
    fault=Text("this machine's clock is not synchronised", "本机时钟没有同步"),
    stops="nothing",
    fix=Text("`timedatectl set-ntp true`", "执行 `timedatectl set-ntp true`"),
)
def clock_synchronised(target: Target) -> Finding:
    """Whether this machine's clock is synchronised with the network."""
    try:
        answer = target.this_server.run("timedatectl", "show", "-p", "NTPSynchronized")
    except OSError:
        answer = ""
    if "NTPSynchronized=yes" in answer:
        return ok(Text("synchronised", "已同步"))
    if "NTPSynchronized=no" in answer:
        return warn(Text("not synchronised", "没有同步"))
    return skip(Text("there is no timedatectl here", "本机没有 timedatectl"))
