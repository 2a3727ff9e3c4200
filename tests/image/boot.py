"""A disk image in a virtual machine: the first start, claim and chat, the plug pulled while people write, mistakes
in the settings, requests of an installer, an orderly end.

usage: boot.py IMAGE ARCH PULLS BUNDLES

BUNDLES is a folder: good.phb of the next version, broken.phb of one whose first process cannot be run, sick.phb of one
that is sound itself, foreign.phb signed by others; and their kernel files, VERSION/posthouse_VERSION.efi.
"""

import json
import pathlib
import random
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

import board
import chat
import contents
import cuts
from desk import PASSWORD, Tally
from machine import ROOT, Machine

WRITERS = 4
# Acknowledged messages after which the plug is pulled: enough to be under load.
LOAD = 40
LOAD_S = 60
CUTS = 100
SETUP_CODE = "ABCD-EFGH-JKLM"
CODE = re.compile(r"(?:code|码)\S*: *([A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4})")

# The site's own authority is made at the first start; what is asked here is whether the machine serves.
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
urllib.request.install_opener(urllib.request.build_opener(urllib.request.HTTPSHandler(context=TLS)))


class Wire(board.Wire):
    """A TLS stream to the machine."""

    def __init__(self, port):
        super().__init__(port)
        self.stream = TLS.wrap_socket(self.stream, server_hostname="posthouse.local")


class Owner(board.Agent):
    """Over HTTPS."""

    def __init__(self, port):
        self.address, self.cookie = f"https://127.0.0.1:{port}", ""
        body = json.dumps({"login": "owner", "password": PASSWORD}).encode()
        answer = self.ask("/v1/sign-in", body, "application/json")
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        self.number = json.load(answer)["agent"]["id"]

    def texts(self, conversation, last):
        """Every entry of the public feed up to index `last`, by index."""
        found, before = {}, last + 1
        while before > 1:
            path = f"/v1/feed?kind=1&id={conversation.hex()}&before={before}"
            page = [chat.fields(said) for said in chat.fields(self.ask(path).read()).get(2, [])]
            page = [chat.fields(said[2][0]) for said in page if 2 in said]
            if not page:
                return found
            found |= {delivery[2][0]: delivery[3][0] for delivery in page}
            before = min(found)
        return found


def claim(port, code):
    ask = {"code": code, "owner": "owner", "password": PASSWORD, "site": "Post", "language": "en"}
    request = urllib.request.Request(
        f"https://127.0.0.1:{port}/v1/setup", json.dumps(ask).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["inbox"]["key"]


def talk(port, inbox_key):
    """A visitor asks, the owner answers, the visitor reads it."""
    visitor, owner = chat.Chat(Wire(port), inbox_key), Owner(port)
    owner.be_online()
    visitor.begin()
    visitor.say(board.QUESTION)
    owner.is_given(visitor.conversation)
    owner.answer(visitor.conversation, board.ANSWER)
    visitor.put(chat.follow(visitor.conversation))
    visitor.until(lambda _: any(board.ANSWER.encode() in entry for entry in visitor.delivered))


class Load:
    """Visitors who write until the line is cut; `acked` is the oracle outside of the machine."""

    def __init__(self, port, inbox_key):
        self.port, self.inbox_key, self.acked = port, inbox_key, []
        self.threads = [threading.Thread(target=self.write, args=(n,), daemon=True) for n in range(WRITERS)]

    def write(self, number):
        visitor = chat.Chat(Wire(self.port), self.inbox_key)
        visitor.begin()
        count = 0
        try:
            while True:
                text = f"writer {number} message {count} {visitor.conversation.hex()}"
                self.acked.append((visitor.conversation, visitor.say(text), text))
                count += 1
        except (OSError, chat.Wrong, IndexError):
            return

    def run(self):
        for thread in self.threads:
            thread.start()
        end = time.monotonic() + LOAD_S
        while len(self.acked) < LOAD:
            if time.monotonic() > end:
                raise chat.Wrong(f"only {len(self.acked)} acks in {LOAD_S} s")
            time.sleep(0.01)

    def end(self):
        for thread in self.threads:
            thread.join(90)
        return list(self.acked)


def missing(port, acked):
    """Acknowledged messages that are not where they were acknowledged to be."""
    owner, lost = Owner(port), []
    for conversation in {conversation for conversation, _, _ in acked}:
        own = {index: text for other, index, text in acked if other == conversation}
        found = owner.texts(conversation, max(own))
        lost += [text for index, text in own.items() if text.encode() not in found.get(index, b"")]
    return lost


class Trials:
    """The cases, in the order in which one machine lives through them."""

    def __init__(self, image, arch, version, bundles, tally):
        self.tally, self.bundles = tally, pathlib.Path(bundles)
        self.machine, self.arch = Machine(image, arch, self.bundles / "machine"), arch
        self.version = version
        self.acked, self.inbox_key = [], None

    def case(self, name, work, *words):
        begin = time.monotonic()
        try:
            wrong = work(*words)
        except Exception as error:
            wrong = repr(error)
        print(f"   {name}: {wrong or 'ok'} ({time.monotonic() - begin:.0f} s)", flush=True)
        self.tally.case(name, wrong)
        return not wrong

    def first_start(self):
        self.machine.start()
        self.machine.ready()
        print(f"   ready after {self.machine.seconds:.0f} s", flush=True)
        if "takes the whole disk" not in self.machine.said():
            return "the data partition did not grow"
        return None

    def claim(self):
        code = CODE.search(self.machine.said())
        if not code:
            return f"no code on the serial line:\n{self.machine.said()[-2000:]}"
        if not re.search("\n█{25,}\n", self.machine.said()) or f"https://10.0.2.15/setup#code={code[1]}" not in self.machine.said():
            return f"neither address nor QR code:\n{self.machine.said()[-2000:]}"
        self.inbox_key = claim(self.machine.port, code[1])
        return None

    def proven(self):
        """The version marked itself good, and the file on the boot partition says so."""
        self.machine.until("this version is good")
        return None

    def pulled(self):
        load = Load(self.machine.port, self.inbox_key)
        load.run()
        self.machine.pull()
        self.acked += load.end()
        self.machine.start()
        self.machine.ready()
        lost = missing(self.machine.port, self.acked)
        print(f"   {len(self.acked)} acks so far, ready after {self.machine.seconds:.0f} s", flush=True)
        return f"{len(lost)} of {len(self.acked)} lost: {lost[:3]}" if lost else None

    def goes_off(self):
        self.machine.press()
        if "going down" not in self.machine.said():
            return "it did not go down in order"
        names = [name for name in self.machine.names("EFI/Linux") if name.endswith(".efi")]
        if len(names) != 1 or "+" in names[0]:
            return f"not marked good: {names}"
        return None

    def mistake(self):
        self.machine.put("posthouse.yaml", "language: en\nlog:\n  levle: info\n")
        self.machine.put("export-logs", "")
        self.machine.start()
        self.machine.ready()
        said = self.machine.said()
        if not re.search(r"/boot/posthouse\.yaml:3.*levle", said) or "(8005)" not in said:
            return f"the line is not named:\n{said[-2000:]}"
        if "export of logs: done" not in said:
            return "no logs"
        return f"lost: {missing(self.machine.port, self.acked)[:3]}" if missing(self.machine.port, self.acked) else None

    def settings(self):
        """A fixed address and another name, after a pull that nobody announced."""
        self.machine.pull()
        log = self.machine.take("logs/log.txt")
        if "the data partition takes the whole disk" not in log or CODE.search(log):
            return f"the exported log is not the machine's, or has a code in it: {log[:400]}"
        self.machine.put("posthouse.yaml", "appliance:\n  name: counter\n  address: 10.0.2.15/24\n  gateway: 10.0.2.2\n")
        self.machine.start()
        self.machine.ready()
        return None if "settings: /boot/posthouse.yaml" in self.machine.said() else "the settings were not taken"

    def foreign(self):
        self.machine.press()
        self.machine.copy("update.phb", self.bundles / "foreign.phb")
        self.machine.start()
        self.machine.ready()
        if "(8102)" not in self.machine.said() or "update-refused.phb" not in self.machine.names(""):
            return f"not refused:\n{self.machine.said()[-2000:]}"
        return None

    def update(self):
        """The next version, in the same run of the machine: it starts again by itself. Every write is kept."""
        self.machine.press()
        self.machine.copy("update.phb", self.bundles / "good.phb")
        subprocess.run(["cp", "--sparse=always", self.machine.disk, self.bundles / "before.img"], check=True)
        self.machine.start(self.bundles / "writes.log")
        self.machine.until("is tried now")
        self.machine.ready()
        self.machine.until(r"this version is good: .*posthouse_9\.0\.0\.efi")
        lost = missing(self.machine.port, self.acked)
        self.machine.press()
        return f"lost: {lost[:3]}" if lost else None

    def replayed(self):
        """Cuts at any write of that update: the loader finds the old version or the new one, whole."""
        kernel = lambda version: (self.bundles / version / f"posthouse_{version}.efi").read_bytes()
        fixed = {f"EFI/BOOT/{contents.EFI[self.arch][0]}": None, "loader/loader.conf": None}
        fixed = {name: contents.boot_file(self.bundles / "before.img", name) for name in fixed}
        old = self.version
        slots = {old: (self.bundles / f"image/posthouse_{old}.efi").read_bytes(), "9.0.0": kernel("9.0.0")}
        self.judge = cuts.Judge(old, fixed, slots)
        log = self.bundles / "writes.log"
        wrong, seen = cuts.check(self.bundles / "before.img", log, self.bundles / "replay", self.judge, CUTS)
        print(f"   cuts by what could be started: {seen}", flush=True)
        return wrong

    def booted(self, count):
        """Some of those cuts started for good."""
        chance = random.Random(5)
        replay = cuts.Replay(self.bundles / "before.img", self.bundles / "writes.log", self.bundles / "replay")
        chosen, done = replay.cuts(count, chance), 0
        own, wrong = self.machine.disk, None
        with open(replay.disk, "r+b") as disk:
            for cut in chosen:
                replay.put(disk, replay.steps[done:cut])
                done = cut
                self.machine.disk = self.bundles / "cut.img"
                subprocess.run(["cp", "--sparse=always", replay.disk, self.machine.disk], check=True)
                self.machine.start()
                self.machine.ready()
                lost = missing(self.machine.port, self.acked)
                self.machine.pull()
                wrong = wrong or (f"cut before write {cut}: lost {lost[:3]}" if lost else None)
        self.machine.disk = own
        for name in ("cut.img", "before.img", "writes.log"):
            (self.bundles / name).unlink()
        shutil.rmtree(self.bundles / "replay")
        self.machine.start()
        self.machine.ready()
        return wrong

    def sick(self):
        """A version that finds the disk full is not good: the former one returns after its time is over."""
        self.machine.press()
        self.machine.copy("update.phb", self.bundles / "sick.phb")
        self.fill()
        self.machine.start()
        self.machine.until("is tried now")
        self.machine.until(r"doctor: .*7005")
        self.machine.until(r"\(8007\)")
        self.machine.until(r"\(8007\)[^$]*READY")
        self.machine.press()
        names = sorted(name for name in self.machine.names("EFI/Linux") if name.endswith(".efi"))
        self.machine.data("rm fill")
        self.machine.start()
        self.machine.ready()
        return None if names == ["posthouse_9.0.0.efi", "posthouse_9.0.2+0-1.efi"] else f"slots {names}"

    def fill(self):
        """Leaves 8 MiB of the data partition."""
        said = self.machine.data("stats")
        blocks = int(re.search(r"Free blocks: +(\d+)", said)[1]) - 2048
        (self.machine.folder / "empty").write_bytes(b"")
        self.machine.data(
            f"write {self.machine.folder / 'empty'} fill", f"fallocate fill 0 {blocks - 1}",
            f"set_inode_field fill size {blocks * 4096}",
        )

    def fallback(self):
        """A version whose kernel finds nothing to run panics; after its tries the former one is back."""
        self.machine.press()
        self.machine.copy("update.phb", self.bundles / "broken.phb")
        self.machine.start()
        self.machine.until("is tried now")
        self.machine.ready()
        panics = self.machine.said().count("Kernel panic")
        names = [name for name in self.machine.names("EFI/Linux") if name.endswith(".efi")]
        if panics != 3 or sorted(names) != ["posthouse_9.0.0.efi", "posthouse_9.0.1+0-3.efi"]:
            return f"{panics} panics, slots {names}"
        lost = missing(self.machine.port, self.acked)
        return f"lost: {lost[:3]}" if lost else None

    def reset(self):
        self.machine.press()
        self.machine.data("mkdir backups", "cd backups", f"write {self.machine.serial} kept")
        self.machine.put("factory-reset.txt", "")
        self.machine.put("posthouse.yaml", f"appliance:\n  setup_code: {SETUP_CODE}\n")
        self.machine.start()
        self.machine.ready()
        said = self.machine.said()
        if "factory reset: done" not in said or not CODE.search(said) or CODE.search(said)[1] != SETUP_CODE:
            return f"not as new:\n{said[-2000:]}"
        claim(self.machine.port, SETUP_CODE)
        self.machine.press()
        if "kept" not in self.machine.data("ls backups"):
            return "the backups are gone"
        return "the request is still there" if "factory-reset.txt" in str(self.machine.names("")) else None

    def starts(self):
        """Nobody started it but we: neither a watchdog nor a panic."""
        for number in range(1, self.machine.starts + 1):
            self.machine.serial = self.machine.folder / f"serial.{number}"
            said = self.machine.said()
            if "is tried now" not in said and ("panic" in said or said.count("READY") > 1):
                return f"start {number} was not the only one"
        return None

    def run(self, pulls):
        if self.case("first start", self.first_start) and self.case("claim", self.claim):
            self.case("chat", talk, self.machine.port, self.inbox_key)
            self.case("the version proves itself", self.proven)
            for number in range(pulls):
                if not self.case(f"plug pulled under load, {number + 1}", self.pulled):
                    break
            self.case("power button", self.goes_off)
            self.case("mistake in the settings", self.mistake)
            self.case("settings", self.settings)
            self.case("foreign bundle", self.foreign)
            if self.case("update", self.update):
                self.case(f"{CUTS} power cuts of it replayed", self.replayed)
                self.case("some of them started", self.booted, 3 if pulls == 2 else 20)
            self.case("update that fails its doctor", self.sick)
            self.case("update that cannot run", self.fallback)
            self.case("factory reset", self.reset)
            self.case("no start of its own", self.starts)
        if self.machine.process.poll() is None:
            self.machine.pull()


def main():
    image, arch, pulls, bundles = sys.argv[1:]
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    tally = Tally(f"image {arch}")
    contents.check(image, arch, version, tally)
    Trials(image, arch, version, bundles, tally).run(int(pulls))
    sys.exit(tally.end())


if __name__ == "__main__":
    main()
