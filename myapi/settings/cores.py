"""How many cores this process may use: its affinity, and the CPU quota of its cgroup.

A container sees all cores of its host, and its quota may be half of one. Layout: cgroups(7); v2
`cpu.max`, v1 `cpu.cfs_quota_us`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")  # of the file system; a test has one of its own


def usable() -> int:
    """Return the number of cores, at least 1; half a core of quota counts as one."""
    return min([_in_affinity(), *_quotas()])


def _in_affinity() -> int:
    """Return the cores that the system gives this process; not every system has affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas() -> Iterator[int]:
    """Yield the cores of each quota, rounded up. That of a group above holds for those in it."""
    for group in _groups():
        v1 = f"{_read(group / 'cpu.cfs_quota_us')} {_read(group / 'cpu.cfs_period_us')}"
        found = re.fullmatch(r"([0-9]+) ([1-9][0-9]*)", _read(group / "cpu.max") or v1)
        if found:  # without a quota it is `max` or -1
            yield max(1, -(-int(found[1]) // int(found[2])))


def _groups() -> Iterator[Path]:
    """Yield the folders of this process's cgroup and of those above it, as far as they are seen.

    In a container the path may be the host's, while the container's own group is the top.
    """
    top = ROOT / "sys/fs/cgroup"
    for line in _read(ROOT / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounted = top / "cpu" if controllers else top
        own = mounted / path.lstrip("/")
        yield from (group for group in (own, *own.parents) if group.is_relative_to(mounted))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):  # another system, or another kind of cgroup
        return ""
