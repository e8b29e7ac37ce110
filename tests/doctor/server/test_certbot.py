"""Whether certbot renews the certificate."""

import pytest

from doctor import Server
from doctor.server import certbot
from tests.doctor.example import NAME, TIMERS, URL, here, systemctl


@pytest.mark.parametrize(
    ("run", "status", "evidence"),
    [
        (systemctl(TIMERS), "ok", "certbot.timer is on, no failed run is known"),
        (systemctl(""), "fail", "no timer runs certbot"),
        (systemctl(TIMERS, state="inactive"), "fail", "certbot.timer is off"),
        (
            systemctl(TIMERS, result="exit-code"),
            "fail",
            "the last run of certbot failed: exit-code",
        ),
    ],
)
def test_renewal_needs_a_running_timer(letsencrypt, run, status, evidence):
    found = here("renewal", Server(letsencrypt=letsencrypt, run=run), URL)
    assert (found.status, found.evidence.en) == (status, evidence)


def test_renewal_of_another_name_warns_and_no_certbot_is_skipped(letsencrypt, tmp_path):
    server = Server(letsencrypt=letsencrypt, run=systemctl(TIMERS))
    assert here("renewal", server, "https://other.example.com").status == "warn"
    (letsencrypt / "renewal" / f"{NAME}.conf").rename(letsencrypt / "renewal" / "old.conf")
    (letsencrypt / "live" / NAME).rename(letsencrypt / "live" / "old")
    assert here("renewal", server, URL).status == "ok"  # old is for this name as well
    assert here("renewal", Server(letsencrypt=tmp_path / "nothing"), URL).status == "skip"


def test_renewal_is_skipped_if_only_root_can_read_which_names_are_renewed(letsencrypt, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(certbot, "read_certificate", refuse)
    server = Server(letsencrypt=letsencrypt, run=systemctl(TIMERS))
    found = here("renewal", server, "https://other.example.com")
    assert (found.status, "only root can read" in found.evidence.en) == ("skip", True)
    assert here("renewal", server, URL).status == "ok"
    no_timer = Server(letsencrypt=letsencrypt, run=systemctl(""))
    assert here("renewal", no_timer, "https://other.example.com").status == "fail"


def test_renewal_is_skipped_without_systemd(letsencrypt):
    def run(*command):
        raise FileNotFoundError(2, "No such file or directory", command[0])

    found = here("renewal", Server(letsencrypt=letsencrypt, run=run), URL)
    assert (found.status, found.evidence.en) == ("skip", "systemctl: No such file or directory")
