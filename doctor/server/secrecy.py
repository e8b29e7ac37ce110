"""What could show secrets to others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip, warn
from doctor.target import Target
from doctor.texts import Text


@check(
    "failing",
    "unseen",
    fault=Text("debug mode is on", "调试模式处于开启状态"),
    stops="nothing",
    fix=Text(
        "remove FLASK_DEBUG from the service's environment: debug mode shows code and secrets to"
        " anyone who meets an error",
        "从服务的环境变量中去掉 FLASK_DEBUG：它会把代码和密钥展示给遇到错误的任何人",
    ),
)
def debug(target: Target) -> Finding:
    """Whether debug mode is on."""
    on = target.this_server.debug
    if on is None:
        return skip(needs.FLASK_DOCTOR)
    if not on:
        return ok(Text("off", "已关闭"))
    if target.has_url and target.url.is_development:
        return ok(Text("on, in development", "开发中，已开启"))
    status = "fail" if target.has_url else "warn"
    return Finding(status, Text("FLASK_DEBUG is on", "FLASK_DEBUG 处于开启状态"))


@check(
    "unseen",
    fault=Text("other users can read secrets or data", "其他用户能读取密钥或数据"),
    stops="nothing",
    fix=Text(
        "`chmod 600` for files, `chmod 700` for folders, owned by the service's user",
        "文件用 `chmod 600`，目录用 `chmod 700`，所有者设为运行服务的用户",
    ),
)
def file_modes(target: Target) -> Finding:
    """Whether other users of this machine can read the secrets or the database."""
    if os.name != "posix":
        return skip(Text("Windows has no file modes", "Windows 没有这样的文件权限"))
    paths = [path for path in target.this_server.private_paths if path.exists()]
    if not paths:
        return skip(Text("no files to check", "没有可检查的文件"))
    readers = {path: _other_readers(path) for path in paths}
    if not any(readers.values()):
        count = len(paths)
        return ok(Text(f"{count} files and folders are private", f"{count} 个文件和目录都是私有的"))
    listed = ", ".join(f"{path} {_mode(path):04o}" for path in paths if readers[path])
    if "others" in readers.values():
        return fail(Text(f"any user can read {listed}", f"任何用户都能读取 {listed}"))
    return warn(Text(f"the group can read {listed}", f"同组用户能读取 {listed}"))


def _other_readers(path: Path) -> str:
    """Return who else can read it: others, group or "". A closed folder above protects it."""
    path = path.resolve()
    mode, above = _mode(path), [_mode(folder) for folder in path.parents]
    if mode & 0o007 and all(folder & 0o001 for folder in above):
        return "others"
    return "group" if mode & 0o070 and all(folder & 0o010 for folder in above) else ""


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
