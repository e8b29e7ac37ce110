"""CPU and memory of the processes of a stack, read from /proc (Linux)."""

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")  # ticks per second


def process_tree(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(stat)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, []))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Return their CPU time in user and kernel mode, in seconds."""
    ticks = 0
    for pid in pids:
        fields = _fields(Path(f"/proc/{pid}/stat"))
        if fields:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def pss_bytes(pids: list[int]) -> int:
    """Return their proportional set size: a page shared by n processes counts 1/n in each."""
    return sum(_pss(Path(f"/proc/{pid}/smaps_rollup")) for pid in pids)


def _fields(stat: Path) -> list[str]:
    """Return the fields after the name (state, parent, …), or nothing if the process has ended."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _pss(rollup: Path) -> int:
    try:
        lines = rollup.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
