//! From the first instruction to a machine that can run the desk: kernel file systems, modules,
//! partitions, clock, requests, settings. Nothing here may end: the kernel panics when the first
//! process does. What goes wrong is said on the consoles, and the desk runs if it can.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{MountFlags, mount};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::system::{RebootCommand, reboot, sethostname, uname};

use super::child::{LISTEN, Plan};
use super::console::Console;
use super::loader::Trial;
use super::modules::Modules;
use super::netlink::Devices;
use super::storage::{self, Partition};
use super::supervise::{Machine, TRIAL};
use super::update::Release;
use super::{clock, network, requests};
use crate::base::Language;
use crate::base::code;
use crate::config::{self, Config, Inputs};

const BOOT: &str = "/boot";
const DATA: &str = "/data";
const VARIABLES: &str = "/sys/firmware/efi/efivars";
const BLOCKS: &str = "/sys/class/block";
const SETTINGS: &str = "posthouse.yaml";
/// Between two looks for the data partition, and how often that it is missing is said.
const LOOK: Duration = Duration::from_millis(200);
const SAY: Duration = Duration::from_secs(15);
/// Sockets and files of the desk; the kernel gives the first process few.
const DESCRIPTORS: u64 = 65_536;

/// Brings the machine up as far as the supervisor needs it.
#[must_use]
pub fn machine() -> Machine {
    let mounted = mount_kernel();
    let mut console = Console::open();
    console.say(&format!("Posthouse {}", env!("CARGO_PKG_VERSION")));
    said(&mut console, "kernel file systems", mounted);
    // Opened first, so that no device comes unseen between the look at all and the first event.
    let devices = said(&mut console, "devices", Devices::open());
    let release = uname().release().to_string_lossy().into_owned();
    let mut modules = Modules::open(&Path::new("/lib/modules").join(release));
    modules.load_always();
    modules.load_for_all(Path::new("/sys/devices"));
    // A machine without UEFI has none.
    let _ = mount("efivarfs", VARIABLES, "efivarfs", MountFlags::RDONLY, None);
    let floor = clock::written(Path::new("/etc/os-release"), "BUILD_EPOCH=");
    raise_clock(&mut console, floor);
    let boot = Path::new(BOOT);
    let trial = Trial::under_way(Path::new(VARIABLES), boot);
    let partition = data_partition(&mut console, &mut modules, trial.as_ref());
    open_boot(&mut console, &partition);
    tend(&mut console, boot, Path::new(DATA));
    let release = Release::running();
    if trial.is_none() {
        update(&mut console, &release, boot, Path::new(DATA));
    }
    let (config, settings) = settings(&mut console, &boot.join(SETTINGS));
    said(&mut console, "host name", sethostname(config.appliance.name.as_bytes()));
    said(&mut console, "loopback", network::loopback());
    limits(&mut console);
    let data = PathBuf::from(DATA);
    let usual = config.listen == Config::default().listen;
    let listen = usual.then(|| LISTEN.to_owned());
    let plan = Plan { data: data.join("desk"), settings, listen };
    let appliance = config.appliance;
    let boot = boot.to_owned();
    Machine { console, modules, devices, plan, appliance, trial, release, boot, data }
}

fn mount_kernel() -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None)?;
    mount("sysfs", "/sys", "sysfs", flags, None)?;
    mount("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID | MountFlags::NOEXEC, None)?;
    mount("tmpfs", "/run", "tmpfs", flags, Some(c"mode=0755"))?;
    Ok(())
}

/// Says what went wrong; the machine goes on.
fn said<T, E: std::fmt::Display>(
    console: &mut Console,
    what: &str,
    done: Result<T, E>,
) -> Option<T> {
    match done {
        Ok(value) => Some(value),
        Err(error) => {
            console.say(&format!("{what}: {error}"));
            None
        }
    }
}

fn raise_clock(console: &mut Console, floor: u64) {
    match clock::raise_to(floor) {
        Ok(true) => console.report(code::APPLIANCE_CLOCK_BEHIND, ""),
        Ok(false) => {}
        Err(error) => console.say(&format!("clock: {error}")),
    }
}

/// Finds, grows, checks and mounts the data partition; tries until that is done. A version on trial
/// that cannot do it is given up for the one before.
fn data_partition(
    console: &mut Console,
    modules: &mut Modules,
    trial: Option<&Trial>,
) -> Partition {
    let mut said_at = None;
    loop {
        let failed = match storage::find(Path::new(BLOCKS), storage::DATA_NAME, None) {
            Some(found) => match open_data(console, found) {
                Ok(partition) => return partition,
                Err(error) => (code::APPLIANCE_DATA_DAMAGED, error.to_string()),
            },
            None => (code::APPLIANCE_NO_DATA, String::new()),
        };
        let now = clock::uptime();
        if said_at.is_none_or(|at: Duration| at + SAY < now) && now > SAY / 3 {
            said_at = Some(now);
            console.report(failed.0, &failed.1);
        }
        if now > TRIAL && trial.is_some_and(|trial| trial.left > 0) {
            console.report(code::APPLIANCE_TRIAL_FAILED, "");
            // Comes back only when it cannot be done.
            let _ = reboot(RebootCommand::Restart);
        }
        std::thread::sleep(LOOK);
        // Disks on slow buses come late, and ask for their drivers then.
        modules.load_for_all(Path::new("/sys/devices"));
    }
}

fn open_data(console: &mut Console, found: Partition) -> io::Result<Partition> {
    let note = |console: &mut Console, error: io::Error| {
        console.report(code::APPLIANCE_NOT_GROWN, &error.to_string());
    };
    match storage::grow_partition(&found) {
        Ok(true) => console.say("the data partition takes the whole disk now"),
        Ok(false) => {}
        Err(error) => note(console, error),
    }
    storage::check(&found)?;
    if let Some(error) = storage::mount_data(&found, Path::new(DATA))? {
        note(console, error);
    }
    Ok(found)
}

fn open_boot(console: &mut Console, data: &Partition) {
    let boot = storage::find(Path::new(BLOCKS), storage::BOOT_NAME, Some(data));
    let mounted = match boot {
        Some(boot) => storage::mount_boot(&boot, Path::new(BOOT)),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    if let Err(error) = mounted {
        console.report(code::APPLIANCE_BOOT_PARTITION, &error.to_string());
    }
}

/// Clock, requests of the installer, log.
fn tend(console: &mut Console, boot: &Path, data: &Path) {
    raise_clock(console, clock::written(&data.join("clock"), ""));
    let requested = |console: &mut Console, what: &str, done: io::Result<bool>| match done {
        Ok(true) => console.say(&format!("{what}: done")),
        Ok(false) => {}
        Err(error) => console.report(code::APPLIANCE_BOOT_PARTITION, &format!("{what}: {error}")),
    };
    let log = data.join("log");
    requested(console, "export of logs", requests::export(boot, &log));
    let take_off = |request: &Path| requests::take_off(boot, request);
    requested(console, "factory reset", requests::reset(boot, data, take_off));
    console.keep_in(&log);
}

/// Takes an update that waits on the boot partition, and starts it.
fn update(console: &mut Console, release: &Release, boot: &Path, data: &Path) {
    match release.take_update(boot, data) {
        None => {}
        Some(Err(fault)) => console.report(fault.code, &fault.detail),
        Some(Ok(version)) => {
            console.say(&format!("update: {version} is tried now"));
            console.close_log();
            storage::close(boot, data);
            // Comes back only when it cannot be done; then the next start tries it.
            let _ = reboot(RebootCommand::Restart);
        }
    }
}

/// The settings, and the file that the desk reads; defaults and no file when there is a mistake.
fn settings(console: &mut Console, file: &Path) -> (Config, Option<PathBuf>) {
    if !file.is_file() {
        return (Config::default(), None);
    }
    match config::load(&Inputs { file: Some(file.to_owned()), ..Inputs::default() }) {
        Ok(loaded) => {
            console.say(&format!("settings: {}", file.display()));
            (loaded.config, Some(file.to_owned()))
        }
        Err(problems) => {
            for problem in &problems {
                for line in problem.lines(Language::En) {
                    console.say(&line);
                }
            }
            console.report(code::APPLIANCE_SETTINGS_LEFT_OUT, &file.display().to_string());
            (Config::default(), None)
        }
    }
}

/// What the kernel is told: a fault inside it starts the machine again, the desk may listen on the
/// ports of the web, and it may have as many sockets as it likes.
fn limits(console: &mut Console) {
    for (file, value) in [
        ("kernel/panic_on_oops", "1"),
        ("kernel/kptr_restrict", "2"),
        ("kernel/dmesg_restrict", "1"),
        ("net/ipv4/ip_unprivileged_port_start", "80"),
    ] {
        let written = fs::write(Path::new("/proc/sys").join(file), value);
        said(console, file, written);
    }
    let limit = Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
    said(console, "descriptors", setrlimit(Resource::Nofile, limit));
}
