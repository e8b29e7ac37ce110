"""What `flask wechat sandbox`, `token` and `call` do."""

import json
import re
import signal
import socket
import subprocess
import sys

import pytest
import requests

from myapi.extensions import wechat as client_of_app
from myapi.settings import ROOT
from myapi.wechat.sandbox import SandboxServer
from myapi.wechat.transport import Transport
from tests.cli.conftest import command, environment

LOGIN = {"appid": "wx1", "secret": "s", "js_code": "alice", "grant_type": "authorization_code"}


@pytest.fixture
def served(monkeypatch):
    """Make the command serve one login and then get Ctrl-C; return the servers that ran."""

    def serve_one_login(server):
        server.start()
        server.answer = requests.get(f"{server.url}/sns/jscode2session", params=LOGIN, timeout=5)
        served.append(server)
        raise KeyboardInterrupt

    served = []
    monkeypatch.setattr(SandboxServer, "serve_forever", serve_one_login)
    monkeypatch.setattr(SandboxServer, "start", start_in_thread)
    return served


def start_in_thread(server, _serve=SandboxServer.serve_forever):
    import threading

    threading.Thread(target=_serve, args=(server,), daemon=True).start()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestSandbox:
    def test_sandbox_prints_its_url_and_answers_like_wechat(self, run, served, wechat, tmp_path):
        result = run("wechat", "sandbox", "--port", "0")
        (server,) = served
        assert f"WeChat sandbox on {server.url} " in result.stdout
        assert server.answer.json()["openid"] == wechat.sandbox.openid("alice", "wx1")

    def test_sandbox_shares_its_state_with_the_service(self, run, served, wechat):
        run("wechat", "sandbox", "--port", "0")
        assert wechat.sandbox.encrypt("alice", {"nickName": "A"})["encryptedData"]

    def test_latency_is_added_to_each_login(self, run, served):
        run("wechat", "sandbox", "--port", "0", "--latency", "150")
        (server,) = served
        assert server.answer.elapsed.total_seconds() >= 0.15

    def test_port_in_use_is_one_error_line(self, run, wechat):
        port = wechat.url.rpartition(":")[2]
        result = run("wechat", "sandbox", "--port", port, code=1)
        assert result.stdout == ""
        assert result.stderr == (
            f"Error: 127.0.0.1, port {port}: the port is in use, choose another --port\n"
        )

    def test_foreign_host_is_one_error_line(self, run):
        result = run("wechat", "sandbox", "--port", "0", "--host", "192.0.2.1", code=1)
        assert result.stderr.startswith("Error: 192.0.2.1, port 0: ")
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize("option", ["--port=65536", "--port=x", "--latency=-1"])
    def test_number_out_of_range_is_a_usage_error(self, run, option):
        run("wechat", "sandbox", option, code=2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_ctrl_c_stops_the_sandbox_quietly_even_with_invalid_settings():
    process = subprocess.Popen(
        command("wechat", "sandbox", "--port", "0"),
        cwd=ROOT,
        env=environment(env="production"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            url = re.search(r"http://127\.0\.0\.1:[0-9]+", process.stdout.readline())[0]
            assert requests.get(f"{url}/", timeout=5).status_code == 404
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=10) == ("", "")
        finally:
            process.kill()
    assert process.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url[17:])), 1)


PHONE = "/wxa/business/getuserphonenumber"


def state(run):
    return json.loads(run("wechat", "token", "--json").stdout)


class TestToken:
    def test_token_shows_age_and_state_and_fetches_none(self, run, wechat):
        assert state(run)["state"] == "none"
        run("wechat", "call", PHONE, "--json", '{"code": "a"}')
        shown = state(run)
        assert shown["state"] == "valid"
        assert shown["fetched_at"] < shown["expires_at"]
        assert shown["forced_renewals"] == 0
        assert wechat.sandbox.calls()["/cgi-bin/stable_token"] == 1

    def test_token_is_never_shown(self, run, app):
        run("wechat", "call", PHONE, "--json", '{"code": "a"}')
        with app.app_context():
            token = app.extensions["token_store"].load()[0].token
        assert token
        assert token not in run("wechat", "token").output + run("wechat", "token", "--json").output

    def test_token_that_wechat_refuses_is_refused_until_there_is_another(self, run, wechat):
        run("wechat", "call", PHONE, "--json", '{"code": "a"}')
        for _ in range(2):  # the second finds that another forced renewal is too early
            wechat.sandbox.set_fault(40001, 2)
            run("wechat", "call", PHONE, "--json", '{"code": "b"}', code=1)
        shown = state(run)
        assert shown["state"] == "refused"
        assert shown["forced_renewals"] == 1
        assert shown["next_forced_renewal_at"] > shown["fetched_at"]


class TestCall:
    def test_call_prints_the_answer_with_personal_data_masked(self, run):
        printed = run("wechat", "call", PHONE, "--json", '{"code": "phone-13912345678"}').stdout
        answer = json.loads(printed)
        assert answer["errmsg"] == "ok"
        assert answer["phone_info"]["purePhoneNumber"] == "***"
        assert answer["phone_info"]["watermark"]["appid"] == "wxsandbox000000000"
        assert "13912345678" not in printed

    def test_lists_of_personal_data_are_masked(self, run, app, monkeypatch):
        answer = {"total": 2, "data": {"openid": ["o-one", "o-two"]}, "openids": [{"id": "o-3"}]}
        with app.app_context():
            monkeypatch.setattr(type(client_of_app()), "call", lambda *_, **__: answer)
        printed = json.loads(run("wechat", "call", "/cgi-bin/user/get").stdout)
        assert printed == {
            "total": 2,
            "data": {"openid": ["***", "***"]},
            "openids": [{"id": "o-3"}],
        }

    def test_errmsg_that_repeats_the_request_is_masked(self, run, caplog, monkeypatch):
        run("wechat", "call", PHONE, "--json", '{"code": "a"}')  # fetches the access_token
        refusal = b'{"errcode": 40003, "errmsg": "invalid openid o-is-secret of this app"}'
        monkeypatch.setattr(Transport, "exchange", lambda *_, **__: refusal)
        for name in ("openid", "touser", "code"):
            body = json.dumps({name: "o-is-secret"})
            printed = run("wechat", "call", "/wxa/x", "--json", body, code=1).output
            assert "invalid openid *** of this app" in printed
            assert "o-is-secret" not in printed + caplog.text

    def test_call_without_json_is_a_get_with_its_query(self, run, wechat):
        result = run("wechat", "call", PHONE, "--query", "a=b", code=1)
        assert "43002" in result.output

    def test_failed_call_names_error_and_errcode(self, run):
        result = run("wechat", "call", PHONE, "--json", '{"code": "phone-used"}', code=1)
        assert "(errcode 40029)" in result.output

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    @pytest.mark.parametrize(
        "arguments",
        [
            ["cgi-bin/x"],
            ["https://example.com/x"],
            ["/x?access_token=1"],
            ["/x", "--json", "{"],
            ["/x", "--json", "[]"],
            ["/x", "--query", "a"],
        ],
    )
    def test_wrong_arguments_are_a_usage_error(self, run, arguments):
        run("wechat", "call", *arguments, code=2)
