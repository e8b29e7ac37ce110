"""What is malformed: a refusal or a closed connection, soon, once, and nobody else's answer."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service import wait_for
from tests.wire.cases import CHUNKED, FAMILIES, GET, HOST, POST, Case
from tests.wire.replies import PATIENCE, ask

# Nginx tells 501 for a coding that it does not know, 505 for a version; so does Gunicorn.
# 0 stands for an answer without a status, as HTTP/0.9 has it. 429 would hide what is asked for.
REFUSED = {0, *range(400, 500), 501, 505} - {429}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_malformed_is_refused_or_closed_soon_and_once(place, family):
    before, workers = len(place.ids()), place.service.workers()
    cases = FAMILIES[family]
    replies = ask_all(place, cases)
    wrong = [(c.name, str(r)) for c, r in zip(cases, replies, strict=True) if not is_well(c, r)]
    assert wrong == []
    assert no_request_came_of_itself(place, before, replies)
    assert everyone_gets_an_answer_of_their_own(place)
    assert place.service.workers() == workers
    assert faults(place.service) == []


def ask_all(place, cases):
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(lambda case: ask(place.connect, case), cases))


def is_well(case, reply):
    return (
        set(reply.statuses) <= REFUSED
        and len(reply.answers) <= case.answers
        and (reply.answers or reply.closed)
        and not reply.rest
        and reply.seconds < PATIENCE
        and all(are_of_one_request(answer) for answer in reply.answers)
    )


def are_of_one_request(answer):
    """Whether the head, which Nginx wrote, and the body, which the API wrote, belong together."""
    return answer.told_id in {None, answer.request_id} or answer.status == 0


def no_request_came_of_itself(place, before, replies):
    """Whether all that the service was asked is what was answered, or what Nginx passed on."""
    if place.front is None:
        seen = {answer.request_id for reply in replies for answer in reply.answers}
        unseen = sum(not reply.answers for reply in replies)  # closed before an answer was read
        return len(set(place.ids()[before:]) - seen) <= unseen

    def nginx_passed_all_on():
        passed = [
            line["request_id"] for line in place.front.access_log() if line["upstream_status"]
        ]
        return not Counter(place.ids()) - Counter(passed)

    return wait_for(nginx_passed_all_on)


def everyone_gets_an_answer_of_their_own(place):
    """Ask as honest clients, over what connections Nginx has kept to Gunicorn."""
    honest = Case("honest", GET + b"Connection: close\r\n\r\n")
    replies = ask_all(place, [honest] * 40)
    return all(
        reply.statuses == (401,) and reply.answers[0].told_id == reply.answers[0].request_id
        for reply in replies
    )


def faults(service):
    """Return what the log holds of crashes and bugs."""
    lines = service.events()
    return [line for line in lines if line["level"] in {"error", "critical"} or "trace" in line]


# ---- several requests in one packet ----

PATHS = {b"/api/hello": 200, b"/nowhere": 404, b"/api/me": 401, b"/healthz": 200, b"/readyz": 200}


def test_requests_in_one_packet_are_answered_once_and_in_order(place):
    paths = [*PATHS] * 8
    packet = [b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n\r\n" for path in paths]
    reply = ask(place.connect, Case("pipelined", b"".join(packet)))
    assert reply.statuses == tuple(PATHS[path] for path in paths)
    assert len({answer.request_id for answer in reply.answers}) == len(paths)
    assert all(are_of_one_request(answer) for answer in reply.answers)


def test_a_body_ends_where_it_says_and_the_next_request_begins_there(place):
    body = b'{"code": "\xff"}'
    post = b"POST /api/auth/login HTTP/1.1\r\n" + HOST + b"\r\nContent-Type: application/json\r\n"
    whole = post + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    hello = b"GET /api/hello HTTP/1.1\r\n" + HOST + b"\r\n\r\n"
    reply = ask(place.connect, Case("bodies", (whole + hello) * 3 + (chunked + hello) * 3))
    if place.front:
        assert reply.statuses == (400, 200) * 6
    else:  # the worker closes after a request that is not plain
        assert reply.statuses == (*(400, 200) * 3, 400)
        assert reply.closed


def test_it_is_all_the_same_where_the_network_cuts(place):
    """Each half of a packet comes by itself, as with a phone that is far away."""
    body = b'{"code": 1}'
    length = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    expects = length.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n", 1)
    chunked = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    last = GET + b"Connection: close\r\n\r\n"
    packet = GET + b"\r\n" + length + chunked + expects + last
    with ThreadPoolExecutor(16) as threads:
        cuts = range(1, len(packet), 3)
        replies = list(threads.map(lambda at: ask_in_two(place.connect, packet, at), cuts))
    whole = (401, 400, 400, 400, 401)
    if place.front:
        assert {reply.statuses for reply in replies} == {whole}
    else:  # the worker closes after the first one that is not plain, or comes in two
        assert {reply.statuses for reply in replies} == {whole[:n] for n in (1, 2, 3)}
        assert all(reply.closed for reply in replies)
    assert all(are_of_one_request(answer) for reply in replies for answer in reply.answers)


def ask_in_two(connect, packet, at):
    """Send what is before `at`, and the rest much later."""
    connection = connect()
    connection.sendall(packet[:at])
    time.sleep(0.05)
    return ask(lambda: connection, Case("the rest", packet[at:]), settled=PATIENCE)


# ---- whose token counts ----


@pytest.fixture(scope="module")
def phones(service):
    return [service.sign_in(name) for name in ("alice", "bob")]


def test_two_authorizations_are_nobodys(place, phones):
    alice, bob = (phone.token.encode() for phone in phones)
    for first, second in [(alice, bob), (alice, alice), (alice, b""), (b"x.y", alice)]:
        lines = b"Authorization: Bearer %b\r\nAuthorization: Bearer %b\r\n\r\n" % (first, second)
        reply = ask(place.connect, Case("two", GET + lines))
        assert set(reply.statuses) <= {400, 401}
        assert len(reply.answers) == 1


def test_a_phone_is_answered_its_own_while_others_smuggle(place, phones):
    """The poison bears one phone's token; the other one asks all the while."""
    alice, bob = phones
    stolen = b"X-Poison: 1\r\nAuthorization: Bearer " + alice.token.encode()
    poisons = [c._replace(raw=c.raw.replace(b"X-Poison: 1", stolen)) for c in FAMILIES["smuggling"]]
    mine = Case("mine", GET + f"Authorization: Bearer {bob.token}\r\n\r\n".encode())
    replies = ask_all(place, [each for poison in poisons for each in (poison, mine, mine)])
    honest = [reply for index, reply in enumerate(replies) if index % 3]
    assert {reply.statuses for reply in honest} == {(200,)}
    assert all(bob.user["id"].encode() in reply.answers[0].body for reply in honest)
