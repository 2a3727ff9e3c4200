"""The initramfs: our program as the first process, three programs for file systems and the libraries that they
need, and kernel modules. Nothing else: no shell, no other way in. The same input gives the same bytes."""

import pathlib
import re
import struct
import subprocess

import kernel_modules

# From Debian: check both partitions, grow one, and let the kernel read the partition table again.
TOOLS = ["usr/sbin/e2fsck", "usr/sbin/resize2fs", "usr/sbin/fsck.fat", "usr/sbin/blockdev"]
FOLDERS = ["proc", "sys", "dev", "run", "tmp", "boot", "data", "etc", "root"]


class Archive:
    """cpio, format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel)."""

    def __init__(self):
        self.parts, self.entries = [], 0

    def add(self, name, mode, body=b"", device=(0, 0)):
        self.entries += 1
        raw = name.encode() + b"\0"
        fields = [self.entries, mode, 0, 0, 1, 0, len(body), 0, 0, *device, len(raw), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        for part in (head, body):
            self.parts += [part, b"\0" * (-len(part) % 4)]

    def folder(self, name, mode=0o755):
        self.add(name, 0o040000 | mode)

    def file(self, name, body, mode=0o644):
        self.add(name, 0o100000 | mode, body)

    def link(self, name, target):
        self.add(name, 0o120777, target.encode())

    def bytes(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def needed(path):
    """The libraries and the loader that a program or library names."""
    text = subprocess.run(["readelf", "-dlW", path], check=True, capture_output=True, text=True).stdout
    libraries = re.findall(r"\(NEEDED\).*\[(.+?)\]", text)
    loader = re.findall(r"program interpreter: (.+?)\]", text)
    return libraries, loader


def tools(debian):
    """Path in the image to file in `debian`, for the tools and all that they need."""
    debian = pathlib.Path(debian)
    libraries = {path.name: path for path in sorted(debian.glob("usr/lib/*-linux-gnu/*.so*"))}
    out, todo = {}, []
    for tool in TOOLS:
        path = debian / tool
        out[f"sbin/{path.name}"] = path
        todo.append(path)
    while todo:
        names, loader = needed(todo.pop())
        for name in loader:
            out[name.lstrip("/")] = libraries[pathlib.Path(name).name].resolve()
        for name in names:
            if name not in libraries:
                raise SystemExit(f"no package has {name}")
            # All in one folder that the loader looks into without a cache.
            if f"lib/{name}" not in out and not name.startswith("ld-linux"):
                out[f"lib/{name}"] = libraries[name].resolve()
                todo.append(libraries[name].resolve())
    return out


def make(binary, debian, kernel, list_of_modules, release, keys):
    """The archive, not compressed. `release`: the text of /etc/os-release; `keys`: those of updates, or None."""
    archive = Archive()
    for name in FOLDERS:
        archive.folder(name, 0o700 if name in ("root", "data") else 0o755)
    archive.add("dev/console", 0o020600, device=(5, 1))
    carried = {f"lib/modules/{kernel}/{name}": (body, 0o644) for name, body in kernel_modules.files(
        pathlib.Path(debian) / "usr/lib/modules" / kernel, list_of_modules).items()}
    carried |= {name: (path.read_bytes(), 0o755) for name, path in tools(debian).items()}
    carried["bin/posthouse"] = (pathlib.Path(binary).read_bytes(), 0o755)
    carried["etc/os-release"] = (release.encode(), 0o644)
    carried["etc/resolv.conf"] = (b"", 0o644)
    # What the desk runs on when the settings of the boot partition cannot be used.
    carried["etc/posthouse.yaml"] = (b"", 0o644)
    if keys:
        carried["etc/posthouse/update-keys"] = (keys, 0o644)
    folders = set()
    for name in carried:
        folders |= {str(parent) for parent in pathlib.PurePath(name).parents if str(parent) != "."}
    for name in sorted(folders - set(FOLDERS)):
        archive.folder(name)
    for name, (body, mode) in sorted(carried.items()):
        archive.file(name, body, mode)
    return archive.bytes()
