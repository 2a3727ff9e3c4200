"""The disk: a table of two partitions (GPT), the boot partition (FAT32) and the data partition (ext4, small; it
grows at the first start). Without root, loop devices or mounts. The same input gives the same bytes."""

import os
import pathlib
import shutil
import struct
import subprocess

MIB = 1024 * 1024
# Two versions and one that is being copied.
BOOT_MIB = 256
DATA_MIB = 64
# Numbers that are the same in every image: the supervisor finds partitions by name.
DISK_ID = "5f0a6c1e-7d0b-4c39-9a53-706f73746831"
BOOT_ID = "5f0a6c1e-7d0b-4c39-9a53-706f73746832"
DATA_ID = "5f0a6c1e-7d0b-4c39-9a53-706f73746833"
FILE_SYSTEM_ID = "5f0a6c1e-7d0b-4c39-9a53-706f73746834"


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, **options)


def sized(path, mib):
    with open(path, "wb") as file:
        file.truncate(mib * MIB)
    return path


def boot_partition(path, tree, epoch):
    """FAT32 with the files of the folder `tree`, all of the time `epoch`."""
    # Clusters of 2 KiB are the largest that FAT32 takes on so small a partition.
    run("mkfs.vfat", "-F", 32, "-s", 4, "--invariant", "-n", "POSTHOUSE", "-i", "706f7374", sized(path, BOOT_MIB))
    for file in sorted(tree.rglob("*")):
        os.utime(file, (epoch, epoch))
    clock = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}
    for file in sorted(tree.rglob("*")):
        inside = "::" + str(file.relative_to(tree))
        command = ["mmd", "-i", path, inside] if file.is_dir() else ["mcopy", "-m", "-i", path, file, inside]
        run(*command, env=clock)


def data_partition(path, epoch):
    """An empty ext4 whose journal is large enough for the disk it will grow to."""
    features = f"hash_seed={FILE_SYSTEM_ID},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0"
    run("mke2fs", "-q", "-t", "ext4", "-b", 4096, "-m", 1, "-J", "size=16", "-L", "posthouse-data",
        "-U", FILE_SYSTEM_ID, "-E", features, sized(path, DATA_MIB),
        env=os.environ | {"E2FSPROGS_FAKE_TIME": str(epoch), "SOURCE_DATE_EPOCH": str(epoch)})


def assemble(out, boot, data):
    """The image file `out` of two partitions' files."""
    sized(out, 1 + BOOT_MIB + DATA_MIB + 1)
    table = f"""label: gpt
label-id: {DISK_ID}
first-lba: 2048
start=1MiB, size={BOOT_MIB}MiB, type=uefi, uuid={BOOT_ID}, name="posthouse-boot"
start={1 + BOOT_MIB}MiB, size={DATA_MIB}MiB, type=linux, uuid={DATA_ID}, name="posthouse-data"
"""
    run("sfdisk", "-q", out, input=table.encode())
    with open(out, "r+b") as disk:
        for part, mib in ((boot, 1), (data, 1 + BOOT_MIB)):
            disk.seek(mib * MIB)
            with open(part, "rb") as file:
                # In pieces, so that what is empty stays a hole.
                while piece := file.read(MIB):
                    if piece.strip(b"\0"):
                        disk.write(piece)
                    else:
                        disk.seek(MIB, os.SEEK_CUR)


def hybrid(out):
    """The first stage of a Raspberry Pi 3 reads the old table alone: it gets the boot partition, beside the mark that
    the new table counts."""
    entry = lambda kind, start, sectors: struct.pack("<4xB3xII", kind, start, sectors)
    fat, mark = entry(0x0C, MIB // 512, BOOT_MIB * MIB // 512), entry(0xEE, 1, MIB // 512 - 1)
    with open(out, "r+b") as disk:
        disk.seek(446)
        disk.write(fat + mark + bytes(32))


def make(out, tree, epoch, boot_rom=False):
    work = pathlib.Path(f"{out}.parts")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    boot_partition(work / "boot", tree, epoch)
    data_partition(work / "data", epoch)
    assemble(out, work / "boot", work / "data")
    if boot_rom:
        hybrid(out)
    shutil.rmtree(work)
