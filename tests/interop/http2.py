"""HTTP/2 as RFC 9113 and RFC 7541 ask for it, against the real binary: what a hostile or broken
client sends, and the GOAWAY or RST_STREAM it must get. After each case a new client is served.

usage: http2.py BINARY [--verbose]
"""

import struct
import sys

import http2_floods
from desk import Desk, Tally, loud
from http2_wire import *

# Who must end. A server may end the connection where a stream error would do (RFC 9113 5.4.2).
CONNECTION, STREAM = "connection", "stream"


def connection_cases():
    """(section, what the client does, who must end, codes, the bytes for a connection)"""
    p, f = PROTOCOL_ERROR, FRAME_SIZE_ERROR
    zeros, whole = b"\0" * 8, END_HEADERS | END_STREAM
    opened = lambda c, more, flags=END_HEADERS: c.request(1, c.get(method="POST"), flags) + more
    sized = lambda kind, stream, count: lambda c: frame(kind, 0, stream, b"\0" * count)
    return [
        (
            "4.2",
            "DATA of 16385 bytes",
            STREAM,
            [f],
            lambda c: opened(c, frame(DATA, 0, 1, b"x" * 16385)),
        ),
        (
            "4.2",
            "HEADERS of 16385 bytes",
            CONNECTION,
            [f],
            lambda c: frame(HEADERS, whole, 1, b"x" * 16385),
        ),
        ("4.2", "SETTINGS of 16386 bytes", CONNECTION, [f], sized(SETTINGS, 0, 16386)),
        (
            "4.3",
            "a field block that is none",
            CONNECTION,
            [COMPRESSION_ERROR],
            lambda c: frame(HEADERS, whole, 1, b"\xff" * 8),
        ),
        (
            "4.3",
            "DATA within a field block",
            CONNECTION,
            [p],
            lambda c: c.request(1, flags=0) + frame(DATA, 0, 1),
        ),
        (
            "4.3",
            "HEADERS of another stream within a field block",
            CONNECTION,
            [p],
            lambda c: c.request(1, flags=0) + c.request(3),
        ),
        (
            "5.5",
            "an unknown frame within a field block",
            CONNECTION,
            [p],
            lambda c: c.request(1, flags=0) + frame(0x77, 0, 1),
        ),
        ("5.1", "DATA on an idle stream", CONNECTION, [p], sized(DATA, 1, 4)),
        ("5.1", "RST_STREAM on an idle stream", CONNECTION, [p], lambda c: reset(1)),
        ("5.1", "WINDOW_UPDATE on an idle stream", CONNECTION, [p], lambda c: window_update(1, 9)),
        (
            "5.1",
            "CONTINUATION on an idle stream",
            CONNECTION,
            [p],
            lambda c: frame(CONTINUATION, END_HEADERS, 1, c.block(c.get())),
        ),
        (
            "5.1",
            "DATA after the end of the stream",
            STREAM,
            [STREAM_CLOSED],
            lambda c: c.request(1, c.get("/")) + frame(DATA, 0, 1, b"x"),
        ),
        (
            "5.1",
            "HEADERS after the end of the stream",
            STREAM,
            [STREAM_CLOSED, p],
            lambda c: c.request(1, c.get("/")) + c.request(1),
        ),
        ("5.1.1", "a stream with an even number", CONNECTION, [p], lambda c: c.request(2)),
        (
            "5.1.1",
            "a stream number that goes back",
            CONNECTION,
            [p, STREAM_CLOSED],
            lambda c: c.request(5) + c.request(3),
        ),
        ("6.1", "DATA on stream 0", CONNECTION, [p], sized(DATA, 0, 4)),
        (
            "6.1",
            "DATA with more padding than frame",
            CONNECTION,
            [p],
            lambda c: opened(c, frame(DATA, PADDED, 1, b"\x09abc")),
        ),
        ("6.2", "HEADERS on stream 0", CONNECTION, [p], lambda c: c.request(0)),
        (
            "6.2",
            "HEADERS with more padding than frame",
            CONNECTION,
            [p],
            lambda c: frame(HEADERS, whole | PADDED, 1, b"\xff" + c.block(c.get())),
        ),
        ("6.3", "PRIORITY on stream 0", CONNECTION, [p], sized(PRIORITY, 0, 5)),
        ("6.3", "PRIORITY of 4 bytes", STREAM, [f], sized(PRIORITY, 1, 4)),
        ("6.4", "RST_STREAM on stream 0", CONNECTION, [p], lambda c: reset(0)),
        (
            "6.4",
            "RST_STREAM of 3 bytes",
            CONNECTION,
            [f],
            lambda c: opened(c, frame(RST_STREAM, 0, 1, b"\0\0\0")),
        ),
        (
            "6.5",
            "SETTINGS ACK with a payload",
            CONNECTION,
            [f],
            lambda c: frame(SETTINGS, ACK, 0, b"\0" * 6),
        ),
        ("6.5", "SETTINGS on stream 1", CONNECTION, [p], sized(SETTINGS, 1, 6)),
        ("6.5", "SETTINGS of 5 bytes", CONNECTION, [f], sized(SETTINGS, 0, 5)),
        ("6.5.2", "ENABLE_PUSH of 2", CONNECTION, [p], lambda c: settings(push=2)),
        (
            "6.5.2",
            "INITIAL_WINDOW_SIZE of 2^31",
            CONNECTION,
            [FLOW_CONTROL_ERROR],
            lambda c: settings(window=1 << 31),
        ),
        ("6.5.2", "MAX_FRAME_SIZE of 16383", CONNECTION, [p], lambda c: settings(frame=16383)),
        ("6.5.2", "MAX_FRAME_SIZE of 2^24", CONNECTION, [p], lambda c: settings(frame=1 << 24)),
        (
            "6.6",
            "PUSH_PROMISE of a client",
            CONNECTION,
            [p],
            lambda c: opened(
                c, frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + c.block(c.get()))
            ),
        ),
        ("6.7", "PING on stream 1", CONNECTION, [p], sized(PING, 1, 8)),
        ("6.7", "PING of 6 bytes", CONNECTION, [f], sized(PING, 0, 6)),
        ("6.8", "GOAWAY on stream 1", CONNECTION, [p], sized(GOAWAY, 1, 8)),
        (
            "6.9",
            "WINDOW_UPDATE of 0 on the connection",
            CONNECTION,
            [p],
            lambda c: window_update(0, 0),
        ),
        (
            "6.9",
            "WINDOW_UPDATE of 0 on a stream",
            STREAM,
            [p],
            lambda c: opened(c, window_update(1, 0)),
        ),
        ("6.9", "WINDOW_UPDATE of 3 bytes", CONNECTION, [f], sized(WINDOW_UPDATE, 0, 3)),
        (
            "6.9.1",
            "a connection's window beyond 2^31-1",
            CONNECTION,
            [FLOW_CONTROL_ERROR],
            lambda c: window_update(0, (1 << 31) - 1) * 2,
        ),
        (
            "6.9.1",
            "a stream's window beyond 2^31-1",
            STREAM,
            [FLOW_CONTROL_ERROR],
            lambda c: (
                settings(window=0) + c.request(1, c.get("/")) + window_update(1, (1 << 31) - 1) * 2
            ),
        ),
        (
            "6.9.2",
            "settings that push a stream's window beyond 2^31-1",
            CONNECTION,
            [FLOW_CONTROL_ERROR],
            lambda c: (
                settings(window=0)
                + c.request(1, c.get("/"))
                + window_update(1, (1 << 31) - 1)
                + settings(window=65535)
            ),
        ),
        (
            "6.10",
            "CONTINUATION on stream 0",
            CONNECTION,
            [p],
            lambda c: c.request(1, flags=0) + frame(CONTINUATION, END_HEADERS, 0, zeros),
        ),
        (
            "6.10",
            "CONTINUATION after the end of a field block",
            CONNECTION,
            [p],
            lambda c: opened(c, frame(CONTINUATION, END_HEADERS, 1, c.block([("a", "b")]))),
        ),
        (
            "6.9",
            "more DATA than the stream's window",
            STREAM,
            [FLOW_CONTROL_ERROR, NO_ERROR],
            lambda c: opened(c, frame(DATA, 0, 1, b"x" * 16384) * 5),
        ),
    ]


def field_cases():
    """(section, what is wrong, fields): each a malformed request, a stream error of PROTOCOL_ERROR."""
    head = lambda **change: [
        (f":{name}", value)
        for name, value in {
            "method": "GET",
            "scheme": "https",
            "authority": "localhost",
            "path": "/healthz",
            **change,
        }.items()
        if value is not None
    ]
    return [
        ("8.2.1", "a name in upper case", [*head(), ("X-Test", "1")]),
        ("8.2.1", "a line break in a value", [*head(), ("x-test", "a\r\nb: c")]),
        ("8.2.1", "a zero byte in a value", [*head(), ("x-test", "a\0b")]),
        ("8.2.2", "a connection field", [*head(), ("connection", "keep-alive")]),
        ("8.2.2", "transfer-encoding", [*head(), ("transfer-encoding", "chunked")]),
        ("8.2.2", "TE other than trailers", [*head(), ("te", "gzip")]),
        ("8.3", "an unknown pseudo-field", [*head(), (":test", "1")]),
        ("8.3", "a pseudo-field of answers", [*head(), (":status", "200")]),
        (
            "8.3",
            "a pseudo-field after a field",
            [*head(path=None), ("x-test", "1"), (":path", "/")],
        ),
        ("8.3", "a pseudo-field twice", [*head(), (":method", "GET")]),
        ("8.3.1", "no :method", head(method=None)),
        ("8.3.1", "no :scheme", head(scheme=None)),
        ("8.3.1", "no :path", head(path=None)),
        ("8.3.1", "an empty :path", head(path="")),
    ]


def compression_cases():
    """(section of RFC 7541, what is wrong, field block): COMPRESSION_ERROR of the connection."""
    return [
        ("2.3.3", "an index beyond both tables", b"\xc6"),
        ("6.1", "index 0", b"\x80"),
        ("4.2", "a table size update at the end of a block", b"\x82\x86\x84\x41\x01a\x20"),
        ("6.3", "a table size beyond the setting", b"\x3f\xe1\xff\x03\x82\x86\x84"),
        ("5.2", "Huffman padding of ones longer than 7 bits", b"\x82\x86\x84\x00\x82\x1f\xff\x01a"),
        ("5.2", "Huffman padding of zeros", b"\x82\x86\x84\x00\x81\x18\x01a"),
        ("5.1", "an integer that never ends", b"\xff" + b"\x80" * 12 + b"\x01"),
        ("5.2", "a string longer than its block", b"\x82\x86\x84\x00\x7fabc"),
    ]


def judge(connection, scope, codes):
    """What is wrong with how the server took it; None when nothing is."""
    what, code = connection.outcome()
    while what in ("answer", "ping"):
        what, code = connection.outcome()
    if what == "silence":
        return "the server let it pass"
    # The unspecific code may stand for any other; another specific one may not (section 7).
    if code is not None and code not in (PROTOCOL_ERROR, *codes):
        return f"{what} with code {code}, expected one of {codes}"
    if scope == CONNECTION and what == "reset":
        return "only the stream was ended"
    if scope == STREAM and what == "reset" and not connection.alive():
        return "the connection ended with the stream"
    return None


def violations(desk, tally):
    for section, name, scope, codes, made in connection_cases():
        with Connection(desk) as connection:
            connection.send(made(connection))
            wrong = judge(connection, scope, codes)
        tally.case(f"{section} {name}", wrong or served(desk))
    for section, name, fields in field_cases():
        with Connection(desk) as connection:
            connection.send(connection.request(1, fields))
            wrong = refused(connection)
        tally.case(f"{section} {name}", wrong or served(desk))
    for section, name, block in compression_cases():
        with Connection(desk) as connection:
            connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
            wrong = judge(connection, CONNECTION, [COMPRESSION_ERROR])
        tally.case(f"RFC 7541 {section} {name}", wrong or served(desk))


def refused(connection):
    """A malformed request ends its stream, or is answered with 400 first (RFC 9113 8.1.1)."""
    what, code = connection.outcome()
    if what == "answer" and code == 400:
        return None
    if what in ("reset", "goaway"):
        return None if code == PROTOCOL_ERROR else f"{what} with code {code}"
    return None if what == "closed" else f"{what} {code}"


def served(desk):
    """A sound client right after."""
    with Connection(desk) as connection:
        connection.send(connection.request(1))
        answer = connection.outcome(1)
    return None if answer == ("answer", 200) else f"the next client got {answer}"


def preface(desk, tally):
    with Connection(desk, raw=True) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 64)
        what, code = connection.outcome()
    fine = what == "closed" or (what, code) == ("goaway", PROTOCOL_ERROR)
    tally.case("3.4 a preface of HTTP/1.1", (None if fine else f"{what} {code}") or served(desk))


def tolerated(desk, tally):
    """What must not be refused."""

    def asks(name, made, first=b""):
        with Connection(desk, first) as connection:
            connection.send(made(connection))
            answer = connection.outcome(1)
        tally.case(name, None if answer == ("answer", 200) else f"got {answer}")

    asks("4.1 unknown flags", lambda c: c.request(1, flags=0x50 | END_HEADERS | END_STREAM))
    asks("5.5 a frame of an unknown kind", lambda c: frame(0x77, 0xFF, 0, b"what") + c.request(1))
    asks("6.5.2 an unknown setting", lambda c: c.request(1), settings(unknown=7))
    asks(
        "6.3 PRIORITY on an idle stream", lambda c: frame(PRIORITY, 0, 9, b"\0" * 5) + c.request(1)
    )
    asks(
        "6.2 padding",
        lambda c: frame(
            HEADERS, PADDED | END_HEADERS | END_STREAM, 1, b"\x07" + c.block(c.get()) + b"\0" * 7
        ),
    )
    asks("6.10 a field block in pieces of one byte", in_pieces)
    asks("8.2.2 TE: trailers", lambda c: c.request(1, [*c.get(), ("te", "trailers")]))
    with Connection(desk) as connection:
        connection.send(frame(PING, 0, 0, b"12345678"))
        tally.case(
            "6.7 PING is answered",
            None if connection.outcome() == ("ping", b"12345678") else "it is not",
        )
    with Connection(desk, timeout=1) as connection:
        connection.send(frame(PING, ACK, 0, b"12345678"))
        tally.case(
            "6.7 PING ACK is not answered",
            None if connection.outcome()[0] == "silence" else "it is",
        )


def in_pieces(connection):
    block = connection.block(connection.get())
    first = frame(HEADERS, END_STREAM, 1, block[:1])
    rest = [
        frame(CONTINUATION, 0, 1, block[at : at + 1]) for at in range(1, min(len(block) - 1, 6))
    ]
    return first + b"".join(rest) + frame(CONTINUATION, END_HEADERS, 1, block[len(rest) + 1 :])


def main():
    tally = Tally("http2", loud())
    with Desk(sys.argv[1]) as desk:
        preface(desk, tally)
        tolerated(desk, tally)
        violations(desk, tally)
        http2_floods.run(desk, tally, served)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
