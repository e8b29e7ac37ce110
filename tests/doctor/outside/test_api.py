"""Whether it is the API that answers."""

from doctor import Server
from tests.doctor.example import failing, nginx
from tests.servers import HOST, BlackHole, free_port
from tests.tls import Peer, answering


def test_stopped_app_fails(installed, look):
    service, front = installed()
    service.stop()
    results = look(front.port, front.plain)
    assert failing(results) == {"gateway"}
    assert results["gateway"].evidence.en.startswith("HTTP 502, text/html")
    on_server = look(front.port, front.plain, server=Server(bind=f"{HOST}:{service.port}"))
    assert {"gateway", "app"} <= failing(on_server)
    assert on_server["gateway"].evidence.en.endswith("the app itself does not answer either")


def test_wrong_proxy_pass_fails_with_its_own_fix(serve, pair, look):
    service = serve()
    wrong = f"location / {{ proxy_pass http://{HOST}:{free_port()}; }}"
    with nginx(pair, wrong) as front:
        only = ["gateway", "app"]
        results = look(front.port, server=Server(bind=f"{HOST}:{service.port}"), only=only)
    assert failing(results) == {"gateway"}
    assert results["gateway"].evidence.en.endswith("the app answers at its own socket")
    assert "proxy_pass" in results["gateway"].fix.en


def test_hanging_app_is_a_504(look, pair):
    with BlackHole() as hole:
        inside = f"location / {{ proxy_pass {hole.url}; proxy_read_timeout 1s; }}"
        with nginx(pair, inside) as front:
            results = look(front.port, only=["gateway"])
    assert results["gateway"].evidence.en.startswith("HTTP 504")


def test_lost_prefix_fails(installed, look):
    _, front = installed(slash="/")
    results = look(front.port, front.plain)
    assert failing(results) == {"route"}
    assert "the prefix /api was lost" in results["route"].evidence.en


def test_route_unknown_to_nginx_fails(look, pair):
    with nginx(pair, "root /nowhere;") as front:
        results = look(front.port, only=["route", "gateway", "redirect", "body_limit"])
    assert failing(results) == {"route"}
    assert results["route"].evidence.en.startswith("HTTP 404, text/html: <html>")


def test_another_site_fails(look, pair):
    with Peer(
        answering(body=b"<h1>Welcome to nginx!</h1>", content_type="text/html"), pair
    ) as peer:
        results = look(peer)
    assert failing(results) == {"route"}
    assert results["route"].evidence.en.endswith("another site answers")


def test_redirect_to_another_host_fails(look, pair):
    with nginx(pair, "return 301 https://www.example.com$request_uri;") as front:
        results = look(front.port)
    assert failing(results) == {"redirect"}
    assert results["redirect"].evidence.en == "HTTP 301 to https://www.example.com/api/hello"
    assert "600008" in results["redirect"].symptom.en
