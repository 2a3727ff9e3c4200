"""A visitor's chat over any pair of byte streams: WebSocket upgrade, hello, message, ack, and the
message as it is delivered. posthouse.v1 and RFC 6455 by hand: the few fields that it takes.
"""

import base64
import hashlib
import os
import secrets
import time

# RFC 6455 section 1.3.
ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PUBLIC = 1


class Wrong(Exception):
    """The chat did not go as it should."""


# ---- protobuf ---------------------------------------------------------------------------------


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """A varint for an int, else length and bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    """{number: [value]} of a message; integers and byte strings."""
    out, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        elif key & 7 == 2:
            length = number()
            value, at = data[at : at + length], at + length
        else:
            raise Wrong(f"wire type {key & 7}")
        out.setdefault(key >> 3, []).append(value)
    return out


def message_key():
    """UUIDv7 of now."""
    random = bytearray(os.urandom(10))
    random[0] = random[0] & 0x0F | 0x70
    random[2] = random[2] & 0x3F | 0x80
    return int(time.time() * 1000).to_bytes(6, "big") + bytes(random)


def hello(token, inbox_key):
    return field(1, field(1, "interop/1") + field(2, token) + field(3, inbox_key))


def submit(conversation, key, text, inbox_key=None):
    opening = field(3, field(1, inbox_key)) if inbox_key else b""
    command = field(4, field(1, field(1, text)))
    return field(2, field(1, conversation) + field(2, key) + opening + command)


def follow(conversation):
    feed = field(1, PUBLIC) + field(2, conversation)
    return field(3, field(1, field(1, feed)))


# ---- WebSocket --------------------------------------------------------------------------------


def upgrade(key):
    """The request, a line of which each is one write for peers that read lines."""
    return [
        b"GET /v1/ws HTTP/1.1\r\n",
        b"Host: localhost\r\n",
        b"Connection: Upgrade\r\n",
        b"Upgrade: websocket\r\n",
        b"Sec-WebSocket-Version: 13\r\n",
        b"Sec-WebSocket-Protocol: posthouse.v1\r\n",
        b"Sec-WebSocket-Key: " + key + b"\r\n",
        b"User-Agent: interop/1\r\n",
        b"\r\n",
    ]


BINARY, PING, PONG = 0x82, 0x89, 0x8A
# The number of no field.
UNKNOWN = 1000


def client_frame(payload, suits=None, kind=BINARY):
    """A masked frame. `suits` may ask for another one: the mask and a last field, which every
    reader passes over, are then drawn anew.
    """
    while True:
        tail = field(UNKNOWN, secrets.randbelow(127) + 1) if suits else b""
        body, mask = payload + tail, os.urandom(4)
        if len(body) < 126:
            head = bytes([kind, 0x80 | len(body)])
        else:
            head = bytes([kind, 0xFE]) + len(body).to_bytes(2, "big")
        frame = head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(body))
        if not suits or suits(frame):
            return frame


class Reader:
    """Bytes as they come, taken by need."""

    def __init__(self, wire):
        self.wire, self.rest = wire, b""

    def until(self, mark):
        while mark not in self.rest:
            self.rest += self.wire.receive()
        head, _, self.rest = self.rest.partition(mark)
        return head

    def exactly(self, count):
        while len(self.rest) < count:
            self.rest += self.wire.receive()
        piece, self.rest = self.rest[:count], self.rest[count:]
        return piece

    def frame(self):
        """The payload of the next binary frame; pings and pongs are passed over."""
        while True:
            kind, length = self.exactly(2)
            if length == 126:
                length = int.from_bytes(self.exactly(2), "big")
            elif length == 127:
                length = int.from_bytes(self.exactly(8), "big")
            payload = self.exactly(length)
            if kind == BINARY:
                return payload
            if kind not in (PING, PONG):
                raise Wrong(f"frame of kind {kind:#x}: {payload!r}")


class Chat:
    """A visitor on `wire`, which has `send(bytes)`, `receive() -> bytes` and perhaps
    `suits(frame)`."""

    def __init__(self, wire, inbox_key):
        self.wire, self.inbox_key = wire, inbox_key
        self.reader = Reader(wire)
        self.conversation = os.urandom(16)
        self.index = 0
        self.delivered = []

    def fetch(self, path):
        """The body of a GET before the upgrade, so many records of many sizes."""
        self.wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = self.reader.until(b"\r\n\r\n").decode().lower()
        if not head.startswith("http/1.1 200"):
            raise Wrong(head)
        lengths = [line.split(":")[1] for line in head.split("\r\n") if "content-length" in line]
        return self.reader.exactly(int(lengths[0]))

    def converse(self, large=True):
        """Upgrade, three messages with their acks, and the last one read back. `large` for wires
        that carry lines of any length.
        """
        self.begin()
        texts = ["Is it open on Sunday?", "在吗", "x" * 8000 if large else "thanks"]
        last = 0
        for text in texts:
            index = self.say(text)
            if index <= last:
                raise Wrong(f"index {index} after {last}")
            last = index
        self.read_back(texts[-1])

    def begin(self):
        key = base64.b64encode(os.urandom(16))
        for line in upgrade(key):
            self.wire.send(line)
        head = self.reader.until(b"\r\n\r\n").decode()
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT.encode()).digest()).decode()
        if not head.startswith("HTTP/1.1 101") or accept not in head:
            raise Wrong(head)
        self.put(hello(os.urandom(32), self.inbox_key))
        self.until(lambda said: 1 in said)

    def say(self, text):
        """Sends it and waits for its ack; the index."""
        key = message_key()
        self.put(submit(self.conversation, key, text, None if self.index else self.inbox_key))
        ack = fields(self.until(lambda said: 5 in said)[5][0])
        if ack[2][0] != key:
            raise Wrong("the ack is of another message")
        self.index = ack[3][0]
        return self.index

    def read_back(self, text):
        """Follows the conversation: its last message must be the text."""
        self.put(follow(self.conversation))
        self.until(lambda said: 4 in said)
        if text.encode() not in self.delivered[-1]:
            raise Wrong("the message was not delivered as it was sent")

    def put(self, payload):
        self.wire.send(client_frame(payload, self.wire.suits))

    def until(self, wanted):
        """The first frame that is `wanted`; deliveries are kept, refusals raise."""
        while True:
            said = fields(self.reader.frame())
            self.delivered += said.get(2, []) + said.get(3, [])
            if 6 in said:
                raise Wrong(f"refused: {fields(said[6][0])}")
            if wanted(said):
                return said
