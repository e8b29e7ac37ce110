"""A virtual machine that runs the service, to test power cuts.

Its root file system is this machine's, read-only; the database is on a disk of its own. When QEMU
is killed, data that the guest's kernel had not yet written to the disk is lost, as in a power cut.
`kill -9` of a process loses no such data.

`python -m tests.faults.machine` downloads the guest's kernel once: Debian's package, unpacked but
not installed.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import requests

from myapi.settings import ROOT
from myapi.wechat.sandbox import SandboxServer
from tests.servers import HOST, ServerError, find_program
from tests.service import PRODUCTION, Service

CACHE = Path("/var/tmp/myapi-faults")
PACKAGE = "linux-image-amd64"  # the kernel package with 9p and virtio
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "9p", "9pnet_virtio", "crc32c_generic", "ext4")
DISK = "/mnt/disk"
DATABASE = "served.db"
UNSYNCED = "unsynced"  # a file that grows and is never synced to the disk

INIT = """#!/bin/busybox sh
bb=/bin/busybox
$bb mkdir /proc /sys /dev /root
$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
for module in {modules}; do $bb insmod /modules/$module.ko; done
$bb ip link set lo up
$bb ip address add 10.0.2.15/24 dev eth0
$bb ip link set eth0 up
$bb mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose host /root
$bb mount -t proc proc /root/proc
$bb mount -t devtmpfs dev /root/dev
$bb mkdir -p /root/dev/shm
$bb mount -t tmpfs shm /root/dev/shm
$bb mount -t tmpfs mnt /root/mnt
$bb mkdir /root/mnt/disk /root/mnt/tmp
$bb mount -t ext4 /dev/vda /root/mnt/disk
$bb cp /start /root/mnt/start
exec $bb chroot /root /bin/sh /mnt/start
"""
START = """
cd {root}
rm -f {disk}/{unsynced}
{environ}
while sleep 1; do n=$((n + 1)); echo line >>{disk}/{unsynced}; echo "unsynced lines: $n"; done &
busybox nc -ll -p 9000 -e busybox nc 10.0.2.2 {wechat} &
exec {python} -m gunicorn wsgi:app
"""


class VirtualMachine(Service):
    """The service on SQLite in a virtual machine. `kill()` cuts the power, `start()` boots."""

    programs = ("qemu-system-x86_64", "busybox", "mkfs.ext4", "debugfs", "e2fsck")
    package = "qemu-system-x86 busybox-static e2fsprogs"
    timeout: ClassVar[float] = 90.0  # the processor is emulated

    @classmethod
    def available(cls) -> str | None:
        missing = super(Service, cls).available()
        if missing is None and not list(CACHE.glob("boot/vmlinuz-*")):
            return f"no kernel for the virtual machine: python -m {__name__}"
        return missing

    def __init__(self, database: Path, wechat: SandboxServer) -> None:
        """Create a machine whose database starts as a copy of this file."""
        super().__init__(
            **PRODUCTION,
            bind="0.0.0.0:8000",
            wechat_base_url="http://127.0.0.1:9000",
            database_url=f"sqlite:///{DISK}/{DATABASE}",
            rate_limit_login="1000000",
            rate_limit_storage_url="memory://",
        )
        self._database = database
        self._wechat = wechat  # runs on the host; the guest reaches it through a proxy

    def prepare(self) -> None:
        super().prepare()
        (self.folder / "initrd").write_bytes(self._initrd())
        content = self.folder / "content"
        content.mkdir()
        shutil.copy(self._database, content / DATABASE)
        self._tool("mkfs.ext4", "-q", "-d", content, self._disk, "64M")

    def command(self) -> list[str]:
        (kernel,) = CACHE.glob("boot/vmlinuz-*")
        share = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
        network = f"user,model=virtio-net-pci,hostfwd=tcp:{HOST}:{self.port}-:8000"
        return [
            *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot"),
            *("-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "512"),
            *("-kernel", str(kernel), "-initrd", f"{self.folder}/initrd"),
            *("-append", "console=ttyS0 quiet panic=-1", "-serial", "stdio"),
            *("-virtfs", share, "-nic", network),
            *("-drive", f"file={self._disk},if=virtio,format=raw"),
        ]

    def ready(self) -> bool:
        try:
            return self.call("GET", "/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def cut(self) -> None:
        """Cut the power and repair the file system, as a boot does."""
        self.kill()
        self._tool("e2fsck", "-p", self._disk)

    def unsynced(self) -> tuple[int, int]:
        """Return how many unsynced lines were written, and how many of them are on the disk."""
        written = re.findall(r"unsynced lines: (\d+)", self.log())[-1]
        file = self._copy(UNSYNCED)
        return int(written), len(file.read_bytes().splitlines()) if file.exists() else 0

    def database(self) -> str:
        """Cut the power and return the URL of a copy of the database."""
        self.cut()
        self._copy(f"{DATABASE}-wal")
        return f"sqlite:///{self._copy(DATABASE)}"

    def _copy(self, name: str) -> Path:
        """Copy a file from the disk, if it exists, while the machine is off; return its path."""
        copy = self.folder / name
        copy.unlink(missing_ok=True)
        self._tool("debugfs", "-R", f"dump {name} {copy}", self._disk)
        return copy

    @property
    def _disk(self) -> Path:
        return self.folder / "disk"

    def _initrd(self) -> bytes:
        environ = self.environment()
        kept = {name: value for name, value in environ.items() if name.startswith("MYAPI_")}
        kept |= {"PATH": environ["PATH"], "HOME": "/mnt/tmp", "TMPDIR": "/mnt/tmp"}
        kept["PYTHONDONTWRITEBYTECODE"] = "1"
        start = START.format(
            root=ROOT,
            environ="\n".join(f"export {k}={shlex.quote(v)}" for k, v in kept.items()),
            disk=DISK,
            unsynced=UNSYNCED,
            python=sys.executable,
            wechat=urlsplit(self._wechat.url).port,
        )
        modules = _modules()
        init = INIT.format(modules=" ".join(modules))
        busybox = Path(find_program("busybox") or "")
        return _archive(
            {
                "init": init.encode(),
                "start": start.encode(),
                "bin/busybox": busybox.read_bytes(),
                **{f"modules/{name}.ko": file.read_bytes() for name, file in modules.items()},
            }
        )

    def _tool(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [find_program(program) or program, *map(str, arguments)], capture_output=True, text=True
        )
        if done.returncode not in (0, 1):  # e2fsck exits with 1 after a repair
            raise ServerError(f"{program}: {done.stdout}{done.stderr}")


def _modules() -> dict[str, Path]:
    """Return the guest's kernel modules, each after its dependencies."""
    files = {file.stem.replace("-", "_"): file for file in CACHE.rglob("*.ko")}
    found: dict[str, Path] = {}

    def add(name: str) -> None:
        if name in found:
            return
        needed = re.findall(rb"\0depends=([^\0]*)\0", files[name].read_bytes())
        for other in b",".join(needed).decode().replace("-", "_").split(","):
            if other:
                add(other)
        found[name] = files[name]

    for name in MODULES:
        add(name)
    return found


def _archive(files: dict[str, bytes]) -> bytes:
    """Return a cpio archive in the format that the kernel unpacks (newc)."""
    folders = {
        folder: None for name in files for folder in [str(Path(name).parent)] if folder != "."
    }
    entries = [(name, 0o040755, b"") for name in folders]
    entries += [(name, 0o100755, data) for name, data in files.items()]
    written = b""
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")]):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
        written += head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
    return written


def main() -> int:
    """Download the kernel if it is missing; return 0 if a machine can be started."""
    if not list(CACHE.glob("boot/vmlinuz-*")) and shutil.which("apt-get"):
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            try:
                _fetch(Path(folder))
            except (subprocess.CalledProcessError, OSError, ValueError) as error:
                print(f"no kernel for the virtual machine: {error}", flush=True)  # noqa: T201
    print(f"power cut test: {VirtualMachine.available() or 'can run'}", flush=True)  # noqa: T201
    return 0 if VirtualMachine.available() is None else 1


def _fetch(folder: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout

    newest = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", PACKAGE))
    if newest is None:
        raise ValueError(f"apt has no package {PACKAGE}")
    run("apt-get", "-qq", "download", newest[1])
    (package,) = folder.glob("*.deb")
    run("dpkg-deb", "-x", str(package), "unpacked")
    for part in ("lib", "boot"):  # the kernel last: its presence means that all is complete
        shutil.move(folder / "unpacked" / part, CACHE / part)


if __name__ == "__main__":
    sys.exit(main())
