"""What a release needs around it: Nginx's file, units and timers, and what `up` was told."""

import argparse
import os
import subprocess

import pytest

from deploy.lib import (
    certificate,
    commands,
    paths,
    remembered,
    settings,
    site,
    sockets,
    state,
    units,
)
from deploy.lib.machine import DeployError, Machine
from deploy.lib.site import LiveSite

LIVE = "/etc/letsencrypt/live/api.example.com"
NGINX_FILE = f"""\
server {{
    listen 80;
    server_name api.example.com;
    set_real_ip_from 10.9.0.0/16;
    set_real_ip_from 10.8.0.0/16;
}}
server {{
    server_name api.example.com;
    set_real_ip_from 10.9.0.0/16;
    set_real_ip_from 10.8.0.0/16;
    ssl_certificate {LIVE}/fullchain.pem;
    ssl_certificate_key {LIVE}/privkey.pem;
}}
server {{
    server_name _;
}}
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server's folders, on which commands succeed; `server.commands` has those that ran."""
    for name in ("ETC", "RELEASES", "UNITS", "TLS", "LIVE"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
        (tmp_path / name.lower()).mkdir()
    monkeypatch.setattr(paths, "STATE", paths.ETC / "installed.json")
    monkeypatch.setattr(paths, "ENV", paths.ETC / "env")
    monkeypatch.setattr(paths, "WRAPPER", tmp_path / "myapi")
    monkeypatch.setattr(site, "config_file", lambda: tmp_path / "zz-myapi.conf")
    monkeypatch.setattr("deploy.lib.machine._ids", lambda _owner: (os.getuid(), os.getgid()))
    ran = []

    def capture(*command, **_):
        ran.append(" ".join(command))
        told = "nginx version: nginx/1.22.1" if command == ("nginx", "-v") else ""
        is_off = command[1:2] in (("is-enabled",), ("is-active",))
        return subprocess.CompletedProcess(command, int(is_off), "", told)

    for module in ("machine", "units", "site", "settings", "commands", "certificate"):
        monkeypatch.setattr(f"deploy.lib.{module}.capture", capture, raising=False)
    monkeypatch.setattr(Machine, "commands", ran, raising=False)
    return Machine()


def release(name, *unit_names):
    """Make a release with these units; return its folder deploy/systemd."""
    folder = paths.RELEASES / name / "deploy/systemd"
    folder.mkdir(parents=True)
    (folder / "hardening.conf").write_text("[Service]\n")
    for each in unit_names:
        (folder / each).write_text(f"# {each} of {name}\n")
    return folder


def options(**given):
    empty = {"domain": None, "email": None, "cert": None, "acme_server": None}
    return argparse.Namespace(**{**empty, "behind": [], "ssh_from": [], **given})


def present():
    return {str(f.relative_to(paths.UNITS)) for f in paths.UNITS.rglob("*") if f.is_file()}


# ---- units and timers ----


def test_units_of_the_former_release_are_written_and_those_of_the_later_one_removed(server):
    former = release("1", "myapi.service", "myapi-purge.timer", "myapi-purge.service")
    later = release("2", "myapi.service", "myapi-jobs.timer", "myapi-jobs.service")
    units.install(server, later, None)
    units.finish(server, later, None)
    (paths.UNITS / "myapi-other.timer").write_text("of the operator")
    server.commands.clear()
    units.install(server, former, None)
    units.finish(server, former, None)
    assert present() == {
        *("myapi.service", "myapi.service.d/hardening.conf", "myapi-other.timer"),
        *("myapi-purge.timer", "myapi-purge.service", "myapi-purge.service.d/hardening.conf"),
    }
    assert (paths.UNITS / "myapi.service").read_text() == "# myapi.service of 1\n"
    assert "systemctl disable --now myapi-jobs.timer" in server.commands
    assert "systemctl enable myapi-purge.timer" in server.commands


def test_timer_that_the_operator_disabled_stays_disabled(server):
    folder = release("1", "myapi-backup.timer")
    units.install(server, folder, None)
    units.finish(server, folder, None)
    server.commands.clear()
    later = release("2", "myapi-backup.timer", "myapi-jobs.timer")
    units.install(server, later, None)
    units.finish(server, later, None)
    assert "systemctl enable myapi-jobs.timer" in server.commands
    assert "systemctl enable myapi-backup.timer" not in server.commands


def test_timers_of_a_release_that_kept_no_record_are_not_new(server):
    folder = release("1", "myapi-backup.timer")
    (paths.UNITS / "myapi-backup.timer").write_text("as the former release wrote it")
    units.install(server, folder, None)
    units.finish(server, folder, None)
    assert "systemctl enable myapi-backup.timer" not in server.commands


def test_new_timer_is_enabled_after_a_run_that_was_killed_before(server):
    folder = release("1", "myapi-jobs.timer")
    units.install(server, folder, None)  # and then killed
    units.install(server, folder, None)
    units.finish(server, folder, None)
    assert "systemctl enable myapi-jobs.timer" in server.commands


def test_doctor_is_told_the_site_and_the_command_is_there_for_a_release_without_templates(server):
    folder = release("1", "myapi-doctor.service")
    units.install(server, folder, LiveSite("api.example.com", paths.TLS))
    drop_in = (paths.UNITS / "myapi-doctor.service.d/site.conf").read_text()
    assert f"LoadCredential=chain.pem:{paths.TLS}/fullchain.pem" in drop_in
    assert "https://api.example.com --cert" in drop_in
    assert "exec systemd-run" in paths.WRAPPER.read_text()


# ---- a socket with another unit ----


@pytest.fixture
def running(server, monkeypatch):
    """The sockets that run: the id of each one's start by its name."""
    starts = {"myapi.socket": "1"}

    def capture(*command, **_):
        start = starts.get(command[-1])
        is_off = command[1] == "is-active" and start is None
        return subprocess.CompletedProcess(command, 3 if is_off else 0, f"{start}\n", "")

    monkeypatch.setattr(sockets, "capture", capture)
    return starts


def go_live(server, folder):
    """Write the units of a release as `up`, `release` and `rollback` do; return their notes."""
    units.install(server, folder, None)
    units.finish(server, folder, None)
    return list(sockets.notes())


def test_changed_socket_is_told_with_what_to_run_until_it_is_restarted(server, running):
    former, later = release("1", "myapi.socket"), release("2", "myapi.socket")
    running.clear()
    assert go_live(server, former) == []
    running["myapi.socket"] = "1"  # started by the first `up`
    assert go_live(server, former) == []
    [note] = go_live(server, later)
    assert "`sudo systemctl restart myapi.socket`" in note
    assert go_live(server, later) == [note]
    running["myapi.socket"] = "2"
    assert go_live(server, later) == []


def test_socket_that_a_rollback_brings_back_is_told_only_if_it_was_restarted(server, running):
    former, later = release("1", "myapi.socket"), release("2", "myapi.socket")
    go_live(server, former)
    assert go_live(server, later) != []
    assert go_live(server, former) == []  # the one that still runs
    go_live(server, later)
    running["myapi.socket"] = "2"
    assert go_live(server, former) != []


def test_changed_socket_is_told_after_a_run_that_was_killed(server, running):
    go_live(server, release("1", "myapi.socket"))
    later = release("2", "myapi.socket")
    units.install(server, later, None)  # and then killed
    assert go_live(server, later) != []


def test_changed_socket_that_does_not_run_is_not_told(server, running):
    go_live(server, release("1", "myapi.socket"))
    running.clear()
    assert go_live(server, release("2", "myapi.socket")) == []


def test_rollback_tells_of_a_changed_socket(server, running, monkeypatch, capsys):
    former, later = release("1", "myapi.socket"), release("2", "myapi.socket")
    for folder in (former, later):
        go_live(server, folder)
    running["myapi.socket"] = "2"
    monkeypatch.setattr(commands, "_require_installation", lambda: None)
    monkeypatch.setattr(paths, "PREVIOUS", former.parent.parent)
    monkeypatch.setattr(
        "deploy.lib.releases.go_live", lambda machine, _release: go_live(machine, former)
    )
    commands.rollback(server, options())
    assert "note: myapi.socket has changed" in capsys.readouterr().out.splitlines()[-1]


# ---- what `up` was told ----


def test_site_of_a_former_release_is_read_from_the_file_of_nginx(server):
    site.config_file().write_text(NGINX_FILE)
    assert site.live_site() == LiveSite(
        "api.example.com", paths.Path(LIVE), ("10.9.0.0/16", "10.8.0.0/16")
    )


def test_server_without_https_has_no_site(server):
    assert site.live_site() is None
    site.config_file().write_text(NGINX_FILE.partition("ssl_certificate")[0])
    assert site.live_site() is None


def test_options_are_remembered_until_they_are_given_again(server):
    told = LiveSite("api.example.com", paths.TLS, ("10.0.0.0/8",))
    (paths.TLS / "fullchain.pem").write_text("chain")
    site.install_live(server, told)
    state.record(server, ssh_from=["198.51.100.7"], acme_server="https://ca.example.com")

    again = options()
    remembered.fill_in(again)
    assert (again.domain, again.behind) == ("api.example.com", ["10.0.0.0/8"])
    assert (again.ssh_from, again.acme_server) == (["198.51.100.7"], "https://ca.example.com")
    assert remembered.own_certificate(again)

    other = options(behind=["none"], ssh_from=["203.0.113.9"], email="me@example.com")
    remembered.fill_in(other)
    assert (other.behind, other.ssh_from) == ([], ["203.0.113.9"])
    assert not remembered.own_certificate(other)


def test_public_url_is_added_once_and_never_overwritten(server):
    paths.ENV.write_text("MYAPI_ENV=production")
    assert settings.ensure_public_url(server, "api.example.com") is None
    assert paths.ENV.read_text() == (
        "MYAPI_ENV=production\nMYAPI_PUBLIC_URL=https://api.example.com\n"
    )
    before = server.changes
    assert settings.ensure_public_url(server, "api.example.com") is None
    assert "is not https://other.example.com" in settings.ensure_public_url(
        server, "other.example.com"
    )
    assert server.changes == before


# ---- another certificate ----


@pytest.mark.parametrize("domain", ["api.example.com", "new.example.com"])
def test_https_stays_until_the_certificate_authority_has_agreed(server, monkeypatch, domain):
    live = LiveSite("api.example.com", paths.TLS, ("10.0.0.0/8",))
    (paths.TLS / "fullchain.pem").write_text("chain")
    site.install_live(server, live)
    asked = []

    def refuse(*_):
        text = site.config_file().read_text()
        assert f"ssl_certificate {paths.TLS}/fullchain.pem;" in text
        assert f"server_name {domain};" in text
        assert text.count("location ^~ /.well-known/acme-challenge/") == 2 + (domain != live.domain)
        asked.append(domain)
        raise DeployError("the authority refuses")

    monkeypatch.setattr(certificate, "request", refuse)
    with pytest.raises(DeployError, match="the authority refuses"):
        commands._enable_https(server, options(email="me@example.com"), domain)
    assert asked == [domain]
    assert site.live_site() == live


# ---- the end of `up` ----


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [(0, 0, "no problems"), (1, 1, "exit code 1"), (2, 2, "exit code 2"), (78, 2, "exit code 2")],
)
def test_up_ends_with_what_the_doctor_found(server, monkeypatch, capsys, found, code, words):
    monkeypatch.setattr(commands, "_live_release", lambda: paths.RELEASES)
    monkeypatch.setattr("deploy.lib.doctor.run", lambda *_: found)
    assert commands._show_result(server, "api.example.com", paths.TLS) == code
    assert words in capsys.readouterr().out.splitlines()[-1]
