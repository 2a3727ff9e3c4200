"""Clients that send far too much of what is allowed: the server ends them or holds them back, its
memory stays within a bound, and others are served.
"""

import ssl
import time

from http2_wire import *

# What a flood may add to the server's memory, and how much it sends: if each byte sent were kept,
# the memory would grow by more than the bound.
GROWTH_KIB = 16 * 1024
FLOOD_BYTES = 48 * 1024 * 1024
PATIENCE_S = 20


def run(desk, tally, served):
    floods = [
        ("CONTINUATION without end (CVE-2024-27316 and kin)", continuations, True),
        ("streams opened and reset (CVE-2023-44487)", resets, True),
        ("streams the server must reset (CVE-2025-8671)", provoked, True),
        ("PING never read (CVE-2019-9512)", pings, False),
        ("SETTINGS never read (CVE-2019-9515)", settings_flood, False),
        ("empty DATA frames (CVE-2019-9518)", empty_data, False),
        ("answers never read, window 0 (CVE-2019-9517)", unread, False),
    ]
    for name, flood, must_end in floods:
        before = desk.rss_kib()
        ended = flood(desk)
        grown = desk.rss_kib() - before
        wrong = None
        if must_end and not ended:
            wrong = "the server never ended it"
        if grown > GROWTH_KIB:
            wrong = f"memory grew by {grown} KiB"
        tally.case(name, wrong or served(desk))
    too_many_streams(desk, tally)


def pour(connection, pieces):
    """Sends until the server ends it or takes no more; True when it ended the connection."""
    connection.sock.settimeout(2)
    sent, begin = 0, time.monotonic()
    try:
        for piece in pieces:
            connection.send(piece)
            sent += len(piece)
            if sent > FLOOD_BYTES or time.monotonic() > begin + PATIENCE_S:
                return ending(connection)
    except TimeoutError:
        return False
    except (ConnectionError, ssl.SSLError, EOFError):
        return True
    return ending(connection)


def ending(connection):
    """Whether what the server sent ends with a GOAWAY or a close."""
    while True:
        what, _ = connection.outcome()
        if what in ("goaway", "closed"):
            return True
        if what == "silence":
            return False


def continuations(desk):
    with Connection(desk) as connection:
        block = connection.block([("x-flood", "y" * 4000)])
        first = connection.request(1, flags=END_STREAM)
        more = frame(CONTINUATION, 0, 1, block)
        return pour(connection, [first, *[more * 4] * (FLOOD_BYTES // len(more) // 4)])


def resets(desk):
    with Connection(desk) as connection:
        pairs = (connection.request(n, connection.get("/")) + reset(n) for n in range(1, 40_000, 2))
        return pour(connection, pairs)


def provoked(desk):
    with Connection(desk) as connection:
        pairs = (
            connection.request(n, connection.get("/"), END_HEADERS) + window_update(n, 0)
            for n in range(1, 40_000, 2)
        )
        return pour(connection, pairs)


def pings(desk):
    with Connection(desk) as connection:
        many = frame(PING, 0, 0, b"12345678") * 1000
        return pour(connection, [many] * (FLOOD_BYTES // len(many)))


def settings_flood(desk):
    with Connection(desk) as connection:
        many = frame(SETTINGS, 0, 0) * 1000
        return pour(connection, [many] * (FLOOD_BYTES // len(many)))


def empty_data(desk):
    with Connection(desk) as connection:
        first = connection.request(1, connection.get("/v1/frames", "POST"), END_HEADERS)
        many = frame(DATA, 0, 1) * 1000
        return pour(connection, [first, *[many] * (FLOOD_BYTES // len(many))])


def unread(desk):
    with Connection(desk, settings(window=0)) as connection:
        asked = [connection.request(n, connection.get("/")) for n in range(1, 65, 2)]
        return pour(connection, asked)


def too_many_streams(desk, tally):
    """RFC 9113 5.1.2: streams beyond the limit are refused, those within it are not."""
    with Connection(desk, settings(window=0)) as connection:
        opened = [connection.request(n, connection.get("/")) for n in range(1, 401, 2)]
        connection.send(b"".join(opened))
        answers, refused, other = 0, 0, []
        while True:
            what, code = connection.outcome()
            if what == "answer":
                answers += 1
            elif (what, code) in (("reset", REFUSED_STREAM), ("reset", PROTOCOL_ERROR)):
                refused += 1
            elif what == "silence":
                break
            else:
                other.append((what, code))
                break
        ended = other and other[0][0] in ("goaway", "closed")
    fine = answers >= 1 and (ended or answers + refused == 200 and refused > 0)
    tally.case(
        "5.1.2 streams beyond MAX_CONCURRENT_STREAMS",
        None if fine else f"{answers} answered, {refused} refused, then {other}",
    )
