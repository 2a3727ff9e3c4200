"""A desk of its own for a test: `posthouse setup` and `posthouse serve` in a folder under target/,
and the tally that every suite here prints.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
START_S = 30


class Desk:
    """Set up when made, running inside `with`; the folder is kept when something raised."""

    def __init__(self, binary, settings=None, runner=()):
        """`runner`: words before the binary, such as an emulator of its processor."""
        (ROOT / "target/interop").mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="desk.", dir=ROOT / "target/interop"))
        self.program = [*runner, str(pathlib.Path(binary).resolve())]
        self.data = self.folder / "data"
        self.port = free_port()
        self.config = self.folder / "posthouse.yaml"
        self.config.write_text(settings or "", encoding="utf-8")
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        made = self.command(
            "setup",
            "--owner",
            "owner",
            "--password-file",
            str(password),
            "--site",
            "Post",
            "--json",
        )
        answer = json.loads(made)
        self.inbox_key = answer["inbox_key"]
        self.ca = answer["ca"]
        self.server = None

    def command(self, *words):
        """Runs `posthouse WORDS` on this desk's data; its standard output."""
        place = ["--data", str(self.data), "--config", str(self.config)]
        done = subprocess.run(
            [*self.program, *words, *place], capture_output=True, text=True, env=environment()
        )
        if done.returncode != 0:
            raise RuntimeError(f"posthouse {words[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None:
            shutil.rmtree(self.folder)

    def start(self):
        self.log = open(self.folder / "server.log", "ab")
        self.server = subprocess.Popen(
            [
                *self.program,
                "serve",
                "--data",
                str(self.data),
                "--config",
                str(self.config),
                "--listen",
                f"127.0.0.1:{self.port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=environment(),
        )
        end = time.monotonic() + START_S
        while not self.answers():
            if self.server.poll() is not None or time.monotonic() > end:
                self.stop()
                text = (self.folder / "server.log").read_text(encoding="utf-8")
                raise RuntimeError(f"the server does not answer:\n{text}")
            time.sleep(0.02)

    def stop(self):
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.log.close()

    def get(self, path):
        """The body of a GET in the clear, which loopback may."""
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read()

    def answers(self):
        try:
            self.get("/readyz")
        except OSError:
            return False
        return True

    def rss_kib(self):
        with open(f"/proc/{self.server.pid}/smaps_rollup", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


class Tally:
    """Counts cases and prints one line for each that went wrong, all of them with `loud`."""

    def __init__(self, suite, loud=False):
        self.suite, self.loud = suite, loud
        self.passed = self.failed = 0

    def case(self, name, wrong):
        """`wrong` says what was; None when all is well."""
        if wrong:
            self.failed += 1
            print(f"   FAILED {self.suite}: {name}: {wrong}", flush=True)
        else:
            self.passed += 1
            if self.loud:
                print(f"   ok {self.suite}: {name}", flush=True)

    def end(self):
        print(f"{self.suite}:")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


def environment():
    """The tests' own variables are no settings of the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("POSTHOUSE_")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    """Until somebody listens there."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}")


def loud():
    return "--verbose" in sys.argv
