"""Other people's clients as byte streams: what is written to their standard input goes through
their TLS, what comes out of it is read from their standard output.
"""

import array
import fcntl
import os
import select
import subprocess
import termios
import time

import chat

PATIENCE_S = 15


class Closed(Exception):
    """The client ended; the text is what it said on standard error."""


class Program:
    """A client that passes on whatever it reads."""

    def __init__(self, command, folder, environment=None):
        self.stderr = open(os.path.join(folder, "client.err"), "w+b")
        self.child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            bufsize=0,
            env={**os.environ, "OPENSSL_CONF": "/dev/null", **(environment or {})},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
        self.stderr.close()

    # Any frame will do.
    suits = None

    def send(self, data):
        try:
            view = memoryview(data)
            while view:
                view = view[self.child.stdin.write(view) :]
        except BrokenPipeError:
            raise Closed(self.said()) from None

    def receive(self):
        return self.read(PATIENCE_S)

    def read(self, seconds):
        ready, _, _ = select.select([self.child.stdout], [], [], seconds)
        if not ready:
            raise Closed(f"nothing came for {seconds} s. {self.said()}")
        data = self.child.stdout.read(65536)
        if not data:
            raise Closed(self.said())
        return data

    def said(self):
        self.child.poll()
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")[-2000:]


class GmSsl(Program):
    """`gmssl tlcp_client` takes text lines, each by fgets and strlen: a line is sent, then it waits
    for the server or for one more line, whichever is first. So frames must hold no zero byte and
    end with their only line feed, a request must have an odd number of lines, and each line
    must be taken before the next is written.
    """

    def suits(self, frame):
        return 0 not in frame and frame.find(b"\n") == len(frame) - 1

    def send(self, data):
        super().send(data)
        unread = array.array("i", [1])
        end = time.monotonic() + PATIENCE_S
        while unread[0]:
            if self.child.poll() is not None or time.monotonic() > end:
                raise Closed(self.said())
            time.sleep(0.01)
            fcntl.ioctl(self.child.stdin, termios.FIONREAD, unread)
        # It is between reading the line and waiting.
        time.sleep(0.05)

    def receive(self):
        """It looks at one record of the server for each line, so lines are fed until all is out."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.read(0.3)
            except Closed:
                if self.child.poll() is not None or time.monotonic() > end:
                    raise
                self.send(chat.client_frame(b"more", self.suits, chat.PING))
