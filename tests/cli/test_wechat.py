"""What `flask wechat sandbox` does."""

import re
import signal
import socket
import subprocess
import sys

import pytest
import requests

from myapi.settings import ROOT
from myapi.wechat.sandbox import SandboxServer
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
