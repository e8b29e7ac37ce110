"""`make update` on real repositories: a small upstream with three releases, and a team's clone."""

import os
import pty
import re
import shutil
import subprocess
import sys

import pytest

import update
from myapi.settings import ROOT

MAKEFILE = """\
update:
	@'{python}' update.py $(ARGS)
runtime tools test-app:
	@echo make $@ >>steps.log
	@test "$$FAIL" != $@
"""
PYTHON = """\
#!/bin/sh
echo python "$@" >>steps.log
[ "$FAIL" != python ]
"""
CHANGELOG = """\
# Changelog

## 0.3.0, unreleased

## 0.2.0

### Added

- More.

### Removed

- `old_name`.

## 0.1.0

### Added

- Everything.
"""


class Repository:
    def __init__(self, folder):
        self.folder = folder

    def git(self, *words):
        done = subprocess.run(["git", *words], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self, message="a change", **files):
        """Write files, as in `commit(**{"app/notes.py": "…"})`, and commit all."""
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def release(self, version, **files):
        project = f'[project]\nname = "myapi"\nversion = "{version}"\n'
        self.commit(f"Release {version}", **{"pyproject.toml": project, **files})
        self.git("tag", "--annotate", "--message", version, f"v{version}")

    def head(self):
        return self.git("rev-parse", "HEAD")

    def read(self, name):
        return (self.folder / name).read_text(encoding="utf-8")


class Team(Repository):
    def update(self, *options, environ=None, command=(sys.executable, "update.py"), stdin=None):
        return subprocess.run(
            [*command, *options],
            cwd=self.folder,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def updated(self, *options, **arguments):
        """Update to the end and return what was said."""
        done = self.update(*options, **arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, *options, **arguments):
        """Expect an update that ends with a sentence and changes nothing; return the sentence."""
        before = self.state()
        done = self.update(*options, **arguments)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stdout
        assert self.state() == before
        return done.stdout

    def state(self):
        if not (self.folder / ".git").exists():
            return None
        done = subprocess.run(
            ["git", "rev-parse", "HEAD", "MERGE_HEAD"], cwd=self.folder, capture_output=True
        )
        return done.stdout, self.git("status", "--porcelain"), self.steps()

    def steps(self):
        log = self.folder / "steps.log"
        return log.read_text().splitlines() if log.exists() else []

    def version(self):
        return re.findall(r'version = "(.*)"', self.read("pyproject.toml"))[0]


@pytest.fixture(autouse=True)
def git_environment(tmp_path, monkeypatch):
    """Neither this machine's configuration of Git nor a repository around the tests is used."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "MAKE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.com")
    monkeypatch.delenv("FAIL", raising=False)


@pytest.fixture
def upstream(tmp_path):
    """Upstream with the release 0.1.0."""
    repository = Repository(tmp_path / "upstream")
    repository.folder.mkdir()
    repository.git("init", "--quiet", "--initial-branch", "main")
    shutil.copy(ROOT / "update.py", repository.folder)
    repository.release(
        "0.1.0",
        **{
            ".gitignore": ".venv\nsteps.log\n__pycache__/\n",
            "Makefile": MAKEFILE.format(python=sys.executable),
            "README.md": "\n".join(f"line {n}" for n in range(20)),
            "myapi/extend.py": '__all__ = ["ApiError", "old_name"]\n',
            "myapi/web.py": "ApiError = Exception\nold_name = 1\n",
            "deploy/myapi": "#!/bin/sh\n",
        },
    )
    (repository.folder / "deploy/myapi").chmod(0o755)
    repository.commit("Work after the release", **{"myapi/later.py": "1\n"})
    return repository


@pytest.fixture
def release(upstream):
    """Upstream with the release 0.2.0 as well."""
    upstream.release(
        "0.2.0",
        **{
            "CHANGELOG.md": CHANGELOG,
            "README.md": upstream.read("README.md").replace("line 1\n", "upstream's line 1\n"),
            "myapi/extend.py": '__all__ = ["ApiError"]\n',
            "myapi/web.py": "ApiError = ValueError\n",
        },
    )
    return upstream


@pytest.fixture
def team(upstream, tmp_path):
    """A team's clone of upstream's branch, with code in app/. It began after 0.1.0."""
    upstream.git("clone", "--quiet", str(upstream.folder), str(tmp_path / "team"))
    return with_own_code(Team(tmp_path / "team"))


@pytest.fixture
def copy(upstream, tmp_path):
    """A ZIP copy of 0.1.0, without a repository; unpacking has lost the executable bits."""
    upstream.git("archive", "--output", str(tmp_path / "copy.zip"), "v0.1.0")
    shutil.unpack_archive(tmp_path / "copy.zip", tmp_path / "copy")
    return Team(tmp_path / "copy")


def with_own_code(team):
    team.commit("Notes", **{"app/__init__.py": "", "app/tests/test_notes.py": "1\n"})
    team.write(".venv/bin/python", PYTHON)
    (team.folder / ".venv/bin/python").chmod(0o755)
    return team


# ---- the update ----


def test_newest_release_is_merged_installed_migrated_and_tested(team, release):
    old = team.head()
    said = team.updated("--upstream", "origin")
    assert team.version() == "0.2.0"
    assert team.git("rev-list", "--merges", "--count", f"{old}..HEAD") == "1"
    assert team.git("log", "-1", "--format=%s") == "Merge myapi 0.2.0"
    assert team.steps() == [
        "make runtime",
        "make tools",
        "python -m flask db upgrade",
        "make test-app",
    ]
    assert "Updated to 0.2.0" in said
    assert team.git("status", "--porcelain") == ""


def test_make_update_passes_options_on(team, release):
    team.updated(command=("make", "update", "ARGS=--upstream origin --merge-only"))
    assert team.version() == "0.2.0"


def test_newest_version_is_found_by_number_and_other_tags_are_ignored(team, release):
    release.release("0.10.0")
    release.release("0.9.0")
    for tag in ("v1.0.0rc1", "v2", "version", "v9.9.9/x"):
        release.git("tag", tag)
    assert "0.1.0 to 0.10.0" in team.updated("--upstream", "origin", "--merge-only")


def test_second_update_takes_the_release_after(team, release):
    team.updated("--upstream", "origin", "--merge-only")
    release.release("0.3.0")
    assert "0.2.0 to 0.3.0" in team.updated("--merge-only")
    assert team.version() == "0.3.0"


def test_clone_that_began_between_two_releases_is_not_taken_for_changed(team, release):
    assert team.git("diff", "--name-only", "v0.1.0", "HEAD", "--", "myapi") == "myapi/later.py"
    team.updated("--upstream", "origin", "--merge-only")


def test_release_of_an_older_line_is_not_taken_for_a_change_of_the_team(team, release):
    release.git("switch", "--quiet", "--create", "line", "v0.2.0")
    release.release("0.2.1", **{"myapi/web.py": "ApiError = TypeError\n"})
    team.updated("--upstream", "origin", "--merge-only")
    release.git("switch", "--quiet", "main")
    release.git("merge", "--quiet", "--strategy", "ours", "line")
    release.release("0.3.0")
    assert "0.2.1 to 0.3.0" in team.updated("--merge-only")


def test_printed_way_back_undoes_the_update(team, release):
    old = team.head()
    said = team.updated("--upstream", "origin", "--merge-only")
    (command,) = re.findall(r"^  git (reset --hard \w+)$", said, re.MULTILINE)
    team.git(*command.split())
    assert (team.head(), team.version()) == (old, "0.1.0")


def test_merge_only_names_the_steps_that_are_left(team, release):
    said = team.updated("--upstream", "origin", "--merge-only")
    assert team.steps() == []
    for command in ("make --no-print-directory runtime tools", "flask db upgrade", "test-app"):
        assert command in said


def test_dry_run_tells_and_changes_nothing(team, release):
    old = team.head()
    said = team.updated("--upstream", "origin", "--dry-run")
    assert "0.1.0 to 0.2.0" in said
    assert "Would merge 0.2.0" in said
    assert "flask db upgrade" in said
    assert (team.head(), team.steps()) == (old, [])
    assert "Which remote" in team.refused()  # it is not remembered either


def test_dry_run_tells_what_is_refused(team, release):
    team.write("README.md", "changed")
    assert "uncommitted" in team.refused("--upstream", "origin", "--dry-run")


def test_nothing_is_done_where_the_newest_release_is_merged(team, upstream):
    said = team.updated("--upstream", "origin")
    assert said == "Nothing to do: this checkout has 0.1.0, the newest release.\n"
    assert team.steps() == []


def test_other_files_merge_as_git_does(team, release):
    ours = team.read("README.md").replace("line 15", "the team's line 15")
    team.commit(**{"README.md": ours})
    team.updated("--upstream", "origin", "--merge-only")
    assert "upstream's line 1\n" in team.read("README.md")
    assert "the team's line 15" in team.read("README.md")


def test_own_tags_of_the_team_are_neither_used_nor_replaced(team, release):
    team.git("tag", "--force", "v0.2.0")
    team.git("tag", "v7.0.0")
    tags = team.git("show-ref", "--tags")
    assert "0.1.0 to 0.2.0" in team.updated("--upstream", "origin", "--merge-only")
    assert team.git("show-ref", "--tags") == tags


def test_withdrawn_release_is_not_taken(team, release):
    team.updated("--upstream", "origin", "--dry-run")
    release.git("tag", "--delete", "v0.2.0")
    assert "0.1.0, the newest" in team.updated("--upstream", "origin")


def test_untracked_files_stay(team, release):
    team.write("app/draft.py", "a draft")
    team.updated("--upstream", "origin", "--merge-only")
    assert team.read("app/draft.py") == "a draft"


# ---- which remote is upstream's ----


def test_upstream_is_remembered(team, release):
    team.updated("--upstream", str(release.folder), "--merge-only")
    assert team.git("config", "myapi.upstream") == str(release.folder)
    assert "Nothing to do" in team.updated()


def test_upstream_is_asked_once_on_a_terminal(team, release):
    master, terminal = pty.openpty()
    os.write(master, b"\n")
    said = team.updated("--merge-only", stdin=terminal)
    os.close(terminal)
    os.close(master)
    assert "Remotes: origin\n" in said
    assert "Which of them is upstream's, or what is its address? [origin]" in said
    assert team.git("config", "myapi.upstream") == "origin"


def test_no_answer_is_refused(team, release):
    team.git("remote", "rename", "origin", "ours")
    master, terminal = pty.openpty()
    os.write(master, b"\n")
    said = team.refused(stdin=terminal)
    os.close(terminal)
    os.close(master)
    assert "Remotes: ours\n" in said
    assert "No remote or address was given." in said


def test_upstream_must_be_named_without_a_terminal(team, release):
    said = team.refused()
    assert said == (
        "Which remote or address is upstream's? Name it once: make update ARGS='--upstream NAME'\n"
    )


def test_address_that_cannot_be_read_is_told_and_not_remembered(team, release, tmp_path):
    said = team.refused("--upstream", str(tmp_path / "absent"))
    assert said.startswith("git fetch failed:\n")
    assert "Which remote" in team.refused()


def test_password_in_an_address_is_not_shown(team, release):
    """Port 9 refuses the connection."""
    said = team.refused("--upstream", "https://ann:hunter2@127.0.0.1:9/myapi.git")
    assert "127.0.0.1:9" in said
    assert "hunter2" not in said
    assert update.printable("at https://token@example.com/x") == "at https://***@example.com/x"


def test_upstream_without_a_release_is_told(team, upstream):
    upstream.git("tag", "--delete", "v0.1.0")
    assert team.refused("--upstream", "origin") == "origin has no release yet: no tag vX.Y.Z.\n"


# ---- what is refused ----


def test_uncommitted_changes_are_refused_and_named(team, release):
    team.write("README.md", "changed")
    team.write("app/notes.py", "staged")
    team.git("add", "app/notes.py")
    said = team.refused("--upstream", "origin")
    assert said == (
        "There are uncommitted changes. Commit or stash them first:\n  README.md\n  app/notes.py\n"
    )


def test_merge_in_progress_is_refused_and_its_conflicts_named(team, release):
    team.git("switch", "--quiet", "--create", "other")
    team.commit(**{"笔记.md": "theirs"})
    team.git("switch", "--quiet", "main")
    team.commit(**{"笔记.md": "ours"})
    subprocess.run(["git", "merge", "--quiet", "other"], cwd=team.folder, capture_output=True)
    said = team.refused("--upstream", "origin")
    assert said == (
        "A merge is in progress. Commit it, or undo it with: git merge --abort\n  笔记.md\n"
    )


@pytest.mark.parametrize(
    "file",
    [
        *("myapi/web.py", "migrations/0003.py", "doctor/x.py", "deploy/x", "tests/x.py"),
        *("wsgi.py", "gunicorn.conf.py", "conftest.py"),
    ],
)
def test_change_of_upstreams_code_is_refused_and_named(team, release, file):
    team.commit(**{file: "the team's\n"})
    said = team.refused("--upstream", "origin")
    assert said == (
        "Upstream's own code was changed here. Move the changes to app/, or risk a conflict with: "
        f"make update ARGS='--anyway'\n  {file}\n"
    )


def test_deleted_and_renamed_files_of_upstream_are_named(team, release):
    (team.folder / "deploy/myapi").unlink()
    team.git("mv", "myapi/web.py", "myapi/net.py")
    team.commit()
    said = team.refused("--upstream", "origin")
    assert said.splitlines()[1:] == ["  deploy/myapi", "  myapi/net.py", "  myapi/web.py"]


def test_changed_code_of_upstream_is_merged_with_anyway(team, release):
    team.commit(**{"myapi/own.py": "the team's\n"})
    team.updated("--upstream", "origin", "--merge-only", "--anyway")
    assert team.version() == "0.2.0"
    assert team.read("myapi/own.py") == "the team's\n"


def test_conflict_is_undone_and_named(team, release):
    team.commit(**{"myapi/web.py": "the team's\n", "app/notes.py": "1\n"})
    said = team.refused("--upstream", "origin", "--anyway")
    assert said.endswith(
        "0.2.0 conflicts with changes made here, in these files. The merge was undone.\n"
        "  myapi/web.py\n"
    )
    assert team.read("myapi/web.py") == "the team's\n"


def test_untracked_file_in_the_way_is_kept_and_named(team, release):
    team.write("CHANGELOG.md", "the team's own")
    said = team.refused("--upstream", "origin")
    assert "git merge failed:" in said
    assert "CHANGELOG.md" in said
    assert team.read("CHANGELOG.md") == "the team's own"


def test_detached_head_is_refused(team, release):
    team.git("switch", "--quiet", "--detach")
    assert team.refused("--upstream", "origin") == (
        "No branch is checked out. Choose one, as with: git switch main\n"
    )


def test_missing_git_is_refused(team, release):
    said = team.refused("--upstream", "origin", environ={"PATH": "/nowhere"})
    assert said == "Git is not installed, or not in PATH.\n"


def test_unknown_author_is_refused_in_gits_words(team, release):
    nobody = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "")
    said = team.refused("--upstream", "origin", environ=nobody)
    assert "git merge failed:" in said
    assert "empty ident name" in said


# ---- ZIP copies and shallow clones ----


def test_copy_without_a_repository_is_told_how_to_make_one(copy, release):
    said = copy.refused("--upstream", str(release.folder))
    commands = [line.strip() for line in said.splitlines() if line.startswith("  git ")]
    assert commands == [
        "git init",
        "git add --all",
        'git commit -m "myapi and our changes"',
    ]
    for command in commands:
        subprocess.run(["sh", "-c", command], cwd=copy.folder, check=True, capture_output=True)
    copy.updated("--upstream", str(release.folder), "--merge-only")
    assert copy.version() == "0.2.0"


@pytest.fixture
def committed_copy(copy):
    copy.git("init", "--quiet", "--initial-branch", "main")
    copy.commit("Unpacked")
    return with_own_code(copy)


def test_unrelated_history_is_joined_and_updated(committed_copy, release):
    old = committed_copy.head()
    said = committed_copy.updated("--upstream", str(release.folder), "--merge-only")
    assert "0.1.0 to 0.2.0" in said
    assert f"git reset --hard {old}" in said
    assert committed_copy.read("myapi/web.py") == "ApiError = ValueError\n"
    assert (committed_copy.folder / "app/tests/test_notes.py").exists()
    release.release("0.3.0")
    assert "0.2.0 to 0.3.0" in committed_copy.updated("--merge-only")


def test_unrelated_history_is_as_before_after_a_conflict(committed_copy, release):
    committed_copy.commit(**{"myapi/web.py": "the team's\n"})
    upstream = str(release.folder)
    assert "myapi/web.py" in committed_copy.refused("--upstream", upstream)
    assert "conflicts" in committed_copy.refused("--upstream", upstream, "--anyway")


def test_unrelated_history_with_the_newest_version_has_nothing_to_do(committed_copy, upstream):
    assert "Nothing to do" in committed_copy.updated("--upstream", str(upstream.folder))


def test_unrelated_history_of_an_unknown_version_is_refused(committed_copy, release):
    committed_copy.commit(**{"pyproject.toml": 'version = "0.1.7"\n'})
    assert committed_copy.refused("--upstream", str(release.folder)) == (
        "This history has no commit of upstream's, and pyproject.toml has the version 0.1.7, "
        "which is not one of the releases: 0.1.0, 0.2.0\n"
    )
    committed_copy.commit(**{"pyproject.toml": "[project]\n"})
    said = committed_copy.refused("--upstream", str(release.folder))
    assert said == 'pyproject.toml of HEAD has no version = "X.Y.Z".\n'


def test_lost_executable_bit_is_no_change(committed_copy, release):
    assert committed_copy.git("ls-files", "--stage", "deploy/myapi").startswith("100644")
    committed_copy.updated("--upstream", str(release.folder), "--merge-only")


def test_repository_without_a_commit_is_refused(copy, release):
    copy.git("init", "--quiet")
    done = copy.update("--upstream", str(release.folder))
    assert done.stdout == "Nothing is committed yet. Run: git add --all, then git commit\n"
    assert done.returncode == 1


def test_folder_inside_another_repository_is_refused(copy, release, tmp_path, monkeypatch):
    monkeypatch.delenv("GIT_CEILING_DIRECTORIES")
    Repository(tmp_path).git("init", "--quiet")
    assert copy.refused("--upstream", str(release.folder)) == (
        f"This folder is part of the repository {tmp_path}. A release can only be merged into "
        "a repository of its own.\n"
    )


def test_shallow_clone_is_updated(upstream, tmp_path):
    url = upstream.folder.as_uri()
    upstream.git("clone", "--quiet", "--depth", "1", url, str(tmp_path / "team"))
    team = with_own_code(Team(tmp_path / "team"))
    upstream.release("0.2.0", **{"myapi/web.py": "ApiError = ValueError\n"})
    team.updated("--upstream", "origin", "--merge-only")
    assert team.version() == "0.2.0"


def test_shallow_clone_of_the_teams_own_repository_is_completed(team, release, tmp_path):
    url = team.folder.as_uri()
    team.git("clone", "--quiet", "--depth", "1", url, str(tmp_path / "shallow"))
    shallow = Team(tmp_path / "shallow")
    shallow.updated("--upstream", str(release.folder), "--merge-only")
    assert shallow.version() == "0.2.0"
    assert shallow.git("rev-parse", "--is-shallow-repository") == "false"


def test_shallow_clone_whose_rest_is_out_of_reach_is_refused(team, release, tmp_path):
    team.git("clone", "--quiet", "--depth", "1", team.folder.as_uri(), str(tmp_path / "shallow"))
    shallow = Team(tmp_path / "shallow")
    shallow.git("remote", "remove", "origin")
    said = shallow.refused("--upstream", str(release.folder))
    assert said == "This clone is shallow. Fetch the rest: git fetch --unshallow REMOTE\n"


# ---- the steps after the merge ----


@pytest.mark.parametrize(
    ("failing", "done", "left"),
    [
        ("tools", 0, 3),
        ("python", 1, 2),
        ("test-app", 2, 1),
    ],
)
def test_failed_step_is_named_with_what_is_left_and_the_way_back(
    team, release, failing, done, left
):
    old = team.head()
    ended = team.update("--upstream", "origin", environ={"FAIL": failing})
    assert ended.returncode == 1
    commands = [
        "make --no-print-directory runtime tools",
        ".venv/bin/python -m flask db upgrade",
        "make --no-print-directory test-app",
    ]
    told = ended.stdout.partition("The release is merged, but ")[2].splitlines()
    assert told == [
        f"{commands[done]} failed. When that is repaired, run:",
        *(f"  {command}" for command in commands[-left:]),
        "The way back:",
        f"  git reset --hard {old}",
    ]


def test_program_that_is_missing_is_a_failed_step(team, release):
    (team.folder / ".venv/bin/python").unlink()
    ended = team.update("--upstream", "origin")
    assert ended.returncode == 1
    assert ".venv/bin/python -m flask db upgrade failed" in ended.stdout
    assert "Traceback" not in ended.stdout


def test_team_without_tests_is_told(team, release):
    team.git("rm", "--quiet", "-r", "app/tests")
    team.commit()
    said = team.updated("--upstream", "origin")
    assert "app/tests does not exist" in said
    assert "make test-app" not in team.steps()


def test_windows_runs_all_steps_without_make(tmp_path, monkeypatch):
    (tmp_path / "app/tests").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert [" ".join(command) for command in update.steps(windows=True)] == [
        "py dev.py tools",
        r".venv\Scripts\python -m flask db upgrade",
        r".venv\Scripts\python -m pytest app/tests",
    ]


# ---- what is told, and what must not run ----


def test_changelog_headings_between_the_versions_are_told(team, release):
    said = team.updated("--upstream", "origin", "--merge-only")
    assert "myapi 0.1.0 to 0.2.0\n  0.2.0\n    Added\n    Removed\nMerged" in said


def test_removed_names_that_the_team_imports_are_told(team, release):
    team.commit(
        **{
            "app/notes.py": "from myapi.extend import (\n    ApiError,\n    old_name as o,\n)\n",
            "app/broken.py": "def (",
            "app/other.py": "from elsewhere import old_name\nfrom myapi.extend import *\n",
        }
    )
    said = team.updated("--upstream", "origin", "--dry-run")
    told = [line for line in said.splitlines() if "myapi.extend" in line]
    assert told == ["app/notes.py:1 uses old_name, which myapi.extend no longer has"]


def test_nothing_is_told_of_a_release_without_promised_names(team, release):
    release.release("0.2.1", **{"myapi/extend.py": "def ("})
    team.commit(**{"app/notes.py": "from myapi.extend import ApiError\n"})
    assert "myapi.extend" not in team.updated("--upstream", "origin", "--dry-run")


def test_hook_that_the_release_brings_does_not_run_before_the_merge_is_done(team, release):
    hooks = ("pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-checkout")
    for name in hooks:
        release.write(f".hooks/{name}", "#!/bin/sh\ntouch ../ran ran\n")
        (release.folder / ".hooks" / name).chmod(0o755)
    release.release("0.2.1")
    team.git("config", "core.hooksPath", ".hooks")
    team.updated("--upstream", "origin", "--merge-only")
    assert (team.folder / ".hooks/commit-msg").exists()
    assert not (team.folder / "ran").exists()


def test_control_characters_of_a_fetched_text_are_not_printed(team, release):
    release.release("0.2.1", **{"CHANGELOG.md": "## 0.2.1 \x1b[2J red\n"})
    said = team.updated("--upstream", "origin", "--dry-run")
    assert "\x1b" not in said
    assert "  0.2.1 ?[2J red" in said


def test_script_imports_the_standard_library_alone():
    code = "import sys, update; print({*sys.modules} & {'myapi', 'app', 'flask'})"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_every_option_is_in_the_guide():
    guide = (ROOT / "docs/guides/updating.md").read_text(encoding="utf-8")
    said = subprocess.run(
        [sys.executable, ROOT / "update.py", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = set(re.findall(r"--[a-z-]+", said)) - {"--help"}
    assert options <= set(re.findall(r"--[a-z-]+", guide))
