"""What `flask wechat sandbox` does."""

import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from myapi.settings import ROOT
from myapi.wechat.sandbox import SandboxServer
from tests.cli.conftest import command, environment

LOGIN = {"appid": "wx1", "secret": "s", "js_code": "alice", "grant_type": "authorization_code"}


@pytest.fixture
def visit(monkeypatch):
    """Let the server serve for as long as one login takes, and then be interrupted."""

    def serve_and_ask(server):
        server.start()
        server.answer = requests.get(f"{server.url}/sns/jscode2session", params=LOGIN, timeout=5)
        served.append(server)
        raise KeyboardInterrupt

    served = []
    monkeypatch.setattr(SandboxServer, "serve_forever", serve_and_ask)
    monkeypatch.setattr(SandboxServer, "start", start_in_thread)
    return served


def start_in_thread(server, _serve=SandboxServer.serve_forever):
    import threading

    threading.Thread(target=_serve, args=(server,), daemon=True).start()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestSandbox:
    def test_it_prints_its_url_and_answers_as_wechat_does(self, run, visit, wechat, tmp_path):
        result = run("wechat", "sandbox", "--port", "0")
        (server,) = visit
        assert f"WeChat sandbox on {server.url} " in result.stdout
        assert server.answer.json()["openid"] == wechat.sandbox.openid("alice", "wx1")

    def test_its_state_is_that_of_the_service(self, run, visit, wechat):
        run("wechat", "sandbox", "--port", "0")
        assert wechat.sandbox.encrypt("alice", {"nickName": "A"})["encryptedData"]

    def test_latency_is_added_to_a_login(self, run, visit):
        run("wechat", "sandbox", "--port", "0", "--latency", "150")
        (server,) = visit
        assert server.answer.elapsed.total_seconds() >= 0.15

    def test_a_port_in_use_is_one_clear_line(self, run, wechat):
        port = wechat.url.rpartition(":")[2]
        result = run("wechat", "sandbox", "--port", port, code=1)
        assert result.stdout == ""
        assert result.stderr == (
            f"Error: 127.0.0.1, port {port}: something else listens there, choose another --port\n"
        )

    def test_a_host_that_is_not_ours_is_one_clear_line(self, run):
        result = run("wechat", "sandbox", "--port", "0", "--host", "192.0.2.1", code=1)
        assert result.stderr.startswith("Error: 192.0.2.1, port 0: ")
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize("option", ["--port=65536", "--port=x", "--latency=-1"])
    def test_a_number_out_of_bounds_is_a_usage_error(self, run, option):
        run("wechat", "sandbox", option, code=2)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_it_quietly_though_the_settings_are_wrong():
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
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", int(url[17:])), 1):
        time.sleep(0)
