"""Names, versions, licences and notices of what is linked into the program, for those who pass it on.

usage: notices.py TARGET [ZIG] > third-party     ZIG: the folder that scripts/toolchain tells
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
NAMES = ("licen", "copying", "copyright", "notice", "unlicense")
# Not crates: the C library and the standard library, which are linked in as well.
OTHERS = [
    ("musl", "MIT", "https://musl.libc.org/", "ziglang/lib/libc/musl"),
    ("compiler-rt of LLVM", "Apache-2.0 WITH LLVM-exception", "https://llvm.org/", None),
    ("Rust standard library", "MIT OR Apache-2.0", "https://www.rust-lang.org/", None),
]


def crates(target):
    """The crates that are in the program: what it needs when it runs, not what builds or tests it."""
    words = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, todo = set(), [name for name in nodes if packages[name]["name"] == "posthouse"]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for dependency in nodes[name]["deps"]:
            parts = packages[dependency["pkg"]]["targets"]
            macro = any("proc-macro" in part["kind"] for part in parts)
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]) and not macro:
                todo.append(dependency["pkg"])
    found = [packages[name] for name in found if packages[name]["source"]]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def modules():
    """What the pages are made with: dependencies of src/web that are not for its development."""
    lock = json.loads((ROOT / "src/web/package-lock.json").read_text(encoding="utf-8"))
    for place, module in sorted(lock["packages"].items()):
        if place and not module.get("dev"):
            yield place.split("node_modules/")[-1], module, ROOT / "src/web" / place


def texts(folder):
    """The notices that lie at the top of the folder or of a C library within it."""
    found = [*folder.glob("*"), *folder.glob("c_src/*/*")]
    for path in sorted(path for path in found if path.is_file()):
        if path.name.lower().startswith(NAMES):
            yield path.read_text(encoding="utf-8", errors="replace").strip()


def main():
    heads, notices = [], {}

    def add(name, licence, where, folder):
        heads.append(f"{name}: {licence} ({where})")
        for text in texts(folder) if folder else ():
            notices.setdefault(text, []).append(name)

    for name, licence, where, folder in OTHERS:
        zig = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
        add(name, licence, where, zig / folder if zig and folder else None)
    for package in crates(sys.argv[1]):
        where = package["repository"] or "https://crates.io/crates/" + package["name"]
        folder = pathlib.Path(package["manifest_path"]).parent
        add(f"{package['name']} {package['version']}", package["license"], where, folder)
    for name, module, folder in modules():
        add(f"{name} {module['version']}", module.get("license", "see below"), "npm", folder)
    print("What is linked into posthouse, and what its authors ask to be passed on with it.\n")
    print("\n".join(heads))
    for text, names in notices.items():
        print(f"\n{'-' * 100}\n{', '.join(names)}\n\n{text}")


if __name__ == "__main__":
    main()
