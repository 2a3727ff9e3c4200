"""The Debian package in a Debian of its own: installed, used, upgraded and downgraded with live data,
removed and purged. The program gets its port from a socket unit's stand-in, as it does under systemd.

usage: installed.py CHROOT OLD.deb NEW.deb     as root
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import board
import chat
from desk import PASSWORD, Tally, free_port

DATA, SETTINGS = "/var/lib/posthouse", "/etc/posthouse/posthouse.yaml"
EDIT = "site:\n  names: [desk.test]\n"
FILES = [
    "usr/bin/posthouse",
    "usr/lib/systemd/system/posthouse.service",
    "usr/lib/systemd/system/posthouse.socket",
    "usr/lib/sysusers.d/posthouse.conf",
    "usr/share/man/man1/posthouse.1.gz",
    "usr/share/bash-completion/completions/posthouse",
    "usr/share/zsh/vendor-completions/_posthouse",
    "usr/share/fish/vendor_completions.d/posthouse.fish",
    "usr/share/doc/posthouse/third-party.gz",
]
LINKS = [
    "etc/systemd/system/multi-user.target.wants/posthouse.service",
    "etc/systemd/system/sockets.target.wants/posthouse.socket",
]


def need(true, wrong):
    if not true:
        raise chat.Wrong(wrong)


class Machine:
    """A Debian below a folder."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.server = None
        self.inbox_key = None

    def run(self, *words, user=None):
        """Its output; raises when it failed."""
        way = ["chroot", *([f"--userspec={user}:{user}"] if user else []), str(self.root)]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            [*way, *words], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise chat.Wrong(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def dpkg(self, action, package):
        """Installs a file from outside, or removes; a word on standard error is a finding."""
        if action == "--install":
            shutil.copy(package, self.root / "tmp/posthouse.deb")
            package = "/tmp/posthouse.deb"
        said = self.run("dpkg", "--force-confold", action, package)
        wrong = [line for line in said.splitlines() if "error" in line or "cannot" in line]
        need(not wrong, f"dpkg {action}: {wrong}")

    def version(self):
        return self.run("dpkg-query", "-W", "-f", "${Version}", "posthouse").strip()

    def has(self, path):
        return os.path.lexists(self.root / path.lstrip("/"))

    def text(self, path):
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")

    def set_up(self):
        """The state folder as systemd makes it, and an owner."""
        self.run("install", "-d", "-o", "posthouse", "-g", "posthouse", "-m", "0700", DATA)
        (self.root / "tmp/password").write_text(PASSWORD, encoding="utf-8")
        words = ["--owner", "owner", "--password-file", "/tmp/password", "--site", "Post", "--json"]
        program = ["/usr/bin/posthouse", "setup", "--data", DATA, *words]
        self.inbox_key = json.loads(self.run(*program, user="posthouse"))["inbox_key"]

    def start(self):
        self.port = free_port()
        log = open(self.root / "tmp/server.log", "ab")
        lend = ["systemd-socket-activate", "-l", f"127.0.0.1:{self.port}"]
        lend += ["--fdname=posthouse.socket", "-E", f"STATE_DIRECTORY={DATA}"]
        serve = ["chroot", "--userspec=posthouse:posthouse", str(self.root), "/usr/bin/posthouse"]
        self.server = subprocess.Popen([*lend, *serve, "serve"], stdout=log, stderr=log)
        end = time.monotonic() + 30
        while True:
            try:
                return board.Wire(self.port).stream.close()
            except OSError:
                need(time.monotonic() < end, "nobody opens the port")
                time.sleep(0.05)

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait(30)
            self.server = None

    def said(self, conversation):
        """The conversation as its agents read it, in bytes."""
        agent = board.Agent(self.port)
        return agent.ask(f"/v1/feed?kind=2&id={conversation.hex()}").read()


def installed(machine, old, _):
    machine.dpkg("--install", old)
    missing = [path for path in [*FILES, *LINKS, SETTINGS] if not machine.has(path)]
    need(not missing, f"missing: {missing}")
    need("posthouse:" in machine.text("/etc/passwd"), "no user posthouse")
    machine.run("systemd-analyze", "verify", "posthouse.service", "posthouse.socket")
    page = machine.run("man", "-P", "cat", "posthouse")
    need("posthouse serve" in page, page)
    machine.run("/usr/bin/posthouse", "config", "check")


def converse(machine):
    visitor, agent = chat.Chat(board.Wire(machine.port), machine.inbox_key), board.Agent(machine.port)
    agent.be_online()
    visitor.begin()
    visitor.say(board.QUESTION)
    agent.is_given(visitor.conversation)
    agent.answer(visitor.conversation, board.ANSWER)
    return visitor.conversation


def used(machine, *_):
    machine.set_up()
    machine.start()
    machine.conversation = converse(machine)


def changed(machine, package):
    """Another version over this one, while the program serves: it is restarted, as postinst does."""
    machine.dpkg("--install", package)
    machine.stop()
    machine.start()
    need(board.ANSWER.encode() in machine.said(machine.conversation), "what was said is gone")
    need(machine.text(SETTINGS) == EDIT, "the edited settings were overwritten")
    # What the unit does on reload.
    machine.run("/usr/bin/posthouse", "config", "reload", "--data", DATA, user="posthouse")
    converse(machine)


def upgraded(machine, _, new):
    before = machine.version()
    (machine.root / SETTINGS[1:]).write_text(EDIT, encoding="utf-8")
    changed(machine, new)
    need(machine.version() != before, "it is the same version")


def downgraded(machine, old, _):
    changed(machine, old)


def disabled(machine, _, new):
    """What an administrator disabled stays so."""
    machine.run("systemctl", "disable", "posthouse.service")
    machine.dpkg("--install", new)
    need(not machine.has(LINKS[0]), "the service was enabled again")
    machine.run("systemctl", "enable", "posthouse.service")


def removed(machine, _, new):
    machine.stop()
    machine.dpkg("--remove", "posthouse")
    need(not machine.has("usr/bin/posthouse"), "the program is still there")
    need(machine.has(DATA) and machine.has(SETTINGS), "settings or data are gone")
    machine.dpkg("--install", new)
    need(all(machine.has(link) for link in LINKS), "not enabled again")
    machine.start()
    need(board.ANSWER.encode() in machine.said(machine.conversation), "what was said is gone")
    machine.stop()


def purged(machine, *_):
    machine.dpkg("--purge", "posthouse")
    left = [path for path in [*FILES, *LINKS, DATA, "etc/posthouse"] if machine.has(path)]
    links = machine.run("find", "/etc/systemd", "-name", "posthouse*").split()
    need(not left and not links, f"left behind: {left} {links}")


def main():
    root, old, new = sys.argv[1:]
    machine, tally = Machine(root), Tally("installed")
    try:
        for step in [installed, used, upgraded, downgraded, disabled, removed, purged]:
            tally.case(step.__name__, board.attempt(step, machine, old, new))
    finally:
        machine.stop()
    sys.exit(tally.end())


if __name__ == "__main__":
    main()
