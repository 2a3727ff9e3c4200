"""Makes a disk image of a program and unpacked Debian packages; scripts/image calls it."""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

import disk
import initramfs

HERE = pathlib.Path(__file__).parent
# Name of the processor: UEFI's for files and programs, and where the kernel talks on a serial line. An ARM board's
# firmware names the line in its tables.
KINDS = {
    "arm64": {"efi": "aa64", "console": "console=tty0"},
    "amd64": {"efi": "x64", "console": "console=ttyS0,115200 console=tty0"},
}
# A boot that hangs or panics is a try that failed: start again after ten seconds. A backup partition table
# counts when the first one is torn ("gpt").
COMMAND_LINE = "rdinit=/bin/posthouse panic=10 gpt quiet loglevel=4 {console} -- appliance init"
# How often a new version may be started before it counts as bad.
TRIES = 3


def release(args):
    return f"""NAME=Posthouse
ID=posthouse
PRETTY_NAME="Posthouse {args.version}"
VERSION_ID={args.version}
IMAGE_VERSION={args.version}
BUILD_EPOCH={args.epoch}
TARGET={args.arch}-uefi
"""


def kernel_of(debian):
    found = sorted(pathlib.Path(debian, "usr/lib/modules").iterdir())
    if len(found) != 1:
        raise SystemExit(f"expected one kernel, found {[path.name for path in found]}")
    return found[0].name


def unified_kernel(args, out):
    """One signed-as-a-whole file: kernel, initramfs and command line behind systemd's EFI stub."""
    debian, kind = pathlib.Path(args.debian), KINDS[args.arch]
    kernel = kernel_of(debian)
    work = pathlib.Path(args.out)
    text = release(args)
    modules = (HERE / "modules.txt").read_text()
    keys = pathlib.Path(args.keys).read_bytes() if args.keys else None
    archive = initramfs.make(args.binary, debian, kernel, modules, text, keys)
    plain, packed, os_release = work / "initramfs", work / "initramfs.zst", work / "os-release"
    plain.write_bytes(archive)
    os_release.write_text(text)
    subprocess.run(["zstd", "-q", "-f", f"-{args.level}", "--single-thread", "-o", packed, plain], check=True)
    command = [
        sys.executable, pathlib.Path(args.tools, "usr/bin/ukify"), "build",
        f"--linux={debian}/boot/vmlinuz-{kernel}", f"--initrd={packed}", f"--uname={kernel}",
        f"--os-release=@{os_release}", f"--efi-arch={kind['efi']}",
        f"--stub={debian}/usr/lib/systemd/boot/efi/linux{kind['efi']}.efi.stub",
        "--cmdline=" + COMMAND_LINE.format(console=kind["console"]), f"--output={out}",
    ]
    path = {"PYTHONPATH": str(pathlib.Path(args.tools, "usr/lib/python3/dist-packages"))}
    clock = {"SOURCE_DATE_EPOCH": str(args.epoch), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, check=True, env=os.environ | path | clock, stdout=subprocess.DEVNULL)
    plain.unlink()


def boot_tree(args, kernel_file):
    """The files of the boot partition, in a folder."""
    tree = pathlib.Path(args.out, "boot")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(HERE / "boot", tree)
    efi = KINDS[args.arch]["efi"]
    for folder in ("EFI/BOOT", "EFI/Linux"):
        (tree / folder).mkdir(parents=True)
    loader = pathlib.Path(args.debian, f"usr/lib/systemd/boot/efi/systemd-boot{efi}.efi")
    shutil.copyfile(loader, tree / f"EFI/BOOT/BOOT{efi.upper()}.EFI")
    shutil.copyfile(kernel_file, tree / f"EFI/Linux/posthouse_{args.version}+{TRIES}.efi")
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=KINDS, required=True)
    parser.add_argument("--binary", required=True, help="the static program")
    parser.add_argument("--debian", required=True, help="folder of unpacked packages of that processor")
    parser.add_argument("--tools", required=True, help="folder with ukify and pefile")
    parser.add_argument("--keys", help="file of the keys that updates must be signed with")
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", type=int, required=True, help="time of every file, in seconds")
    parser.add_argument("--level", type=int, default=19, help="of zstd")
    parser.add_argument("--kernel-only", action="store_true", help="no disk image: the file for a slot alone")
    parser.add_argument("--out", required=True, help="folder")
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    kernel_file = out / f"posthouse_{args.version}.efi"
    unified_kernel(args, kernel_file)
    if not args.kernel_only:
        disk.make(out / "posthouse.img", boot_tree(args, kernel_file), args.epoch)


main()
