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
# Name of the processor: UEFI's for files and programs, and where the kernel talks on a serial line. Firmware of UEFI
# names the line of an ARM board in its tables.
KINDS = {
    "arm64-uefi": {"efi": "aa64", "console": "console=tty0"},
    "amd64-uefi": {"efi": "x64", "console": "console=ttyS0,115200 console=tty0"},
    "arm64-raspi": {"console": "console=ttyS1,115200 console=tty0"},
}
# A boot that hangs or panics is a try that failed: start again after ten seconds. A backup partition table
# counts when the first one is torn ("gpt").
COMMAND_LINE = "rdinit=/bin/posthouse panic=10 gpt quiet loglevel=4 {console} -- appliance init"
# Of a Raspberry Pi 3, then of a 4, whose first stage is on the board.
FIRMWARE = ["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"]
# Room in the file of settings, which `posthouse provision` writes over in its place.
SETTINGS_BYTES = 4096
# How often a new version may be started before it counts as bad.
TRIES = 3


def release(args):
    return f"""NAME=Posthouse
ID=posthouse
PRETTY_NAME="Posthouse {args.version}"
VERSION_ID={args.version}
IMAGE_VERSION={args.version}
BUILD_EPOCH={args.epoch}
TARGET={args.target}
"""


def kernel_of(debian):
    found = sorted(pathlib.Path(debian, "usr/lib/modules").iterdir())
    if len(found) != 1:
        raise SystemExit(f"expected one kernel, found {[path.name for path in found]}")
    return found[0].name


def command_line(args):
    return COMMAND_LINE.format(console=KINDS[args.target]["console"])


def packed_initramfs(args):
    """The initramfs, and the file that names the release."""
    debian, work = pathlib.Path(args.debian), pathlib.Path(args.out)
    kernel = kernel_of(debian)
    text = release(args)
    modules = (HERE / "modules.txt").read_text()
    keys = pathlib.Path(args.keys).read_bytes() if args.keys else None
    archive = initramfs.make(args.binary, debian, kernel, modules, text, keys)
    plain, packed, os_release = work / "initramfs", work / "initramfs.zst", work / "os-release"
    plain.write_bytes(archive)
    os_release.write_text(text)
    subprocess.run(["zstd", "-q", "-f", f"-{args.level}", "--single-thread", "-o", packed, plain], check=True)
    plain.unlink()
    return packed, os_release


def unified_kernel(args, out):
    """One signed-as-a-whole file: kernel, initramfs and command line behind systemd's EFI stub."""
    debian, kind = pathlib.Path(args.debian), KINDS[args.target]
    kernel = kernel_of(debian)
    packed, os_release = packed_initramfs(args)
    command = [
        sys.executable, pathlib.Path(args.tools, "usr/bin/ukify"), "build",
        f"--linux={debian}/boot/vmlinuz-{kernel}", f"--initrd={packed}", f"--uname={kernel}",
        f"--os-release=@{os_release}", f"--efi-arch={kind['efi']}",
        f"--stub={debian}/usr/lib/systemd/boot/efi/linux{kind['efi']}.efi.stub",
        "--cmdline=" + command_line(args), f"--output={out}",
    ]
    path = {"PYTHONPATH": str(pathlib.Path(args.tools, "usr/lib/python3/dist-packages"))}
    clock = {"SOURCE_DATE_EPOCH": str(args.epoch), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, check=True, env=os.environ | path | clock, stdout=subprocess.DEVNULL)


def common_tree(args):
    """The files of every boot partition, in a folder."""
    tree = pathlib.Path(args.out, "boot")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(HERE / "boot", tree)
    settings = tree / "posthouse.yaml"
    settings.write_bytes(settings.read_bytes().ljust(SETTINGS_BYTES, b"\n"))
    return tree


def uefi_tree(args, kernel_file):
    tree = common_tree(args)
    shutil.copytree(HERE / "uefi", tree, dirs_exist_ok=True)
    efi = KINDS[args.target]["efi"]
    for folder in ("EFI/BOOT", "EFI/Linux"):
        (tree / folder).mkdir(parents=True)
    loader = pathlib.Path(args.debian, f"usr/lib/systemd/boot/efi/systemd-boot{efi}.efi")
    shutil.copyfile(loader, tree / f"EFI/BOOT/BOOT{efi.upper()}.EFI")
    shutil.copyfile(kernel_file, tree / f"EFI/Linux/posthouse_{args.version}+{TRIES}.efi")
    return tree


def raspi_tree(args):
    """What the firmware of a Raspberry Pi looks for: itself, its settings, a device tree, kernel and initramfs."""
    tree, debian = common_tree(args), pathlib.Path(args.debian)
    kernel = kernel_of(debian)
    packed, _ = packed_initramfs(args)
    shutil.copytree(HERE / "raspi", tree, dirs_exist_ok=True)
    for name in FIRMWARE:
        shutil.copyfile(debian / "usr/lib/raspi-firmware" / name, tree / name)
    for path in sorted(debian.glob(f"usr/lib/linux-image-{kernel}/broadcom/bcm*-rpi-*.dtb")):
        shutil.copyfile(path, tree / path.name)
    shutil.copyfile(f"{debian}/boot/vmlinuz-{kernel}", tree / "vmlinuz")
    shutil.copyfile(packed, tree / "initramfs.zst")
    shutil.copyfile(debian / "usr/share/doc/raspi-firmware/copyright", tree / "FIRMWARE.txt")
    (tree / "cmdline.txt").write_text(command_line(args) + "\n")
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=KINDS, required=True)
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
    if args.target.endswith("-raspi"):
        disk.make(out / "posthouse.img", raspi_tree(args), args.epoch, boot_rom=True)
        return
    kernel_file = out / f"posthouse_{args.version}.efi"
    unified_kernel(args, kernel_file)
    if not args.kernel_only:
        disk.make(out / "posthouse.img", uefi_tree(args, kernel_file), args.epoch)


main()
