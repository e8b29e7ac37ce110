"""The app at its own socket."""

import socket

from doctor import Server
from tests.doctor.example import here
from tests.servers import HOST, free_port
from tests.tls import Peer, answering


def test_app_is_asked_at_its_socket(tmp_path):
    with Peer(answering()) as peer:
        assert here("app", Server(bind=f"{HOST}:{peer.port}")).status == "ok"
        assert here("app", Server(bind=f"0.0.0.0:{peer.port}")).status == "ok"
    assert here("app", Server(bind=f"{HOST}:{free_port()}")).status == "fail"
    with Peer(answering("503 Service Unavailable", b"{}")) as peer:
        assert here("app", Server(bind=f"{HOST}:{peer.port}")).status == "fail"
    assert here("app", Server()).status == "skip"
    assert here("app", Server(bind="nonsense")).status == "fail"


def test_app_is_asked_at_its_unix_socket(serve, tmp_path):
    path = tmp_path / "app.sock"
    missing = here("app", Server(bind=f"unix:{path}"))
    assert (missing.status, "No such file" in missing.evidence.en) == ("fail", True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        import threading

        def answer():
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    answering()(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        assert here("app", Server(bind=f"unix:{path}")).status == "ok"
        thread.join()
