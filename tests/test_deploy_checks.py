"""What `deploy/myapi` looks at before it acts: the machine, the name, the user's certificate."""

import ipaddress
import subprocess
import sys
import zipfile

import pytest

from deploy.lib import certificate, firewall, preflight, releases
from myapi.settings import ROOT
from tests.certificates import Issued

NAME = "api.example.com"
LISTENING = """\
LISTEN 0 128 0.0.0.0:2222 0.0.0.0:* users:(("sshd",pid=1,fd=3))
LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=2,fd=6))
LISTEN 0 511 [::]:443 [::]:* users:(("apache2",pid=3,fd=4))
"""


@pytest.mark.parametrize(
    ("name", "version", "welcome"),
    [
        ("debian", "12", True),
        ("ubuntu", "22.04", True),
        ("ubuntu", "24.04", True),
        ("debian", "11", False),
        ("centos", "7", False),
        ("alinux", "3", False),
    ],
)
def test_only_known_systems_are_taken(name, version, welcome):
    found = {"ID": name, "VERSION_ID": version, "PRETTY_NAME": f"{name} {version}"}
    problems = list(preflight.system(found))
    assert (problems == []) == welcome
    assert welcome or f"{name} {version}" in problems[0]


def test_too_little_memory_or_disk_or_a_wrong_clock_is_refused():
    assert len(list(preflight.resources(512 << 20, 1 << 30, 0))) == 3
    assert list(preflight.resources(2 << 30, 20 << 30, 1_800_000_000)) == []


def test_a_port_that_another_program_has_is_named():
    (problem,) = preflight.ports(LISTENING)
    assert "port 443 belongs to apache2" in problem


def test_ssh_is_found_on_its_true_port():
    assert firewall.ssh_ports(LISTENING) == ["2222"]
    assert firewall.ssh_ports("") == ["22"]


@pytest.mark.parametrize(
    ("resolved", "own", "wrong", "unsure"),
    [
        ([], ["203.0.113.9"], "has no address", ""),
        (["8.8.8.8"], ["8.8.8.8"], "", ""),
        (["8.8.8.8"], ["9.9.9.9"], "the A record", ""),
        (["8.8.8.8"], ["10.0.0.5"], "", "behind NAT"),
        (["8.8.8.8", "2400::1"], ["8.8.8.8"], "the AAAA record", ""),
        (["8.8.8.8", "2400::1"], ["8.8.8.8", "2400::1"], "", ""),
    ],
)
def test_the_name_has_to_lead_here(resolved, own, wrong, unsure):
    def parsed(texts):
        return {ipaddress.ip_address(text) for text in texts}

    problems, notes = preflight.dns(NAME, parsed(resolved), parsed(own))
    assert (wrong in "".join(problems), bool(problems)) == (True, bool(wrong))
    assert (unsure in "".join(notes), bool(notes)) == (True, bool(unsure))


# ---- the user's own certificate ----


@pytest.fixture(scope="module")
def authority():
    return Issued("Test Root", ca=True)


@pytest.fixture(scope="module")
def middle(authority):
    return Issued("Test Intermediate", authority, ca=True)


def test_a_whole_chain_is_taken(authority, middle):
    leaf = Issued(NAME, middle)
    chain = leaf.pem + middle.pem + authority.pem
    assert certificate.wrong_with(chain, leaf.key_pem, NAME) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("no chain", "the chain is incomplete"),
        ("wrong order", "is not followed by its issuer"),
        ("other key", "the key does not belong"),
        ("expired", "has expired"),
        ("other name", f"is not for {NAME}"),
        ("self-signed", "is self-signed"),
        ("nothing", "no PEM certificate"),
        ("no key", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(authority, middle, given, said):
    name = "www.example.com" if given == "other name" else NAME
    span = {"starts": -9, "ends": -1} if given == "expired" else {}
    leaf = Issued(name, None if given == "self-signed" else middle, **span)
    key = {"other key": middle.key_pem, "no key": b"none"}.get(given, leaf.key_pem)
    chain = {
        "no chain": leaf.pem,
        "wrong order": leaf.pem + authority.pem + middle.pem,
        "self-signed": leaf.pem,
        "nothing": b"",
    }.get(given, leaf.pem + middle.pem + authority.pem)
    assert said in certificate.wrong_with(chain, key, NAME)


def test_a_zip_of_the_clouds_console_is_taken_as_it_comes(tmp_path, authority, middle):
    leaf = Issued(NAME, middle)
    with zipfile.ZipFile(tmp_path / "cert.zip", "w") as archive:
        archive.writestr(f"123_{NAME}_nginx/{NAME}.pem", leaf.pem + middle.pem)
        archive.writestr(f"123_{NAME}_nginx/{NAME}.key", leaf.key_pem)
    found = certificate.read(tmp_path / "cert.zip", None)
    assert found == (leaf.pem + middle.pem, leaf.key_pem)


# ---- the command itself ----


def test_the_digest_follows_the_code_and_nothing_else(tmp_path):
    for name in releases.PARTS:
        if "." in name:
            (tmp_path / name).write_text("x")
        else:
            (tmp_path / name / "__pycache__").mkdir(parents=True)
            (tmp_path / name / "a.py").write_text("x")
    before = releases.digest(tmp_path)
    (tmp_path / "myapi/__pycache__/a.pyc").write_text("y")
    (tmp_path / ".env").write_text("y")
    assert releases.digest(tmp_path) == before
    (tmp_path / "myapi/a.py").write_text("y")
    assert releases.digest(tmp_path) != before


@pytest.mark.parametrize("command", ["up", "release", "rollback", "restore", "uninstall"])
def test_each_command_explains_itself_and_can_be_run_dry(command):
    said = subprocess.run(
        [sys.executable, ROOT / "deploy/myapi", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--dry-run" in said.stdout
