"""Malformed and malicious requests, as bytes.

Every request is for a route that needs a token, or a login with an empty body. The well-formed
request would get 401 or 400, so no case can change anything, however it is parsed.
"""

from __future__ import annotations

from typing import NamedTuple

HOST = b"Host: api.example.com"
JSON = b"Content-Type: application/json"
GET = b"GET /api/me HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /api/auth/login HTTP/1.1\r\n" + HOST + b"\r\n" + JSON + b"\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"{}"
CHUNK = b"2\r\n{}\r\n"
LAST = b"0\r\n\r\n"
POISON = b"GET /api/me HTTP/1.1\r\n" + HOST + b"\r\nX-Poison: 1\r\n\r\n"


class Case(NamedTuple):
    name: str
    raw: bytes
    answers: int = 1  # at most: as how many requests it may be parsed
    half_closes: bool = False  # whether the client closes its side afterwards; otherwise it waits


FAMILIES: dict[str, list[Case]] = {}


def family(name: str, *cases: Case) -> None:
    FAMILIES[name] = list(cases)


# ---- two lengths: a parser that uses the other one finds a second request in the body ----


def both(length: bytes, coding: bytes, body: bytes) -> bytes:
    return POST + length + b"\r\n" + coding + b"\r\n\r\n" + body


TE = b"Transfer-Encoding: chunked"
CL_TE = LAST + POISON  # after the last chunk, inside the length
TE_CL = b"%x\r\n%b\r\n0\r\n\r\n" % (len(POISON), POISON)  # inside the chunk, after the length


def length(value: bytes, body: bytes = BODY + POISON) -> bytes:
    return POST + b"Content-Length:" + value + b"\r\n\r\n" + body


def coding(line: bytes, body: bytes = CHUNK + LAST) -> bytes:
    """Add the Content-Length that a parser would use if it ignored the coding."""
    return both(b"Content-Length: %d" % len(body), line, body)


def coding_alone(lines: bytes, body: bytes = CHUNK + LAST) -> bytes:
    return POST + lines + b"\r\n\r\n" + body


family(
    "smuggling",
    Case("CL.TE", both(b"Content-Length: %d" % len(CL_TE), TE, CL_TE)),
    Case("CL.TE, the coding first", both(TE, b"Content-Length: %d" % len(CL_TE), CL_TE)),
    Case("TE.CL", both(b"Content-Length: 4", TE, TE_CL)),
    Case("TE.CL, the coding first", both(TE, b"Content-Length: 4", TE_CL)),
    Case("CL.0 and a coding", both(b"Content-Length: 0", TE, TE_CL)),
    *[
        Case(f"TE.TE: {title}", coding(line))
        for title, line in {
            "xchunked": b"Transfer-Encoding: xchunked",
            "two spaces": b"Transfer-Encoding:  chunked",
            "tab": b"Transfer-Encoding:\tchunked",
            "vertical tab": b"Transfer-Encoding: \x0bchunked",
            "space after the name": b"Transfer-Encoding : chunked",
            "tab after the name": b"Transfer-Encoding\t: chunked",
            "space before the name": b" Transfer-Encoding: chunked",
            "folded": b"Transfer-Encoding:\r\n chunked",
            "folded header before it": b"X: x\r\n Transfer-Encoding: chunked",
            "bare CR before it": b"X: x\rTransfer-Encoding: chunked",
            "NUL after it": b"Transfer-Encoding: chunked\0",
            "quoted": b'Transfer-Encoding: "chunked"',
            "chunked, identity": b"Transfer-Encoding: chunked, identity",
            "identity, chunked": b"Transfer-Encoding: identity, chunked",
            "identity": b"Transfer-Encoding: identity",
            "gzip, chunked": b"Transfer-Encoding: gzip, chunked",
            "chunked, chunked": b"Transfer-Encoding: chunked, chunked",
            "chunked;x": b"Transfer-Encoding: chunked;x=1",
            "comma": b"Transfer-Encoding: ,chunked",
            "empty": b"Transfer-Encoding:",
            "upper case": b"TRANSFER-ENCODING: CHUNKED",
            "8-bit": b"Transfer-Encoding: chunked\xa0",
        }.items()
    ],
    Case("TE twice", coding_alone(TE + b"\r\n" + TE)),
    Case("TE, then another", coding_alone(TE + b"\r\nTransfer-Encoding: x")),
    Case("another, then TE", coding_alone(b"Transfer-Encoding: x\r\n" + TE)),
    Case("TE identity, then chunked", coding_alone(b"Transfer-Encoding: identity\r\n" + TE)),
    Case("TE xchunked alone", coding_alone(b"Transfer-Encoding: xchunked")),
    Case("TE empty alone", coding_alone(b"Transfer-Encoding: ")),
    Case("TE gzip alone", coding_alone(b"Transfer-Encoding: gzip")),
    Case(
        "TE with underscore and a length",
        both(b"Content-Length: 2", b"Transfer_Encoding: chunked", BODY),
    ),
    Case("TE in HTTP/1.0", CHUNKED.replace(b"/1.1", b"/1.0") + CHUNK + LAST),
    Case(
        "TE and CL in HTTP/1.0",
        both(b"Content-Length: 4", TE, TE_CL).replace(b"/1.1", b"/1.0", 1),
    ),
    Case("CL twice, different", length(b" 2\r\nContent-Length: 200")),
    Case("CL twice, different, the other way", length(b" 200\r\nContent-Length: 2")),
    Case("CL twice, the same", length(b" 2\r\nContent-Length: 2", BODY)),
    Case("CL twice, one in lower case", length(b" 2\r\ncontent-length: 200")),
    Case("CL 2, 2", length(b" 2, 2", BODY)),
    Case("CL folded", length(b"\r\n 2", BODY)),
    Case("CL, space after the name", length(b" 0\r\nContent-Length : 2", BODY)),
    Case("CL with bare CR", length(b" 2\rX: x", BODY)),
    Case("CL ends with LF", length(b" 2\nX: x", BODY)),
    Case("GET whose body is a request", GET + b"Content-Length: %d\r\n\r\n" % len(POISON) + POISON),
    Case("GET with CL 0 and a request", GET + b"Content-Length: 0\r\n\r\n" + POISON, answers=2),
    Case(
        "HEAD whose body is a request",
        POISON.replace(b"GET", b"HEAD").replace(b"X-Poison: 1", b"Content-Length: %d" % len(POISON))
        + POISON,
    ),
    Case("GET in chunks, a request in them", GET + TE + b"\r\n\r\n" + TE_CL),
    Case("GET in bad chunks, and a request", GET + TE + b"\r\n\r\nzz\r\n" + POISON),
    Case("GET in a chunk with no end, and a request", GET + TE + b"\r\n\r\n2\r\n{}xx" + POISON),
    Case(
        "Upgrade to h2c",
        GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n" + POISON,
        answers=2,
    ),
    Case(
        "Upgrade to websocket",
        GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + POISON,
        answers=2,
    ),
    Case(
        "Connection names the length",
        POST + b"Connection: content-length\r\nContent-Length: %d\r\n\r\n" % len(POISON) + POISON,
    ),
    Case(
        "Connection names the coding",
        POST + b"Connection: transfer-encoding\r\n" + TE + b"\r\n\r\n" + TE_CL,
    ),
)

# ---- lengths ----

family(
    "lengths",
    *[
        Case(title, length(b" " + value, BODY))
        for title, value in {
            "+2": b"+2",
            "-2": b"-2",
            "0x2": b"0x2",
            "2.0": b"2.0",
            "2e0": b"2e0",
            "2 2": b"2 2",
            "empty": b"",
            "a word": b"two",
            "1_0": b"1_0",
            "superscript two": b"\xb2",
            "a quarter": b"\xbc",
            "NUL": b"2\0",
            "of 64 bits": b"18446744073709551618",
            "of 63 bits and one": b"9223372036854775808",
            "of 300 digits": b"9" * 300,
            "of 5 000 digits": b"9" * 5000,
            "padded": b"0" * 300 + b"2",
            "megabytes announced": b"9000000",
            "one over the limit announced": b"65537",
        }.items()
    ],
    Case("one over the limit sent", length(b" 65537", b" " * 65537)),
    Case("shorter than announced", length(b" 100", BODY), half_closes=True),
    Case("not begun", length(b" 100", b""), half_closes=True),
    Case("longer than announced", length(b" 1", BODY), answers=2),
    Case("none, and a body", POST + b"\r\n" + BODY, answers=2),
    Case("negative in HTTP/1.0", length(b" -1", BODY).replace(b"/1.1", b"/1.0")),
    Case("Expect: 100-continue", length(b" 2\r\nExpect: 100-continue", BODY)),
    Case("Expect, and nothing comes", length(b" 2\r\nExpect: 100-continue", b""), half_closes=True),
    Case("Expect, megabytes announced", length(b" 9000000\r\nExpect: 100-continue", b"")),
    Case("Expect: 200-ok", length(b" 2\r\nExpect: 200-ok", BODY)),
    Case("Expect twice", length(b" 2\r\nExpect: 100-continue\r\nExpect: x", BODY)),
    Case("Expect in HTTP/1.0", length(b" 2\r\nExpect: 100-continue", BODY).replace(b"1.1", b"1.0")),
    Case("Expect on a GET", GET + b"Expect: 100-continue\r\n\r\n"),
)

# ---- chunks ----


def chunks(raw: bytes, name: str, **options: bool | int) -> Case:
    return Case(name, CHUNKED + raw, **options)


family(
    "chunks",
    chunks(b"zz\r\n{}\r\n" + LAST, "size is a word"),
    chunks(b"-2\r\n{}\r\n" + LAST, "size is negative"),
    chunks(b"+2\r\n{}\r\n" + LAST, "size has a sign"),
    chunks(b"0x2\r\n{}\r\n" + LAST, "size is 0x2"),
    chunks(b" 2\r\n{}\r\n" + LAST, "space before the size"),
    chunks(b"2 \r\n{}\r\n" + LAST, "space after the size"),
    chunks(b"2_0\r\n{}\r\n" + LAST, "size with underscore"),
    chunks(b"\r\n{}\r\n" + LAST, "size is empty"),
    chunks(b"ffffffffffffffff1\r\n{}\r\n" + LAST, "size over 64 bits", half_closes=True),
    chunks(b"10000000000000002\r\n{}\r\n" + LAST, "size is 2 and 64 bits", half_closes=True),
    chunks(b"f" * 300 + b"\r\n{}\r\n" + LAST, "size of 300 digits", half_closes=True),
    chunks(b"0" * 300 + b"2\r\n{}\r\n" + LAST, "size padded"),
    chunks(b"1" * 20_000, "size without an end"),
    chunks(b"11000\r\n" + b" " * 0x11000 + b"\r\n" + LAST, "over the limit in one"),
    chunks((b"1000\r\n" + b" " * 4096 + b"\r\n") * 17 + LAST, "over the limit in parts"),
    chunks(b"2\r\n{}" + LAST, "no line end behind the data"),
    chunks(b"2\r\n{}\n" + LAST, "LF behind the data"),
    chunks(b"2\n{}\r\n" + LAST, "LF behind the size", half_closes=True),
    chunks(b"2\r{}\r\n" + LAST, "CR behind the size"),
    chunks(b"3\r\n{}\r\n" + LAST, "size too large by one"),
    chunks(b"1\r\n{}\r\n" + LAST, "size too small by one"),
    chunks(b"2;\0=x\r\n{}\r\n" + LAST, "extension with NUL"),
    chunks(b"2;a\rb\r\n{}\r\n" + LAST, "extension with CR"),
    chunks(b"2;a\nb\r\n{}\r\n" + LAST, "extension with LF"),
    chunks(b"2;" + b"a" * 100_000 + b"\r\n{}\r\n" + LAST, "extension of 100 KB"),
    chunks(b"2" + b";a=b" * 3000 + b"\r\n{}\r\n" + LAST, "3 000 extensions"),
    chunks((b"1;" + b"a" * 4000 + b"\r\n \r\n") * 100 + LAST, "an extension of 4 KB to each byte"),
    chunks(CHUNK + b"0\r\nA: b\r\n\r\n", "trailer"),
    chunks(CHUNK + b"0\r\nContent-Length: 9\r\n\r\n" + POISON, "trailer with a length", answers=2),
    chunks(CHUNK + b"0\r\nAuthorization: Bearer x\r\n\r\n", "trailer with a token"),
    chunks(CHUNK + b"0\r\nno trailer\r\n\r\n", "trailer that is none"),
    chunks(CHUNK + b"0\r\nA: b\0\r\n\r\n", "trailer with NUL"),
    chunks(CHUNK + b"0\r\nA: b\n\r\n", "trailer ends with LF", half_closes=True),
    chunks(CHUNK + b"0\r\n" + b"A: b\r\n" * 1000 + b"\r\n", "1 000 trailers"),
    chunks(CHUNK + b"0\r\nA: " + b"a" * 500_000, "trailer without an end", half_closes=True),
    chunks(CHUNK, "no last chunk", half_closes=True),
    chunks(CHUNK + b"0\r\n", "no end", half_closes=True),
    chunks(b"100\r\n{}", "cut off", half_closes=True),
    chunks(b"", "none", half_closes=True),
    chunks(CHUNK + LAST + POISON, "a second request behind them", answers=2),
)

# ---- bytes in the request line ----


def line(text: bytes, rest: bytes = HOST + b"\r\n\r\n") -> bytes:
    return text + b"\r\n" + rest


def path(target: bytes, method: bytes = b"GET") -> bytes:
    return line(method + b" " + target + b" HTTP/1.1")


family(
    "request line",
    Case("NUL in the path", path(b"/api/me\0")),
    Case("NUL, escaped", path(b"/api/me%00")),
    Case("8-bit in the path", path(b"/api/m\xc3\xa9")),
    Case("DEL in the path", path(b"/api/me\x7f")),
    Case("control in the path", path(b"/api/\x01me")),
    Case("CR in the path", path(b"/api/\rme")),
    Case("LF in the path", path(b"/api/\nme")),
    Case("tab in the path", path(b"/api/\tme")),
    Case("CR and LF, escaped", path(b"/api/me%0d%0aX:%20y")),
    Case("space in the path", path(b"/api/ me")),
    Case("escape cut off", path(b"/api/me%")),
    Case("escape that is none", path(b"/api/me%zz")),
    Case("overlong UTF-8", path(b"/api%c0%afme")),
    Case("UTF-8 cut off", path(b"/api/%e4%bd")),
    Case("lone surrogate", path(b"/api/%ed%a0%80")),
    Case("escaped in another way", path(b"/%61pi/m%65")),
    Case("escaped slash", path(b"/api%2fme")),
    Case("escaped twice", path(b"/api/%2561")),
    Case("two slashes", path(b"//api//me")),
    Case("two slashes and a host", path(b"//evil.example/api/me")),
    Case("dots up", path(b"/api/../../etc/passwd")),
    Case("dots up, escaped", path(b"/api/%2e%2e/%2e%2e/%2e%2e/etc/passwd")),
    Case("dot", path(b"/./api/./me")),
    Case("backslash", path(b"\\api\\me")),
    Case("backslash, dots up", path(b"/api/..\\..\\etc")),
    Case("semicolon", path(b"/api/me;x=1")),
    Case("fragment", path(b"/api/me#x")),
    Case("brackets", path(b"/api/[me]")),
    Case("braces, pipe, caret", path(b"/{api}|me^`")),
    Case("asterisk", path(b"*")),
    Case("no slash", path(b"api/me")),
    Case("empty query", path(b"/api/me?")),
    Case("query of question marks", path(b"/api/me????&&&===")),
    Case("query with 8-bit", path(b"/api/me?\xff")),
    Case("query, bad escape", path(b"/api/me?a=%zz&%")),
    Case("absolute, our host", path(b"http://api.example.com/api/me")),
    Case("absolute, another host", path(b"http://evil.example/api/me")),
    Case("absolute, no host", path(b"http:///api/me")),
    Case("absolute, a user", path(b"http://a:b@api.example.com/api/me")),
    Case("absolute, bad port", path(b"http://api.example.com:99999/api/me")),
    Case("absolute, IPv6 cut off", path(b"http://[::1/api/me")),
    Case("another scheme", path(b"file:///etc/passwd")),
    Case("OPTIONS *", path(b"*", b"OPTIONS")),
    Case("CONNECT", path(b"api.example.com:443", b"CONNECT")),
    Case("CONNECT a path", path(b"/api/me", b"CONNECT")),
    Case("CONNECT and a request", path(b"example.com:443", b"CONNECT") + POISON),
    Case("TRACE", path(b"/api/me", b"TRACE")),
    Case("TRACK", path(b"/api/me", b"TRACK")),
    Case("PROPFIND", path(b"/api/me", b"PROPFIND")),
    Case("PRI", path(b"*", b"PRI")),
    Case("method in lower case", path(b"/api/me", b"get")),
    Case("method with a tab", path(b"/api/me", b"GE\tT")),
    Case("method with 8-bit", path(b"/api/me", b"G\xcbT")),
    Case("method with NUL", path(b"/api/me", b"GET\0")),
    Case("method with brackets", path(b"/api/me", b"GET()")),
    Case("method of one letter", path(b"/api/me", b"G")),
    Case("method of 100", path(b"/api/me", b"G" * 100)),
    Case("method of 100 KB", path(b"/api/me", b"G" * 100_000)),
    Case("no method", line(b" /api/me HTTP/1.1")),
    Case("method unknown", path(b"/api/me", b"FLY")),
    Case("HTTP/0.9", b"GET /api/me\r\n", half_closes=True),
    Case("HTTP/0.9, POST", b"POST /api/auth/login\r\n\r\n"),
    Case("HTTP/0.9 as version", path(b"/api/me").replace(b"/1.1", b"/0.9")),
    Case("HTTP/1.0 without Host", b"GET /api/me HTTP/1.0\r\n\r\n"),
    Case("HTTP/1.2", path(b"/api/me").replace(b"/1.1", b"/1.2")),
    Case("HTTP/1.10", path(b"/api/me").replace(b"/1.1", b"/1.10")),
    Case("HTTP/1", path(b"/api/me").replace(b"/1.1", b"/1")),
    Case("HTTP/2.0", path(b"/api/me").replace(b"/1.1", b"/2.0")),
    Case("HTTP/9.9", path(b"/api/me").replace(b"/1.1", b"/9.9")),
    Case("HTTP/-1.1", path(b"/api/me").replace(b"/1.1", b"/-1.1")),
    Case("HTTP/1.1 and more", path(b"/api/me").replace(b"/1.1", b"/1.1 x")),
    Case("http/1.1", path(b"/api/me").replace(b"HTTP", b"http")),
    Case("HTTPS/1.1", path(b"/api/me").replace(b"HTTP", b"HTTPS")),
    Case("no version, a space", line(b"GET /api/me ")),
    Case("no target", line(b"GET  HTTP/1.1")),
    Case("two spaces", line(b"GET  /api/me  HTTP/1.1")),
    Case("tabs for spaces", line(b"GET\t/api/me\tHTTP/1.1")),
    Case("space at the end", line(b"GET /api/me HTTP/1.1 ")),
    Case("space before", line(b"  GET /api/me HTTP/1.1")),
    Case("one empty line before", b"\r\n" + path(b"/api/me")),
    Case("many empty lines before", b"\r\n" * 100 + path(b"/api/me")),
    Case("LF alone", path(b"/api/me").replace(b"\r\n", b"\n")),
    Case("CR alone", path(b"/api/me").replace(b"\r\n", b"\r"), half_closes=True),
    Case("LF behind the line", b"GET /api/me HTTP/1.1\n" + HOST + b"\r\n\r\n"),
    Case("CR CR LF", path(b"/api/me").replace(b"\r\n", b"\r\r\n"), half_closes=True),
    Case("PRI preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)),
    Case(
        "TLS ClientHello", bytes.fromhex("16030100c8010000c40303") + b"\x07" * 194, half_closes=True
    ),
    Case("SSH", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    Case("SOCKS", b"\x05\x01\x00", half_closes=True),
    Case("PROXY protocol", b"PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n" + path(b"/api/me")),
    Case("PROXY protocol 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + path(b"/api/me")),
    Case("noise", bytes(range(256)) * 8, half_closes=True),
    Case("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Case("nothing", b"", half_closes=True),
    Case("cut off in the line", b"GET /api", half_closes=True),
    Case("cut off in the head", GET, half_closes=True),
)

# ---- headers ----


def header(text: bytes) -> bytes:
    return GET + text + b"\r\n\r\n"


family(
    "headers",
    Case("NUL in a name", header(b"X\0Y: z")),
    Case("NUL in a value", header(b"X: y\0z")),
    Case("CR in a value", header(b"X: y\rz")),
    Case("LF in a value", header(b"X: y\nz: z")),
    Case("control in a value", header(b"X: \x01")),
    Case("DEL in a value", header(b"X: \x7f")),
    Case("8-bit in a value", header(b"X: \xff\xfe")),
    Case("8-bit in a name", header(b"X\xe4: y")),
    Case("space in a name", header(b"X Y: z")),
    Case("brackets in a name", header(b"X(Y): z")),
    Case("no name", header(b": z")),
    Case("no colon", header(b"X")),
    Case("no value", header(b"X:")),
    Case("space before the colon", header(b"X : y")),
    Case("folded", header(b"X: y\r\n z")),
    Case("folded from the start", b"GET /api/me HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n\r\n"),
    Case("underscore", header(b"X_Y: z")),
    Case("SCRIPT_NAME", header(b"SCRIPT_NAME: /x")),
    Case("PATH_INFO", header(b"PATH_INFO: /api/hello")),
    Case("SCRIPT_NAME of the path", header(b"SCRIPT_NAME: /api")),
    Case("REMOTE_USER", header(b"REMOTE_USER: root")),
    Case("Proxy", header(b"Proxy: http://evil.example")),
    Case("X-Forwarded-Proto twice", header(b"X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https")),
    Case("X-Forwarded-Ssl against it", header(b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off")),
    Case("X-Original-URL", header(b"X-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics")),
    Case("X-HTTP-Method-Override", header(b"X-HTTP-Method-Override: DELETE")),
    Case("Content-Type twice", POST + JSON + b"\r\nContent-Length: 2\r\n\r\n{}"),
    Case("Content-Encoding", POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
    Case("Range", header(b"Range: bytes=0-1,2-3,-1")),
    Case("TE", header(b"TE: trailers, chunked")),
    Case("Connection of everything", header(b"Connection: host, authorization, close, x")),
    Case("Keep-Alive", header(b"Connection: keep-alive\r\nKeep-Alive: timeout=99999")),
    Case("Accept-Language of 4 KB", header(b"Accept-Language: " + b"a-b;q=0.1," * 400)),
    Case("Accept-Language, bad weights", header(b"Accept-Language: zh;q=nan,en;q=1e999,x;q=-1")),
    Case("If-None-Match", header(b'If-None-Match: W/"' + b"\xff" * 20 + b'"')),
    Case("If-Modified-Since", header(b"If-Modified-Since: Thu, 99 Foo 99999 99:99:99 GMT")),
    Case("Cookie", header(b"Cookie: =;;;\xff=\xfe; a")),
    Case("Origin", header(b"Origin: null\r\nAccess-Control-Request-Method: \xff")),
)

family(
    "host",
    Case("none", b"GET /api/me HTTP/1.1\r\nX: y\r\n\r\n"),
    Case("empty", b"GET /api/me HTTP/1.1\r\nHost:\r\n\r\n"),
    Case("two", header(b"Host: evil.example")),
    Case("two the same", header(HOST)),
    Case("two, one in upper case", header(b"HOST: api.example.com")),
    *[
        Case(title, b"GET /api/me HTTP/1.1\r\nHost: " + value + b"\r\n\r\n")
        for title, value in {
            "another": b"evil.example",
            "a port": b"api.example.com:443",
            "port of words": b"api.example.com:port",
            "port too large": b"api.example.com:99999",
            "port empty": b"api.example.com:",
            "two ports": b"api.example.com:1:2",
            "a path": b"api.example.com/x",
            "a query": b"api.example.com?x",
            "a user": b"x@api.example.com",
            "a list": b"api.example.com, evil.example",
            "a space": b"api.example.com evil.example",
            "NUL": b"api.example.com\0.evil.example",
            "a script": b"<script>alert(1)</script>",
            "a quote": b'"api.example.com"',
            "dots": b"..",
            "dot at the end": b"api.example.com.",
            "brackets": b"[",
            "IPv6 cut off": b"[::1",
            "IPv6 with zone": b"[fe80::1%25eth0]",
            "underscore": b"api_example.com",
            "8-bit": b"\xc3\xa4.example",
            "4 KB": b"a" * 4000,
        }.items()
    ],
    Case("absolute form against it", line(b"GET http://evil.example/api/me HTTP/1.1")),
    Case("X-Forwarded-Host", header(b"X-Forwarded-Host: evil.example")),
    Case("Forwarded", header(b'Forwarded: for="_x";host=evil.example;proto=http')),
)

# ---- sizes ----

family(
    "sizes",
    Case("header of 9 KB", header(b"X: " + b"x" * 9_000)),
    Case("header of 100 KB", header(b"X: " + b"x" * 100_000)),
    Case("header of 1 MB", header(b"X: " + b"x" * 1_000_000)),
    Case("name of 9 KB", header(b"X" * 9_000 + b": x")),
    Case("50 headers too many", header(b"\r\n".join(b"X-%d: x" % n for n in range(100)))),
    Case("1 000 headers", header(b"\r\n".join(b"X-%d: x" % n for n in range(1_000)))),
    Case("10 000 headers of one name", header(b"X: x\r\n" * 10_000 + b"X: x")),
    Case(
        "40 headers of 4 KB",
        header(b"\r\n".join(b"X-%d: %b" % (n, b"x" * 4000) for n in range(40))),
    ),
    Case("path of 5 KB", path(b"/api/" + b"a" * 5_000)),
    Case("path of 100 KB", path(b"/api/" + b"a" * 100_000)),
    Case("query of 100 KB", path(b"/api/me?" + b"a" * 100_000)),
    Case("line without an end", b"GET /" + b"a" * 100_000, half_closes=True),
    Case("header without an end", GET + b"X: " + b"a" * 1_000_000, half_closes=True),
    Case("headers without an end", GET + b"X: a\r\n" * 100_000, half_closes=True),
    Case("300 cookies", header(b"Cookie: " + b"; ".join(b"c%d=1" % n for n in range(300)))),
    Case("100 Cookie headers", header(b"\r\n".join(b"Cookie: c%d=1" % n for n in range(100)))),
    Case("100 KB of empty lines", b"\r\n" * 50_000, half_closes=True),
    Case("100 KB of spaces", b" " * 100_000, half_closes=True),
    Case("body of 9 MB", length(b" 9000000", b" " * 9_000_000)),
)

# ---- authorization ----

family(
    "authorization",
    Case("two", header(b"Authorization: Bearer a.b\r\nAuthorization: Bearer c.d")),
    Case("two the same", header(b"Authorization: Bearer a.b\r\nAuthorization: Bearer a.b")),
    Case("Basic", header(b"Authorization: Basic YTpi")),
    Case("no scheme", header(b"Authorization: a.b")),
    Case("Bearer alone", header(b"Authorization: Bearer")),
    Case("many spaces", header(b"Authorization: Bearer      ")),
    Case("8-bit", header(b"Authorization: Bearer \xff\xfe.\xfd")),
    Case("NUL", header(b"Authorization: Bearer a\0.b")),
    Case("3 KB", header(b"Authorization: Bearer " + b"a" * 3000 + b".b")),
    Case("dots", header(b"Authorization: Bearer ....")),
    Case("underscore for hyphen", header(b"HTTP_AUTHORIZATION: Bearer a.b")),
    Case("in the query", path(b"/api/me?access_token=a.b")),
    Case("X-Forwarded-For: a chain", header(b"X-Forwarded-For: " + b"127.0.0.1, " * 200 + b"::1")),
    Case("X-Forwarded-For: noise", header(b"X-Forwarded-For: \xff, ;'<>, [::1]:x")),
    Case("X-Forwarded-For twice", header(b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: ::1")),
    Case("X-Request-Id with LF", header(b"X-Request-Id: a\nSet-Cookie: b=c")),
    Case("X-Request-Id, escaped CR LF", header(b"X-Request-Id: a%0d%0aSet-Cookie: b=c")),
    Case("X-Request-Id of 3 KB", header(b"X-Request-Id: " + b"a" * 3000)),
    Case("X-Request-Id twice", header(b"X-Request-Id: a\r\nX-Request-Id: b")),
)
