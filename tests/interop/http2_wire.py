"""HTTP/2 by hand, so that a peer can be made that does what RFC 9113 forbids: frames as bytes, one
connection over TLS, and what the server answered.
"""

import socket
import ssl
import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS, PADDED = 0x4, 0x8

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT = 0, 1, 2, 3, 4
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 0xB

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 4, 5


def frame(kind, flags, stream, payload=b"", length=None):
    """`length` may lie."""
    length = len(payload) if length is None else length
    return struct.pack(">BHBBI", length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def settings(**values):
    names = {
        "table": HEADER_TABLE_SIZE,
        "push": ENABLE_PUSH,
        "streams": MAX_CONCURRENT_STREAMS,
        "window": INITIAL_WINDOW_SIZE,
        "frame": MAX_FRAME_SIZE,
        "unknown": 0x7F7F,
    }
    pairs = [struct.pack(">HI", names[name], value) for name, value in values.items()]
    return frame(SETTINGS, 0, 0, b"".join(pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


class Connection:
    """TLS with ALPN h2, the preface sent and the server's settings read, unless `raw`."""

    def __init__(self, desk, first=b"", raw=False, timeout=4):
        context = ssl.create_default_context(cafile=desk.ca)
        context.set_alpn_protocols(["h2"])
        tcp = socket.create_connection(("127.0.0.1", desk.port))
        tcp.settimeout(timeout)
        self.sock = context.wrap_socket(tcp, server_hostname="localhost")
        assert self.sock.selected_alpn_protocol() == "h2"
        self.authority = f"localhost:{desk.port}"
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.rest = b""
        if not raw:
            self.send(PREFACE + (first or frame(SETTINGS, 0, 0)))
            kind, *_ = self.next()
            assert kind == SETTINGS, kind
            self.send(frame(SETTINGS, ACK, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def get(self, path="/healthz", method="GET"):
        """The fields of a sound request."""
        return [
            (":method", method),
            (":scheme", "https"),
            (":authority", self.authority),
            (":path", path),
        ]

    def block(self, fields):
        # Without the table that both sides keep: a block that is refused must not spoil the next.
        return self.encoder.encode([hpack.NeverIndexedHeaderTuple(*pair) for pair in fields])

    def request(self, stream, fields=None, flags=END_STREAM | END_HEADERS):
        return frame(HEADERS, flags, stream, self.block(fields or self.get()))

    def next(self):
        """The next frame: kind, flags, stream, payload. Raises EOFError when the server closed."""
        head = self.exactly(9)
        length, kind, flags, stream = (
            int.from_bytes(head[:3], "big"),
            head[3],
            head[4],
            int.from_bytes(head[5:], "big"),
        )
        return kind, flags, stream, self.exactly(length)

    def exactly(self, count):
        while len(self.rest) < count:
            try:
                piece = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLError) as fault:
                raise EOFError(str(fault)) from fault
            if not piece:
                raise EOFError("closed")
            self.rest += piece
        piece, self.rest = self.rest[:count], self.rest[count:]
        return piece

    def outcome(self, stream=None):
        """What the server said first of: ("goaway", code), ("reset", code), ("answer", status of
        `stream`), ("ping", payload), ("settings", b""), ("closed", None), ("silence", None).
        Settings, windows and the rest are passed over, except acks.
        """
        while True:
            try:
                kind, flags, of, payload = self.next()
            except EOFError:
                return "closed", None
            except TimeoutError:
                return "silence", None
            if kind == GOAWAY:
                return "goaway", struct.unpack(">I", payload[4:8])[0]
            if kind == RST_STREAM:
                return "reset", struct.unpack(">I", payload)[0]
            if kind == HEADERS:
                fields = dict(self.decoder.decode(payload))
                if stream in (None, of):
                    return "answer", int(fields[":status"])
            if kind == PING and flags & ACK:
                return "ping", payload

    def alive(self):
        """Whether this connection still answers a ping."""
        self.send(frame(PING, 0, 0, b"are you?"))
        while True:
            what = self.outcome()
            if what == ("ping", b"are you?"):
                return True
            if what[0] in ("goaway", "closed", "silence"):
                return False
