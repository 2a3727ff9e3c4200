"""The kernel modules of the image: those of modules.txt and all that they need, unpacked, with the two tables
that the supervisor reads (modules.dep and modules.alias, in kmod's formats)."""

import lzma
import pathlib
import struct


def name_of(path):
    """A module's name as the kernel writes it."""
    return path.name.split(".ko")[0].replace("-", "_")


def info(image):
    """Pairs of the section .modinfo of an ELF file of 64 bits."""
    shoff, = struct.unpack_from("<Q", image, 0x28)
    shentsize, shnum, shstrndx = struct.unpack_from("<HHH", image, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", image, shoff + n * shentsize) for n in range(shnum)]
    names = sections[shstrndx][4]
    for name, _, _, _, offset, size in sections:
        end = image.index(b"\0", names + name)
        if image[names + name:end] == b".modinfo":
            words = image[offset:offset + size].split(b"\0")
            return [tuple(word.decode().split("=", 1)) for word in words if b"=" in word]
    return []


class Module:
    def __init__(self, path):
        packed = path.read_bytes()
        self.image = lzma.decompress(packed) if path.suffix == ".xz" else packed
        pairs = info(self.image)
        self.aliases = [value for key, value in pairs if key == "alias"]
        needs = [value for key, value in pairs if key == "depends"]
        self.needs = [n.replace("-", "_") for value in needs for n in value.split(",") if n]
        # "pre: a b post: c": what should be there before, if the kernel has it.
        self.wants = []
        for value in (value for key, value in pairs if key == "softdep"):
            before = value.split("post:")[0].replace("pre:", " ")
            self.wants += [name.replace("-", "_") for name in before.split()]


def wanted(text):
    """Names in modules.txt, and those that are loaded at every start."""
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    names = [line[0].replace("-", "_") for line in lines if line]
    always = [line[0].replace("-", "_") for line in lines if line[1:] == ["always"]]
    return names, always


def closure(folder, names):
    """Modules by name: `names` and what they need, as far as they are files below `folder`."""
    files = {name_of(path): path for path in folder.rglob("*.ko*")}
    found, todo = {}, list(names)
    while todo:
        name = todo.pop()
        if name in found or name not in files:
            continue
        module = found[name] = Module(files[name])
        todo += module.needs + module.wants
    return dict(sorted(found.items()))


def order(modules, name, seen=None):
    """What must be loaded before `name`, in that order."""
    seen = [] if seen is None else seen
    for need in modules[name].wants + modules[name].needs:
        if need in modules and need not in seen and need != name:
            order(modules, need, seen)
            if need not in seen:
                seen.append(need)
    return seen


def tables(modules, always):
    """File name and text of what the supervisor reads beside the modules."""
    dep = []
    for name in modules:
        # kmod's order: the last one is loaded first.
        before = [f"{need}.ko" for need in reversed(order(modules, name))]
        dep.append(" ".join([f"{name}.ko:"] + before))
    alias = [f"alias {a} {name}" for name, module in modules.items() for a in module.aliases]
    load = [name for name in always if name in modules]
    return {
        "modules.dep": "\n".join(dep) + "\n",
        "modules.alias": "\n".join(alias) + "\n",
        "modules.load": "\n".join(load) + "\n",
    }


def files(folder, text):
    """Everything for the folder /lib/modules/VERSION of the image: name to bytes."""
    names, always = wanted(text)
    modules = closure(pathlib.Path(folder), names)
    out = {f"{name}.ko": module.image for name, module in modules.items()}
    out |= {name: table.encode() for name, table in tables(modules, always).items()}
    return out
