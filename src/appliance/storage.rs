//! The two partitions of the image: found by name, the data partition grown, checked and mounted.
//! Every step may be cut by a power failure and is done again at the next start.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use super::gpt;

pub const BOOT_NAME: &str = "posthouse-boot";
pub const DATA_NAME: &str = "posthouse-data";

/// A partition as the kernel sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// `/dev/vda2`
    pub device: PathBuf,
    /// `/dev/vda`
    pub disk: PathBuf,
    /// From 1.
    pub number: u32,
}

/// The partition of that name below `class` (`/sys/class/block`); on the disk of `beside` when
/// that is given. The first by name when there are several.
#[must_use]
pub fn find(class: &Path, name: &str, beside: Option<&Partition>) -> Option<Partition> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(class).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.iter().find_map(|path| {
        let found = partition(path, name)?;
        beside.is_none_or(|other| other.disk == found.disk).then_some(found)
    })
}

fn partition(path: &Path, name: &str) -> Option<Partition> {
    let uevent = fs::read_to_string(path.join("uevent")).ok()?;
    let value = |key: &str| uevent.lines().find_map(|line| line.strip_prefix(key));
    if value("PARTNAME=") != Some(name) {
        return None;
    }
    let real = path.canonicalize().ok()?;
    let disk = real.parent()?.file_name()?;
    Some(Partition {
        device: Path::new("/dev").join(value("DEVNAME=")?),
        disk: Path::new("/dev").join(disk),
        number: value("PARTN=")?.parse().ok()?,
    })
}

/// Lets the partition take the rest of its disk; whether it changed. Nothing of the disk may be
/// mounted.
///
/// # Errors
/// The disk's, or the table's.
pub fn grow_partition(data: &Partition) -> io::Result<bool> {
    let mut disk = OpenOptions::new().read(true).write(true).open(&data.disk)?;
    let blocks = sectors(&data.disk)?;
    let grown = gpt::grow(&mut disk, blocks, data.number)?;
    drop(disk);
    if grown {
        run("blockdev", &["--rereadpt"], &data.disk, &[0])?;
    }
    Ok(grown)
}

/// Size of a disk or partition in units of 512 bytes.
fn sectors(device: &Path) -> io::Result<u64> {
    let name = device.file_name().unwrap_or_default();
    let text = fs::read_to_string(Path::new("/sys/class/block").join(name).join("size"))?;
    text.trim().parse().map_err(io::Error::other)
}

/// Checks the file system and puts right what can be put right.
///
/// # Errors
/// What e2fsck says when something is left.
pub fn check(data: &Partition) -> io::Result<()> {
    // 1 = errors were corrected, e2fsck(8).
    if run("e2fsck", &["-p"], &data.device, &[0, 1]).is_ok() {
        return Ok(());
    }
    run("e2fsck", &["-f", "-y"], &data.device, &[0, 1])
}

/// Mounts the data partition at `at` and lets its file system fill it.
///
/// # Errors
/// The kernel's. A file system that does not grow is used as it is; the reason comes back.
pub fn mount_data(data: &Partition, at: &Path) -> io::Result<Option<io::Error>> {
    let flags = MountFlags::NOATIME | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(&data.device, at, "ext4", flags, Some(c"errors=remount-ro"))?;
    Ok(fill(data).err())
}

/// Online, by the kernel: what is mounted stays whole whenever power fails.
fn fill(data: &Partition) -> io::Result<()> {
    let file = File::open(&data.device)?;
    let mut superblock = [0; 1024];
    file.read_exact_at(&mut superblock, 1024)?;
    let (bytes, block) = file_system_size(&superblock).ok_or(io::ErrorKind::InvalidData)?;
    if bytes + block > sectors(&data.device)? * 512 {
        return Ok(());
    }
    run("resize2fs", &[], &data.device, &[0])
}

/// Bytes of the file system and of its blocks (kernel documentation, ext4, "super block").
fn file_system_size(superblock: &[u8; 1024]) -> Option<(u64, u64)> {
    let number = |at: usize| {
        let four: [u8; 4] = superblock[at..at + 4].try_into().ok()?;
        Some(u64::from(u32::from_le_bytes(four)))
    };
    let ext4 = superblock[56..58] == [0x53, 0xEF];
    let block = 1024u64.checked_shl(number(24)?.try_into().ok()?).filter(|_| ext4)?;
    let blocks = number(4)? | number(336)? << 32;
    blocks.checked_mul(block).map(|bytes| (bytes, block))
}

/// Mounts the boot partition at `at`, for reading. A name that moved when the power failed may
/// stand twice with the same content; the check leaves one of them empty, or the next file that is
/// written would take the place of the other.
///
/// # Errors
/// The kernel's.
pub fn mount_boot(boot: &Partition, at: &Path) -> io::Result<()> {
    // 1 = errors were corrected, fsck.fat(8). What cannot be corrected may still be read.
    let _ = run("fsck.fat", &["-a"], &boot.device, &[0, 1]);
    Ok(mount(&boot.device, at, "vfat", boot_flags() | MountFlags::RDONLY, None)?)
}

/// Does `work` while the boot partition at `at` can be written to. Names change on the disk at
/// once, in order; files are what `work` syncs.
///
/// # Errors
/// The kernel's, or that of `work`.
pub fn write_boot(at: &Path, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    mount_remount(at, boot_flags() | MountFlags::DIRSYNC, "")?;
    let worked = work();
    rustix::fs::sync();
    let closed = mount_remount(at, boot_flags() | MountFlags::RDONLY, "");
    worked.and(closed.map_err(io::Error::from))
}

fn boot_flags() -> MountFlags {
    MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NOATIME
}

/// Writes everything and lets go of both partitions.
pub fn close(boot: &Path, data: &Path) {
    rustix::fs::sync();
    for at in [data, boot] {
        if unmount(at, UnmountFlags::empty()).is_err() {
            // Something has it open: at least nothing is written any more.
            let _ = mount_remount(at, MountFlags::RDONLY, "");
        }
    }
    rustix::fs::sync();
}

/// Runs a program of the image on `device`; `good` are the exit codes that count as done.
fn run(program: &str, options: &[&str], device: &Path, good: &[i32]) -> io::Result<()> {
    let path = Path::new("/sbin").join(program);
    let ended = Command::new(path).args(options).arg(device).env_clear().output()?;
    if ended.status.code().is_some_and(|code| good.contains(&code)) {
        return Ok(());
    }
    let words = [ended.stdout, ended.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(io::Error::other(format!("{program}: {}: {last}", ended.status)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn partitions_are_found_by_name_on_one_disk() {
        let root = std::env::temp_dir().join(format!("ph-block-{}", std::process::id()));
        let class = root.join("class");
        fs::create_dir_all(&class).unwrap();
        let add = |disk: &str, number: u32, name: &str| {
            let device = format!("{disk}{number}");
            let folder = root.join("devices").join(disk).join(&device);
            fs::create_dir_all(&folder).unwrap();
            let uevent = format!("DEVNAME={device}\nDEVTYPE=partition\nPARTN={number}\n");
            fs::write(folder.join("uevent"), format!("{uevent}PARTNAME={name}\n")).unwrap();
            symlink(folder, class.join(device)).unwrap();
        };
        add("sdb", 1, BOOT_NAME);
        add("sdb", 2, DATA_NAME);
        add("vdc", 1, BOOT_NAME);
        let data = find(&class, DATA_NAME, None).unwrap();
        let device = |name: &str| Path::new("/dev").join(name);
        let expected = Partition { device: device("sdb2"), disk: device("sdb"), number: 2 };
        assert_eq!(data, expected);
        assert_eq!(find(&class, BOOT_NAME, Some(&data)).unwrap().device, device("sdb1"));
        let other = Partition { disk: device("vdc"), ..data };
        assert_eq!(find(&class, BOOT_NAME, Some(&other)).unwrap().device, device("vdc1"));
        assert_eq!(find(&class, DATA_NAME, Some(&other)), None);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_size_of_a_file_system_is_read() {
        let mut superblock = [0; 1024];
        assert_eq!(file_system_size(&superblock), None);
        superblock[56..58].copy_from_slice(&[0x53, 0xEF]);
        superblock[24] = 2;
        superblock[4..8].copy_from_slice(&16_384u32.to_le_bytes());
        assert_eq!(file_system_size(&superblock), Some((64 << 20, 4096)));
        superblock[336] = 1;
        assert_eq!(file_system_size(&superblock), Some(((1 << 44) + (64 << 20), 4096)));
        superblock[24] = 200;
        assert_eq!(file_system_size(&superblock), None);
    }
}
