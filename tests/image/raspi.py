"""The image of a Raspberry Pi: what its firmware looks for, and a start under `-M raspi3b` as far as that emulates one.

usage: raspi.py IMAGE FOLDER
"""

import struct
import sys

import contents
from boot import CODE, claim, talk
from contents import boot_file, boot_names, need
from desk import Tally
from machine import Machine

BOARDS = {"bcm2837-rpi-3-b.dtb": "3-model-b", "bcm2837-rpi-3-b-plus.dtb": "3-model-b-plus", "bcm2711-rpi-4-b.dtb": "4-model-b"}
FIRMWARE = ["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"]


def old_table(image):
    """The first stage of a Pi 3 reads this one: the boot partition as FAT, and the mark of the other table."""
    with open(image, "rb") as disk:
        sector = disk.read(512)
    entries = [struct.unpack_from("<4xB3xII", sector, 446 + 16 * n) for n in range(4)]
    need(sector[510:] == b"\x55\xaa" and entries[0] == (0x0C, 2048, 256 * 2048), entries)
    need(entries[1][0] == 0xEE and entries[2:] == [(0, 0, 0)] * 2, entries)


def firmware(image):
    names = boot_names(image)
    need(set(FIRMWARE) <= set(names), names)
    need(all(len(boot_file(image, name)) > 1000 for name in FIRMWARE), "an empty file of the firmware")
    need(boot_file(image, "start4.elf")[:4] == b"\x7fELF", "start4.elf is none")
    need("Broadcom" in boot_file(image, "FIRMWARE.txt").decode(), "no licence beside the firmware")


def settings(image):
    lines = boot_file(image, "config.txt").decode().split("\n")
    need("arm_64bit=1" in lines and "kernel=vmlinuz" in lines, lines)
    need("initramfs initramfs.zst followkernel" in lines, lines)
    line = boot_file(image, "cmdline.txt").decode()
    need(line.count("\n") == 1 and line.endswith("-- appliance init\n") and " gpt " in line, line)


def trees(image):
    for name, model in BOARDS.items():
        tree = boot_file(image, name)
        magic, size = struct.unpack_from(">II", tree)
        need(magic == 0xD00DFEED and size == len(tree), f"{name} is no device tree")
        need(f"raspberrypi,{model}\0".encode() in tree, f"{name} is for another board")


def kernel(image):
    # Documentation/arch/arm64/booting.rst: the magic of an image.
    need(boot_file(image, "vmlinuz")[56:60] == b"ARMd", "no kernel for 64-bit ARM")
    files = contents.initramfs(boot_file(image, "initramfs.zst"))
    modules = {name.split("/")[-1] for name in files}
    need({"bcm2835.ko", "sdhci_iproc.ko", "genet.ko", "smsc95xx.ko", "lan78xx.ko", "dwc2.ko"} <= modules, "a driver is missing")


class Start:
    def __init__(self, image, folder):
        self.machine = Machine(image, "raspi", folder)

    def first(self):
        self.machine.start()
        self.machine.ready()
        print(f"   ready after {self.machine.seconds:.0f} s", flush=True)
        need("takes the whole disk" in self.machine.said(), "the data partition did not grow")

    def chat(self):
        key = claim(self.machine.port, CODE.search(self.machine.said())[1])
        talk(self.machine.port, key)

    def again(self):
        self.machine.pull()
        self.machine.start()
        self.machine.ready()
        need(not CODE.search(self.machine.said()), "the site is not claimed any more")


def main():
    image, folder = sys.argv[1:]
    tally = Tally("image raspi")
    start = Start(image, folder)
    cases = [
        ("partitions", contents.partitions, image), ("old table", old_table, image), ("firmware", firmware, image),
        ("settings of the firmware", settings, image), ("device trees", trees, image), ("kernel", kernel, image),
        ("first start, emulated", start.first), ("chat", start.chat), ("plug pulled", start.again),
    ]
    for name, work, *words in cases:
        try:
            wrong = work(*words) and None
        except Exception as error:
            wrong = repr(error)
        print(f"   {name}: {wrong or 'ok'}", flush=True)
        tally.case(name, wrong)
    if start.machine.process and start.machine.process.poll() is None:
        start.machine.pull()
    sys.exit(tally.end())


if __name__ == "__main__":
    main()
