"""Malformed requests are refused or closed, quickly and once, without effect on other clients."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service import wait_for
from tests.wire.cases import CHUNKED, FAMILIES, GET, HOST, POST, Case
from tests.wire.replies import TIMEOUT, ask

# Nginx and Gunicorn answer 501 to an unknown coding and 505 to an unknown version. 0 is a response
# without a status, as in HTTP/0.9. 429 would hide the real answer.
REFUSED = {0, *range(400, 500), 501, 505} - {429}


@pytest.mark.parametrize("family", FAMILIES)
def test_malformed_requests_are_refused_or_closed_quickly_and_once(place, family):
    before, workers = len(place.ids()), place.service.workers()
    cases = FAMILIES[family]
    replies = ask_all(place, cases)
    wrong = [(c.name, str(r)) for c, r in zip(cases, replies, strict=True) if not is_refused(c, r)]
    assert wrong == []
    assert no_smuggled_requests(place, before, replies)
    assert every_client_gets_its_own_response(place)
    assert place.service.workers() == workers
    assert error_lines(place.service) == []


def ask_all(place, cases):
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(lambda case: ask(place.connect, case), cases))


def is_refused(case, reply):
    return (
        set(reply.statuses) <= REFUSED
        and len(reply.answers) <= case.answers
        and (reply.answers or reply.closed)
        and not reply.rest
        and reply.seconds < TIMEOUT
        and all(ids_match(answer) for answer in reply.answers)
    )


def ids_match(answer):
    """Whether Nginx's head and the API's body belong to the same request."""
    return answer.body_request_id in {None, answer.request_id} or answer.status == 0


def no_smuggled_requests(place, before, replies):
    """Whether the service got only requests that were answered, or that Nginx passed on."""
    if place.front is None:
        seen = {answer.request_id for reply in replies for answer in reply.answers}
        unanswered = sum(not reply.answers for reply in replies)  # closed before a response
        return len(set(place.ids()[before:]) - seen) <= unanswered

    def nginx_passed_on_every_request():
        passed = [
            line["request_id"] for line in place.front.access_log() if line["upstream_status"]
        ]
        return not Counter(place.ids()) - Counter(passed)

    return wait_for(nginx_passed_on_every_request)


def every_client_gets_its_own_response(place):
    """Send valid requests over the connections that Nginx has kept open to Gunicorn."""
    honest = Case("honest", GET + b"Connection: close\r\n\r\n")
    replies = ask_all(place, [honest] * 40)
    return all(
        reply.statuses == (401,) and reply.answers[0].body_request_id == reply.answers[0].request_id
        for reply in replies
    )


def error_lines(service):
    """Return the log lines of crashes and bugs."""
    lines = service.events()
    return [line for line in lines if line["level"] in {"error", "critical"} or "trace" in line]


# ---- several requests in one packet ----

PATHS = {b"/api/hello": 200, b"/nowhere": 404, b"/api/me": 401, b"/healthz": 200, b"/readyz": 200}


def test_pipelined_requests_are_answered_once_and_in_order(place):
    paths = [*PATHS] * 8
    packet = [b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n\r\n" for path in paths]
    reply = ask(place.connect, Case("pipelined", b"".join(packet)))
    assert reply.statuses == tuple(PATHS[path] for path in paths)
    assert len({answer.request_id for answer in reply.answers}) == len(paths)
    assert all(ids_match(answer) for answer in reply.answers)


def test_next_request_begins_where_the_body_ends(place):
    body = b'{"code": "\xff"}'
    post = b"POST /api/auth/login HTTP/1.1\r\n" + HOST + b"\r\nContent-Type: application/json\r\n"
    sized = post + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    hello = b"GET /api/hello HTTP/1.1\r\n" + HOST + b"\r\n\r\n"
    reply = ask(place.connect, Case("bodies", (sized + hello) * 3 + (chunked + hello) * 3))
    if place.front:
        assert reply.statuses == (400, 200) * 6
    else:  # the worker closes after an unusual request
        assert reply.statuses == (*(400, 200) * 3, 400)
        assert reply.closed


def test_responses_do_not_depend_on_where_packets_are_split(place):
    """Each half of a packet arrives separately, as on a slow network."""
    body = b'{"code": 1}'
    length = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    expects = length.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n", 1)
    chunked = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    last = GET + b"Connection: close\r\n\r\n"
    packet = GET + b"\r\n" + length + chunked + expects + last
    with ThreadPoolExecutor(16) as threads:
        cuts = range(1, len(packet), 3)
        replies = list(threads.map(lambda at: ask_in_two(place.connect, packet, at), cuts))
    expected = (401, 400, 400, 400, 401)
    if place.front:
        assert {reply.statuses for reply in replies} == {expected}
    else:  # the worker closes after the first request that is unusual or split
        assert {reply.statuses for reply in replies} == {expected[:n] for n in (1, 2, 3)}
        assert all(reply.closed for reply in replies)
    assert all(ids_match(answer) for reply in replies for answer in reply.answers)


def ask_in_two(connect, packet, at):
    """Send the bytes before `at`, pause, and send the rest."""
    connection = connect()
    connection.sendall(packet[:at])
    time.sleep(0.05)
    return ask(lambda: connection, Case("the rest", packet[at:]), settled=TIMEOUT)


# ---- which token counts ----


@pytest.fixture(scope="module")
def phones(service):
    return [service.sign_in(name) for name in ("alice", "bob")]


def test_two_authorization_headers_are_refused(place, phones):
    alice, bob = (phone.token.encode() for phone in phones)
    for first, second in [(alice, bob), (alice, alice), (alice, b""), (b"x.y", alice)]:
        lines = b"Authorization: Bearer %b\r\nAuthorization: Bearer %b\r\n\r\n" % (first, second)
        reply = ask(place.connect, Case("two", GET + lines))
        assert set(reply.statuses) <= {400, 401}
        assert len(reply.answers) == 1


def test_client_gets_its_own_responses_during_smuggling(place, phones):
    """The smuggled request has Alice's token; Bob sends requests at the same time."""
    alice, bob = phones
    stolen = b"X-Poison: 1\r\nAuthorization: Bearer " + alice.token.encode()
    poisons = [c._replace(raw=c.raw.replace(b"X-Poison: 1", stolen)) for c in FAMILIES["smuggling"]]
    normal = Case("normal", GET + f"Authorization: Bearer {bob.token}\r\n\r\n".encode())
    replies = ask_all(place, [each for poison in poisons for each in (poison, normal, normal)])
    honest = [reply for index, reply in enumerate(replies) if index % 3]
    assert {reply.statuses for reply in honest} == {(200,)}
    assert all(bob.user["id"].encode() in reply.answers[0].body for reply in honest)
