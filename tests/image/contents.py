"""What is in a disk image, looked at without booting it: partitions, the loader, one kernel file on trial, and an
initramfs that holds what it should and nothing else.
"""

import json
import pathlib
import re
import struct
import subprocess

MIB = 1024 * 1024
BOOT_AT = MIB
EFI = {"arm64": ("BOOTAA64.EFI", 0xAA64), "amd64": ("BOOTX64.EFI", 0x8664)}
SECTIONS = {".linux", ".initrd", ".cmdline", ".osrel", ".uname"}
# The only programs: ours, and four of Debian's for file systems.
PROGRAMS = {"bin/posthouse", "sbin/e2fsck", "sbin/resize2fs", "sbin/fsck.fat", "sbin/blockdev"}
LIBRARY = re.compile(r"lib/(lib[a-z0-9_+.-]+\.so[0-9.]*|ld-linux-[a-z0-9-]+\.so\.[0-9])$|lib64/ld-linux-x86-64\.so\.2$")
DATA = re.compile(
    r"etc/(os-release|resolv\.conf|posthouse\.yaml|posthouse/update-keys)$|dev/console$"
    r"|lib/modules/[^/]+/(modules\.(dep|alias|load)|[A-Za-z0-9_]+\.ko)$"
)


class Wrong(Exception):
    """The image is not as it should be."""


def need(holds, what):
    if not holds:
        raise Wrong(what)


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout


def partitions(image):
    table = json.loads(run("sfdisk", "-J", image))["partitiontable"]
    parts = [(p["name"], p["start"] * 512 // MIB, p["size"] * 512 // MIB) for p in table["partitions"]]
    need(table["label"] == "gpt", table["label"])
    need(parts == [("posthouse-boot", 1, 256), ("posthouse-data", 257, 64)], parts)


def boot_file(image, name):
    return run("mcopy", "-n", "-i", f"{image}@@{BOOT_AT}", f"::{name}", "-")


def boot_names(image, folder=""):
    lines = run("mdir", "-b", "-/", "-i", f"{image}@@{BOOT_AT}", f"::{folder}").decode().split("\n")
    return sorted(line.removeprefix("::/") for line in lines if line and not line.endswith("/"))


def executable(data, machine):
    """Sections of a PE file by name."""
    at, = struct.unpack_from("<I", data, 0x3C)
    need(data[:2] == b"MZ" and data[at:at + 4] == b"PE\0\0", "not an EFI program")
    kind, count, _, _, _, optional, _ = struct.unpack_from("<HHIIIHH", data, at + 4)
    need(kind == machine, f"for machine {kind:#x}")
    found = {}
    for number in range(count):
        name, size, _, length, offset = struct.unpack_from("<8sIIII", data, at + 24 + optional + number * 40)
        found[name.rstrip(b"\0").decode()] = data[offset:offset + min(size, length)]
    return found


def archive(data):
    """Names, modes and bytes of a cpio archive of the format newc."""
    out, at = {}, 0
    while True:
        need(data[at:at + 6] == b"070701", "not an archive")
        fields = [int(data[at + 6 + n * 8:at + 14 + n * 8], 16) for n in range(13)]
        name = data[at + 110:at + 110 + fields[11] - 1].decode()
        body = (at + 110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return out
        out[name] = (fields[1], data[body:body + fields[6]])
        at = (body + fields[6] + 3) // 4 * 4


def initramfs(packed):
    plain = subprocess.run(["zstd", "-dc"], input=packed, check=True, capture_output=True).stdout
    entries = archive(plain)
    files = {name: body for name, (mode, body) in entries.items() if mode & 0o170000 != 0o040000}
    strange = {n for n in files if n not in PROGRAMS and not LIBRARY.match(n) and not DATA.match(n)}
    need(not strange, f"in the initramfs: {sorted(strange)}")
    need(PROGRAMS <= set(files), f"missing: {PROGRAMS - set(files)}")
    words = ("ssh", "passwd", "shadow", "telnet", "getty", "login", "busybox", "/sh")
    need(not [n for n in files if any(word in n for word in words)], "another way in")
    modes = {name: mode for name, (mode, _) in entries.items()}
    need(not [n for n, mode in modes.items() if mode & 0o6000], "a file with the rights of its owner")
    need(not [n for n, mode in modes.items() if mode & 0o2 and mode & 0o170000 == 0o100000], "writable by all")
    modules = {pathlib.Path(n).stem for n in files if n.endswith(".ko")}
    need({"ext4", "vfat", "virtio_blk", "virtio_net", "nvme", "usb_storage"} <= modules, sorted(modules))
    need(b"ELF" in files["bin/posthouse"][:4], "the program is none")
    return files


def kernel_file(image, arch, version):
    names = boot_names(image, "EFI/Linux")
    need(names == [f"EFI/Linux/posthouse_{version}+3.efi"], names)
    parts = executable(boot_file(image, names[0]), EFI[arch][1])
    need(SECTIONS <= set(parts), f"sections: {sorted(parts)}")
    line = parts[".cmdline"].decode().rstrip("\0")
    need("rdinit=/bin/posthouse" in line and line.endswith("-- appliance init"), line)
    need(f"VERSION_ID={version}" in parts[".osrel"].decode(), "the version is another one")
    return initramfs(parts[".initrd"])


def check(image, arch, version, tally):
    """Every case of an image file."""

    def attempt(name, work, *words):
        try:
            tally.case(name, work(*words) and None)
        except (Wrong, subprocess.CalledProcessError, KeyError, ValueError) as wrong:
            tally.case(name, repr(wrong))

    def loader():
        name, machine = EFI[arch]
        need(".sdmagic" in executable(boot_file(image, f"EFI/BOOT/{name}"), machine), "not systemd-boot")
        settings = boot_file(image, "loader/loader.conf").decode()
        need("editor no" in settings, "the kernel's command line can be edited")

    def files():
        names = [n for n in boot_names(image) if not n.startswith(("EFI/", "loader/"))]
        need(sorted(names) == ["README.txt", "posthouse.yaml"], names)
        text = boot_file(image, "posthouse.yaml").decode()
        need(not [line for line in text.splitlines() if line and not line.startswith("#")], "settings that nobody made")

    attempt("partitions", partitions, image)
    attempt("loader", loader)
    attempt("kernel file", kernel_file, image, arch, version)
    attempt("files", files)
