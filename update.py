"""Merge upstream's newest release into this checkout: `make update`, on Windows `py update.py`.

It is one file, because the merge replaces all others while it runs, and it uses the standard
library alone, because it also installs what is in .venv. Before a release
is merged only Git reads it, without hooks; after that its own code runs, as after `git pull`.
The guide: docs/guides/updating.md
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

#: What only upstream edits; a team's own code is in app/.
UPSTREAM_CODE = (
    *("myapi", "migrations", "doctor", "deploy", "tests"),
    *("wsgi.py", "gunicorn.conf.py", "conftest.py"),
)
#: Upstream's tags are kept here, apart from the team's own, which may have a v1.0.0 as well.
RELEASES = "refs/myapi"
WINDOWS = os.name == "nt"
NO_REPOSITORY = """\
This folder is not a Git repository; is it a ZIP copy? Make it one, then run this again:
  git init
  git add --all
  git commit -m "myapi and our changes\""""


class UpdateError(Exception):
    """The update cannot go on. The message is for the developer."""


def main() -> None:
    os.chdir(Path(__file__).resolve().parent)
    parser = argparse.ArgumentParser(description="Merge upstream's newest release, vX.Y.Z.")
    parser.add_argument("--upstream", help="upstream's remote or address; it is remembered")
    parser.add_argument("--dry-run", action="store_true", help="fetch, and say what would happen")
    parser.add_argument("--anyway", action="store_true", help="even if upstream's code was changed")
    parser.add_argument("--merge-only", action="store_true", help="no install, migration and tests")
    try:
        update(parser.parse_args())
    except UpdateError as error:
        sys.exit(printable(str(error)))
    except KeyboardInterrupt:
        sys.exit("\ninterrupted")


def update(options: argparse.Namespace) -> None:
    check_repository()
    upstream = options.upstream or attempt("config", "myapi.upstream") or ask_upstream()
    fetch(upstream)
    if not options.dry_run:
        git("config", "myapi.upstream", upstream)
    versions = releases()
    if not versions:
        raise UpdateError(f"{upstream} has no release yet: no tag vX.Y.Z.")
    newest = versions[-1]
    base = common_commit(versions, upstream)
    present = version_in(base or "HEAD")
    is_merged = git("rev-list", "--count", commit(newest), "^HEAD") == "0"
    if is_merged or (not base and number(present) >= number(newest)):
        say(f"Nothing to do: this checkout has {newest}, the newest release.")
        return
    if not base and present not in versions:
        raise UpdateError(
            "This history has no commit of upstream's, and pyproject.toml has the version "
            f"{present}, which is not one of the releases: {', '.join(versions)}"
        )
    check_changes(base or commit(present), anyway=options.anyway)

    say(f"myapi {present} to {newest}")
    for line in (*changelog(present, newest), *missing_names(newest)):
        say(line)
    if options.dry_run:
        say(f"Would merge {newest}, then run:{listed(map(' '.join, steps()))}")
        return
    way_back = f"The way back:\n  git reset --hard {git('rev-parse', 'HEAD')}"
    merge(newest, present, related=bool(base))
    if options.merge_only:
        say(f"Merged {newest}. Still to run:{listed(map(' '.join, steps()))}")
    else:
        run_steps(way_back)
        say(f"Updated to {newest}.")
    say(way_back)


# ---- before the merge ----


def check_repository() -> None:
    if not shutil.which("git"):
        raise UpdateError("Git is not installed, or not in PATH.")
    if not Path(".git").exists():
        parent = attempt("rev-parse", "--show-toplevel")
        if not parent:
            raise UpdateError(NO_REPOSITORY)
        raise UpdateError(
            f"This folder is part of the repository {parent}. A release can only be merged into "
            "a repository of its own."
        )
    git("rev-parse", "--git-dir")  # fails in Git's own words, as where another user owns it
    if not attempt("rev-parse", "--verify", "HEAD"):
        raise UpdateError("Nothing is committed yet. Run: git add --all, then git commit")
    if not attempt("symbolic-ref", "HEAD"):
        raise UpdateError("No branch is checked out. Choose one, as with: git switch main")


def ask_upstream() -> str:
    if not sys.stdin.isatty():
        raise UpdateError(
            "Which remote or address is upstream's? Name it once: " + typed("--upstream NAME")
        )
    remotes = git("remote").split()
    default = next((name for name in ("upstream", "origin") if name in remotes), "")
    say(f"Remotes: {', '.join(remotes) or 'none'}")
    answer = input(f"Which of them is upstream's, or what is its address? [{default}] ").strip()
    if not (answer or default):
        raise UpdateError("No remote or address was given.")
    return answer or default


def fetch(upstream: str) -> None:
    git(
        *("fetch", "--quiet", "--no-tags", "--prune", "--no-recurse-submodules"),
        *("--", upstream, f"+refs/tags/v*:{RELEASES}/v*"),
    )


def releases() -> list[str]:
    """Return the versions, oldest first."""
    names = git("for-each-ref", "--format=%(refname:lstrip=2)", RELEASES).split()
    return sorted((n[1:] for n in names if re.fullmatch(r"v\d+\.\d+\.\d+", n)), key=number)


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def commit(version: str) -> str:
    return f"{RELEASES}/v{version}^{{commit}}"


def common_commit(versions: list[str], upstream: str) -> str:
    """Return upstream's newest commit in this history, or "" for a copy that began without one.

    It need not be a release: a clone of a branch often begins between two.
    """
    commits = [commit(version) for version in versions]
    found = attempt("merge-base", "HEAD", *commits)
    for remote in (*git("remote").split(), upstream):
        if found or git("rev-parse", "--is-shallow-repository") == "false":
            return found
        attempt("fetch", "--quiet", "--no-tags", "--unshallow", "--", remote)
        found = attempt("merge-base", "HEAD", *commits)
    if not found and git("rev-parse", "--is-shallow-repository") == "true":
        raise UpdateError("This clone is shallow. Fetch the rest: git fetch --unshallow REMOTE")
    return found


def version_in(revision: str) -> str:
    text = attempt("show", f"{revision}:pyproject.toml")
    found = re.search(r'^version = "(\d+\.\d+\.\d+)', text, re.MULTILINE)
    if not found:
        raise UpdateError(f'pyproject.toml of {revision} has no version = "X.Y.Z".')
    return found[1]


def check_changes(base: str, *, anyway: bool) -> None:
    if attempt("rev-parse", "--verify", "MERGE_HEAD"):
        raise UpdateError(
            "A merge is in progress. Commit it, or undo it with: git merge --abort"
            + listed(paths("diff", "--name-only", "--diff-filter=U"))
        )
    # An untracked file can stay: Git refuses to overwrite it.
    status = paths("status", "--porcelain", "--no-renames", "--untracked-files=no")
    if status:
        files = listed(entry[3:] for entry in status)
        raise UpdateError(f"There are uncommitted changes. Commit or stash them first:{files}")
    changed = changed_upstream_code(base)
    if changed and not anyway:
        raise UpdateError(
            "Upstream's own code was changed here. Move the changes to app/, or risk a conflict "
            f"with: {typed('--anyway')}{listed(changed)}"
        )


def changed_upstream_code(base: str) -> list[str]:
    raw = paths("diff", "--raw", "--no-abbrev", "--no-renames", base, "HEAD", "--", *UPSTREAM_CODE)
    # Pairs of ":MODE MODE OBJECT OBJECT LETTER" and a path. Equal objects differ in their mode
    # alone: a ZIP copy on Windows loses the executable bit.
    objects = [facts.split()[2:4] for facts in raw[::2]]
    return [path for (old, new), path in zip(objects, raw[1::2], strict=True) if old != new]


# ---- what the release changes ----


def changelog(present: str, newest: str) -> Iterator[str]:
    """Yield the headings of the versions between these two."""
    wanted = False
    for line in attempt("show", f"{commit(newest)}:CHANGELOG.md").splitlines():
        if line.startswith("## "):
            found = re.search(r"\d+\.\d+\.\d+", line)
            wanted = bool(found and number(present) < number(found[0]) <= number(newest))
        if wanted and line.startswith(("## ", "### ")):
            yield line.replace("### ", "    ").replace("## ", "  ")


def missing_names(newest: str) -> Iterator[str]:
    """Yield the names that app/ imports and the release's myapi.extend no longer promises."""
    promised = names_in_all(attempt("show", f"{commit(newest)}:myapi/extend.py"))
    for file in sorted(Path("app").rglob("*.py")) if promised else ():
        for node in ast.walk(parsed(file.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module == "myapi.extend":
                for name in sorted({alias.name for alias in node.names} - promised - {"*"}):
                    where = f"{file.as_posix()}:{node.lineno}"
                    yield f"{where} uses {name}, which myapi.extend no longer has"


def names_in_all(source: str) -> set[str]:
    """Read `__all__` without importing anything."""
    for node in parsed(source.encode()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {str(n.value) for n in ast.walk(node.value) if isinstance(n, ast.Constant)}
    return set()


def parsed(source: bytes) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):  # the tests will say so
        return ast.Module(body=[], type_ignores=[])


# ---- the merge, and after it ----


def merge(newest: str, present: str, *, related: bool) -> None:
    """Merge the release. If that fails, leave everything as it was."""
    old = git("rev-parse", "HEAD")
    if not related:
        git(
            *("merge", "--quiet", "-s", "ours", "--allow-unrelated-histories"),
            *("-m", f"This copy began with myapi {present}", commit(present)),
        )
    try:
        git("merge", "--quiet", "--no-ff", "-m", f"Merge myapi {newest}", commit(newest))
    except UpdateError as error:
        conflicts = paths("diff", "--name-only", "--diff-filter=U")
        attempt("merge", "--abort")  # nothing to abort where Git refused to begin
        git("reset", "--quiet", "--soft", old)
        if not conflicts:
            raise
        text = f"{newest} conflicts with changes made here, in these files. The merge was undone."
        raise UpdateError(text + listed(conflicts)) from error


def steps(*, windows: bool = WINDOWS) -> list[list[str]]:
    """Return the commands that follow the merge: install, migrate, test."""
    if windows:
        python = ".venv\\Scripts\\python"
        install = ["py", "dev.py", "tools"]
        tests = [python, "-m", "pytest", "app/tests"]
    else:
        python = ".venv/bin/python"
        install = ["make", "--no-print-directory", "runtime", "tools"]
        tests = ["make", "--no-print-directory", "test-app"]
    migrate = [python, "-m", "flask", "db", "upgrade"]
    return [install, migrate, *([tests] if Path("app/tests").is_dir() else [])]


def run_steps(way_back: str) -> None:
    commands = steps()
    for place, command in enumerate(commands):
        say(f"running {' '.join(command)}")
        try:
            status = subprocess.run(command, check=False).returncode
        except OSError as error:
            status = 1
            say(str(error))
        if status:
            rest = listed(map(" ".join, commands[place:]))
            raise UpdateError(
                f"The release is merged, but {' '.join(command)} failed. When that is repaired, "
                f"run:{rest}\n{way_back}"
            )
    if not Path("app/tests").is_dir():
        say("app/tests does not exist: no tests of the team's own")


# ---- Git and text ----


def git(*words: str, strip: bool = True) -> str:
    # A hook may be a tracked file, and then the release could replace it before it is merged.
    done = subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *words],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        raise UpdateError(f"git {words[0]} failed:\n{(done.stdout + done.stderr).strip()}")
    return done.stdout.strip() if strip else done.stdout


def attempt(*words: str) -> str:
    """Return "" if the command fails."""
    try:
        return git(*words)
    except UpdateError:
        return ""


def paths(command: str, *words: str) -> list[str]:
    return git(command, "-z", *words, strip=False).split("\0")[:-1]


def listed(lines: Iterable[str]) -> str:
    return "".join(f"\n  {line}" for line in lines)


def typed(option: str) -> str:
    return f"py update.py {option}" if WINDOWS else f"make update ARGS='{option}'"


def say(text: str) -> None:
    encoding = sys.stdout.encoding  # that of a Windows console may lack a character
    print(printable(text).encode(encoding, "replace").decode(encoding), flush=True)


def printable(text: str) -> str:
    """Mask passwords in addresses, and control characters, which a fetched text may contain."""
    text = re.sub(r"(\w+://)[^/\s]+@", r"\1***@", text)
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


if __name__ == "__main__":
    main()
