"""A peer's TLS server in front of a desk: what it decrypts goes to the desk in the clear, which
loopback may, and back. So our clients can chat through Tongsuo's server, and the peers' clients with
each other, which shows that this harness asks nothing that only we can do.
"""

import os
import select
import socket
import subprocess
import threading

from desk import free_port, wait_for


class Gateway:
    """`openssl s_server` with these words, for one connection; `words` have no port."""

    def __init__(self, openssl, words, desk, folder):
        self.port = free_port()
        self.log = open(os.path.join(folder, "gateway.err"), "w+b")
        # -quiet: what it reads are bytes and never commands. -bugs: no empty record before each
        # full one, which GmSSL's client would take for the answer.
        self.server = subprocess.Popen(
            [str(openssl), "s_server", "-accept", f"127.0.0.1:{self.port}", "-quiet", "-bugs"]
            + ["-naccept", "2", *(str(word) for word in words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            bufsize=0,
            env={**os.environ, "OPENSSL_CONF": "/dev/null"},
        )
        self.desk = desk

    def __enter__(self):
        # This look is the first of the two connections that it accepts.
        wait_for(self.port)
        self.plain = socket.create_connection(("127.0.0.1", self.desk.port))
        self.pump = threading.Thread(target=self.carry, daemon=True)
        self.pump.start()
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.plain.close()
        self.pump.join(5)
        self.server.stdin.close()
        self.server.stdout.close()
        self.log.close()

    def carry(self):
        try:
            while True:
                ready, _, _ = select.select([self.server.stdout, self.plain], [], [])
                if self.server.stdout in ready:
                    data = self.server.stdout.read(65536)
                    if not data:
                        return
                    self.plain.sendall(data)
                if self.plain in ready:
                    data = self.plain.recv(65536)
                    if not data:
                        return
                    view = memoryview(data)
                    while view:
                        view = view[self.server.stdin.write(view) :]
        except (OSError, ValueError):
            return

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]
