"""A virtual machine that starts a disk image by UEFI, by software emulation; its serial line, its plug and the
files of its boot partition.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
DISK_MIB = 1024
DATA_AT = 257 * MIB
PATIENCE_S = int(os.environ.get("POSTHOUSE_BOOT_S", "400"))
KINDS = {
    "arm64": {
        "program": ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"],
        "code": "/usr/share/AAVMF/AAVMF_CODE.fd",
        "variables": "/usr/share/AAVMF/AAVMF_VARS.fd",
    },
    "amd64": {
        "program": ["qemu-system-x86_64", "-M", "q35", "-cpu", "max"],
        "code": "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "variables": "/usr/share/OVMF/OVMF_VARS_4M.fd",
    },
}


class Machine:
    """A copy of the image on a larger disk, in a folder of its own."""

    def __init__(self, image, arch, folder):
        self.arch, self.folder = arch, pathlib.Path(folder)
        self.disk = self.folder / "disk.img"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
        os.truncate(self.disk, DISK_MIB * MIB)
        if arch in KINDS:
            shutil.copyfile(KINDS[arch]["variables"], self.folder / "variables.fd")
        self.port = free_port()
        self.process, self.starts = None, 0

    def start(self, log=None):
        """Puts the plug in; the time it took until the desk was ready is in `seconds`. `log`: a file for all writes."""
        self.starts += 1
        self.serial = self.folder / f"serial.{self.starts}"
        self.monitor = self.folder / "monitor"
        self.monitor.unlink(missing_ok=True)
        self.serial.write_bytes(b"")
        drive = ["-drive", f"if=none,id=disk,format=raw,file={self.disk}"]
        if log:
            log.write_bytes(b"")
            files = [f"driver=file,node-name=raw,filename={self.disk}", f"driver=file,node-name=log,filename={log}"]
            drive = ["-blockdev", files[0], "-blockdev", files[1]]
            drive += ["-blockdev", "driver=blklogwrites,node-name=disk,file=raw,log=log"]
        self.began = time.monotonic()
        board = self.board() if self.arch == "raspi" else self.uefi(drive)
        net = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:443"
        common = ["-display", "none", "-nodefaults", "-netdev", net, "-monitor", f"unix:{self.monitor},server,nowait"]
        self.process = subprocess.Popen([*board, *common], stdin=subprocess.DEVNULL)

    def uefi(self, drive):
        kind = KINDS[self.arch]
        return [
            *kind["program"], "-smp", "2", "-m", "1024",
            "-drive", f"if=pflash,format=raw,readonly=on,file={kind['code']}",
            "-drive", f"if=pflash,format=raw,file={self.folder}/variables.fd",
            *drive, "-device", "virtio-blk-pci,drive=disk",
            "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci",
            "-device", "i6300esb", "-action", "watchdog=reset",
            "-serial", f"file:{self.serial}",
        ]

    def board(self):
        """A Raspberry Pi 3. The emulator has no firmware: kernel, device tree, initramfs and command line are taken
        from the card as the firmware would. Its watchdog resets when it is opened, so the driver stays out."""
        for name in ("vmlinuz", "initramfs.zst", "bcm2837-rpi-3-b.dtb"):
            self.mtools("mcopy", "-n", "-o", f"::{name}", self.folder / name)
        line = "module_blacklist=bcm2835_wdt " + self.take("cmdline.txt").strip()
        return [
            "qemu-system-aarch64", "-M", "raspi3b", "-drive", f"if=sd,format=raw,file={self.disk}",
            "-kernel", self.folder / "vmlinuz", "-initrd", self.folder / "initramfs.zst",
            "-dtb", self.folder / "bcm2837-rpi-3-b.dtb", "-append", line,
            "-device", "usb-net,netdev=net",
            # The second line is the one of the pins.
            "-serial", "null", "-serial", f"file:{self.serial}",
        ]

    def said(self):
        """The serial line without the screen commands of the firmware."""
        text = self.serial.read_text(encoding="utf-8", errors="replace")
        return re.sub(r"\x1b\[[0-9;=?]*[A-Za-z]|\r", "", text)

    def until(self, pattern, patience=PATIENCE_S):
        """Waits until the serial line says it; the match."""
        end = time.monotonic() + patience
        while True:
            found = re.search(pattern, self.said())
            if found:
                return found
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"never said {pattern!r}:\n{self.said()[-4000:]}")
            time.sleep(0.2)

    def ready(self):
        self.until(r"READY .*https://10\.0\.2\.15/")
        self.seconds = time.monotonic() - self.began

    def pull(self):
        """Pulls the plug."""
        self.process.kill()
        self.process.wait()

    def press(self):
        """Presses the power button and waits for the machine to go off."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor))
            monitor.recv(1024)
            monitor.sendall(b"system_powerdown\n")
            self.process.wait(PATIENCE_S)

    def data(self, *commands):
        """Commands of debugfs on the data partition, while the machine is off."""
        script = self.folder / "commands"
        script.write_text("\n".join(commands) + "\n")
        device = f"{self.disk}?offset={DATA_AT}"
        return subprocess.run(["debugfs", "-w", "-f", script, device], check=True, capture_output=True).stdout.decode()

    def put(self, name, text):
        """Writes a file of the boot partition, while the machine is off."""
        source = self.folder / "file"
        source.write_text(text, encoding="utf-8")
        self.copy(name, source)

    def copy(self, name, source):
        self.mtools("mcopy", "-o", source, f"::{name}")

    def take(self, name):
        return self.mtools("mcopy", "-n", f"::{name}", "-").decode("utf-8", "replace")

    def names(self, folder):
        lines = self.mtools("mdir", "-b", f"::{folder}").decode().split()
        return [line.rpartition("/")[2] for line in lines if not line.endswith("/")]

    def mtools(self, program, *words):
        program, *options = program.split()
        first = [word for word in words if str(word).startswith("-") and word != "-"]
        rest = [word for word in words if word not in first]
        command = [program, *options, *first, "-i", f"{self.disk}@@{MIB}", *rest]
        environment = os.environ | {"MTOOLS_SKIP_CHECK": "1"}
        return subprocess.run(command, check=True, capture_output=True, env=environment).stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
