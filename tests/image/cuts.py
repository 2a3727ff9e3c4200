"""Power cuts replayed on a disk image without booting: the writes of a machine, as qemu's blklogwrites kept them, up
to any one of them, in order or with some of the last ones missing or torn. After each cut the boot partition is
looked at and checked as the next start checks it; what it can start then must be the old version or the new one.
"""

import mmap
import os
import pathlib
import random
import shutil
import struct
import subprocess

MIB = 1024 * 1024
BOOT_AT, BOOT_BYTES = MIB, 256 * MIB
SECTOR = 512
# drivers/md/dm-log-writes.c of the kernel, whose format it is.
LOG_MAGIC = 0x6A736677736872
FLUSH, DISCARD = 1, 4


class Broken(Exception):
    """A cut leaves something that must not be."""


def writes(path):
    """Offset and bytes of each write, None for each flush, in the order of the log."""
    with open(path, "rb") as log:
        magic, _, count, sector = struct.unpack_from("<QQQI", log.read(SECTOR))
        if magic != LOG_MAGIC or sector != SECTOR:
            raise Broken("no log of writes")
        for _ in range(count):
            at, sectors, flags, _ = struct.unpack_from("<QQQQ", log.read(SECTOR))
            if flags & FLUSH:
                yield None
            if sectors and not flags & DISCARD:
                yield at * SECTOR, log.read(sectors * SECTOR)


class Fat:
    """FAT32, read as the specification has it: names, long ones too, and bytes."""

    def __init__(self, image):
        self.image = image
        sector, per_cluster, reserved, tables = struct.unpack_from("<HBHB", image, 11)
        table_sectors, self.root = struct.unpack_from("<I4xI", image, 36)
        self.table, self.cluster = reserved * sector, per_cluster * sector
        self.data = (reserved + tables * table_sectors) * sector

    def chain(self, first):
        seen, at = [], first
        while 2 <= at < 0x0FFFFFF7:
            seen.append(at)
            if len(seen) > BOOT_BYTES // self.cluster:
                raise Broken("a chain without an end")
            at = struct.unpack_from("<I", self.image, self.table + at * 4)[0] & 0x0FFFFFFF
        return seen

    def bytes(self, first, size=None):
        """The content of a chain; neighbours are read together."""
        parts, chain = [], self.chain(first)
        begin = 0
        for end in range(1, len(chain) + 1):
            if end == len(chain) or chain[end] != chain[end - 1] + 1:
                at = self.data + (chain[begin] - 2) * self.cluster
                parts.append(self.image[at:at + (end - begin) * self.cluster])
                begin = end
        return b"".join(parts)[:size]

    def folder(self, first):
        """Names to (first cluster, size); size None = a folder."""
        found, long = {}, {}
        raw = self.bytes(first)
        for entry in (raw[at:at + 32] for at in range(0, len(raw), 32)):
            if entry[0] == 0:
                break
            if entry[0] == 0xE5:
                long = {}
            elif entry[11] == 0x0F:
                long[entry[0] & 0x1F] = entry[1:11] + entry[14:26] + entry[28:32]
            elif not entry[11] & 0x08:
                name = entry[:8].decode("latin-1").strip() + "." + entry[8:11].decode("latin-1").strip()
                if long:
                    name = b"".join(long[n] for n in sorted(long)).decode("utf-16-le", "replace").split("\0")[0]
                high, low, size = struct.unpack_from("<H4xHI", entry, 20)
                found[name.rstrip(".").lower()] = (high << 16 | low, None if entry[11] & 0x10 else size)
                long = {}
        return found

    def file(self, path):
        at = self.root
        for part in path.lower().split("/"):
            at, size = self.folder(at)[part]
        return self.bytes(at, size)

    def names(self, path):
        at = self.root
        for part in path.lower().split("/"):
            at, _ = self.folder(at)[part]
        return [name for name, (_, size) in self.folder(at).items() if size is not None]


class Judge:
    """What a boot partition must hold after a cut: `slots` by version, and files that never change."""

    def __init__(self, old, fixed, slots):
        self.old, self.fixed, self.slots = old, fixed, slots

    def look(self, path):
        """The versions that can be started."""
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            fat = Fat(image)
            for name, body in self.fixed.items():
                if fat.file(name) != body:
                    raise Broken(f"{name} changed")
            found = set()
            for name in fat.names("EFI/Linux"):
                body = fat.file(f"EFI/Linux/{name}")
                # The loader passes over what is no program.
                if not name.endswith(".efi") or body[:2] != b"MZ":
                    continue
                version = name.split("_")[1].split("+")[0].removesuffix(".efi")
                if body != self.slots.get(version):
                    raise Broken(f"{name}: a program with {len(body)} bytes that nobody made")
                found.add(version)
        if self.old not in found:
            raise Broken(f"the running version is gone: {sorted(found)}")
        return found

    def after_cut(self, path):
        """As the loader sees it, then as the next start leaves it."""
        before = self.look(path)
        ended = subprocess.run(["fsck.fat", "-a", str(path)], capture_output=True)
        if ended.returncode not in (0, 1):
            raise Broken(f"fsck.fat: {ended.stdout[-300:]!r}")
        after = self.look(path)
        if subprocess.run(["fsck.fat", "-n", str(path)], capture_output=True).returncode != 0:
            raise Broken("fsck.fat did not put everything right")
        if before != after:
            raise Broken(f"{sorted(before)} could be started, after the check {sorted(after)}")
        return after


class Replay:
    """A disk that takes the writes of a log one after the other."""

    def __init__(self, before, log, folder):
        self.folder = pathlib.Path(folder)
        self.disk = self.folder / "replayed.img"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        subprocess.run(["cp", "--sparse=always", before, self.disk], check=True)
        self.steps = list(writes(log))

    def of_boot(self):
        """Numbers of the writes to the boot partition."""
        inside = range(BOOT_AT, BOOT_AT + BOOT_BYTES)
        return [n for n, step in enumerate(self.steps) if step and step[0] in inside]

    def cuts(self, count, chance):
        """Numbers of steps to cut before: all around small writes, which are names and tables, and some of the rest."""
        boot = self.of_boot()
        small = [n for n in boot if len(self.steps[n][1]) <= 4096]
        chosen = set(small if len(small) <= count * 2 // 3 else chance.sample(small, count * 2 // 3))
        rest = [n for n in boot if n not in chosen]
        chosen |= set(chance.sample(rest, min(len(rest), count - len(chosen))))
        return sorted(chosen)

    def run(self, cuts, chance, visit, turn=0):
        """Calls visit(number, file of the boot partition) at each cut: every other one with losses, the others in order;
        in the next turn the other way round."""
        done = 0
        with open(self.disk, "r+b") as disk:
            for number, cut in enumerate(cuts):
                self.put(disk, self.steps[done:cut])
                done = cut
                part = self.part(disk)
                if (number + turn) % 2:
                    self.lose(part, cut, chance)
                visit(cut, part)

    @staticmethod
    def put(disk, steps, base=0):
        for step in steps:
            if step:
                disk.seek(step[0] - base)
                disk.write(step[1])
        disk.flush()

    def part(self, disk):
        """A copy of the boot partition; what is empty stays a hole."""
        path = self.folder / "boot.img"
        with open(path, "wb") as out:
            out.truncate(BOOT_BYTES)
            for at in range(0, BOOT_BYTES, MIB):
                piece = os.pread(disk.fileno(), MIB, BOOT_AT + at)
                if piece.strip(b"\0"):
                    os.pwrite(out.fileno(), piece, at)
        return path

    def lose(self, path, cut, chance):
        """A disk with a cache: of what comes before the next flush some arrives all the same, and some of it torn."""
        until = next((n for n in range(cut, len(self.steps)) if self.steps[n] is None), cut)
        ahead = [n for n in range(cut, until) if self.steps[n] and chance.random() < 0.5]
        with open(path, "r+b") as boot:
            for n in ahead:
                at, body = self.steps[n]
                if BOOT_AT <= at < BOOT_AT + BOOT_BYTES:
                    whole = len(body) if chance.random() < 0.7 else chance.randrange(0, len(body), SECTOR)
                    self.put(boot, [(at, body[:whole])], BOOT_AT)


def control(replay, judge, chance):
    """A writer that puts the first block of a slot first: cuts must find it out."""
    heads = [n for n in replay.of_boot() if replay.steps[n][1][:2] == b"MZ" and len(replay.steps[n][1]) <= 4096]
    if not heads:
        return "no write made a program of the slot"
    place = replay.steps[heads[0]][0]
    early = next(n for n in replay.of_boot() if replay.steps[n][0] == place)
    replay.steps.insert(early + 1, replay.steps.pop(heads[0]))
    found = []

    def visit(_, path):
        try:
            judge.look(path)
        except Broken as broken:
            found.append(str(broken))

    replay.run(replay.cuts(30, chance), chance, visit)
    return None if found else "cuts do not find a writer without care"


def check(before, log, folder, judge, count):
    """Replays `count` cuts; what is wrong, and how often which versions could be started."""
    chance, seen = random.Random(4), {}

    def visit(cut, path):
        try:
            found = "+".join(sorted(judge.after_cut(path)))
        except (Broken, KeyError) as broken:
            raise Broken(f"cut before write {cut}: {broken!r}") from broken
        seen[found] = seen.get(found, 0) + 1

    # An update makes fewer writes than that: what is lost at a cut differs from turn to turn.
    for turn in range(4):
        replay = Replay(before, log, folder)
        replay.run(replay.cuts(count - sum(seen.values()), chance), chance, visit, turn)
        if sum(seen.values()) >= count:
            break
    wrong = control(Replay(before, log, folder), judge, chance)
    if sum(seen.values()) < count:
        wrong = wrong or f"only {sum(seen.values())} cuts"
    if len(seen) < 2:
        wrong = wrong or f"every cut left {seen}"
    return wrong, seen
