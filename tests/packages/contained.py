"""The image's root, as a container engine runs it: a user without privileges, a root that cannot be
written, a volume for the data; a whole chat in it.

usage: contained.py ROOTFS     as root
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import board
import chat
from desk import PASSWORD, Tally, free_port

USER = 65532
# The mounts of a container, in a namespace that ends with the program.
WAY = """
set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1/data"
mount -o remount,bind,ro "$1"
shift 2
exec chroot --userspec=65532:65532 "$@"
"""


class Container:
    def __init__(self, root, volume):
        self.port = free_port()
        self.words = ["unshare", "--mount", "sh", "-c", WAY, "sh"]
        self.words += [root, volume, root]
        self.environment = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "POSTHOUSE_DATA": "/data"}

    def run(self, *words):
        return subprocess.run(
            [*self.words, *words], capture_output=True, text=True, env=self.environment
        )

    def serve(self, program):
        listen = ["--listen", f"127.0.0.1:{self.port}"]
        words = [*self.words, program, "serve", *listen]
        return subprocess.Popen(words, env=self.environment, stderr=subprocess.DEVNULL)


def answers(port):
    end = time.monotonic() + 30
    while True:
        try:
            return board.Wire(port).stream.close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def talk(root, volume):
    container = Container(root, volume)
    pathlib.Path(volume, "password").write_text(PASSWORD, encoding="utf-8")
    words = ["--owner", "owner", "--password-file", "/data/password", "--site", "Post", "--json"]
    made = container.run("/usr/bin/posthouse", "setup", *words)
    if made.returncode != 0:
        raise chat.Wrong(made.stdout + made.stderr)
    server = container.serve("/usr/bin/posthouse")
    try:
        answers(container.port)
        visitor = chat.Chat(board.Wire(container.port), json.loads(made.stdout)["inbox_key"])
        agent = board.Agent(container.port)
        agent.be_online()
        visitor.begin()
        visitor.say(board.QUESTION)
        agent.is_given(visitor.conversation)
        agent.answer(visitor.conversation, board.ANSWER)
        server.terminate()
        if server.wait(30) != 0:
            raise chat.Wrong(f"it did not end well: {server.returncode}")
    finally:
        server.kill()
        server.wait()


def cannot_write(root, volume):
    """The control: without a volume of its own there is no place for the data."""
    container = Container(root, volume)
    os.chown(volume, 0, 0)
    done = container.run("/usr/bin/posthouse", "setup", "--owner", "a", "--password-file", "/x")
    os.chown(volume, USER, USER)
    if done.returncode == 0:
        raise chat.Wrong("it wrote where it may not")


def shape(root, _):
    found = {str(path.relative_to(root)) for path in pathlib.Path(root).rglob("*") if path.is_file()}
    doc = "usr/share/doc/posthouse/"
    wanted = {"usr/bin/posthouse", "etc/passwd", "etc/group", doc + "LICENSE", doc + "third-party.gz"}
    if found != wanted:
        return f"{found ^ wanted}"
    data = os.stat(pathlib.Path(root, "data"))
    if (data.st_uid, data.st_mode & 0o777) != (USER, 0o700):
        return f"/data is {data}"
    return None


def main():
    (root,) = sys.argv[1:]
    root = os.path.abspath(root)
    tally = Tally("contained")
    with tempfile.TemporaryDirectory(prefix="volume.", dir=os.path.dirname(root)) as volume:
        os.chown(volume, USER, USER)
        for step in [shape, cannot_write, talk]:
            tally.case(step.__name__, board.attempt(step, root, volume))
    sys.exit(tally.end())


if __name__ == "__main__":
    main()
