"""Bytes of process RSS that one idle WebSocket costs `posthouse ws-echo`, plain and TLS, after each
has said one message. Listener, task, TLS state and buffers are all in it; the kernel's part is not.

usage: idle_memory.py BINARY [SOCKETS]
"""

import resource
import socket
import ssl
import subprocess
import sys
import time

# What a connection may cost, in KiB.
CEILING = {"plain": 6.0, "TLS": 16.0}
WARM = 100
SETTLE_S = 2
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HELLO = b"\x82\x85\0\0\0\0hello"
ECHO = b"\x82\x05hello"


def rss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def client_tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def read(sock, done):
    got = b""
    while not done(got):
        piece = sock.recv(4096)
        assert piece, "the server closed"
        got += piece
    return got


def connect(address, context):
    sock = socket.create_connection(address)
    sock = context.wrap_socket(sock) if context else sock
    sock.sendall(UPGRADE)
    assert b" 101 " in read(sock, lambda got: got.endswith(b"\r\n\r\n"))
    sock.sendall(HELLO)
    assert read(sock, lambda got: len(got) >= len(ECHO)) == ECHO
    return sock


def measure(binary, kind, sockets):
    flags = ["--tls"] if kind == "TLS" else []
    command = [binary, "ws-echo", "--listen", "127.0.0.1:0", *flags]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        host, port = server.stdout.readline().strip().rsplit(":", 1)
        context = client_tls() if kind == "TLS" else None
        kept = [connect((host, int(port)), context) for _ in range(WARM)]
        time.sleep(SETTLE_S)
        before = rss_kib(server.pid)
        kept += [connect((host, int(port)), context) for _ in range(sockets)]
        time.sleep(SETTLE_S)
        return (rss_kib(server.pid) - before) / sockets
    finally:
        server.kill()
        server.wait()


def main():
    binary = sys.argv[1]
    sockets = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    fat = False
    for kind, ceiling in CEILING.items():
        cost = measure(binary, kind, sockets)
        print(f"idle {kind} connection: {cost:.2f} KiB of RSS, ceiling {ceiling:.0f}")
        fat = fat or cost > ceiling
    return 1 if fat else 0


if __name__ == "__main__":
    sys.exit(main())
