//! Reads the sensors of a board from sysfs: heat and slowing from the thermal zones, low supply
//! from the Raspberry Pi's, wear from the memory card or flash that holds the data. Most machines
//! have few of them; what is not there is left out.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

use crate::health::Board;

/// What the machine below `sys` says; `data` lies on the memory whose wear counts.
#[must_use]
pub fn read(sys: &Path, data: &Path) -> Board {
    let device = fs::metadata(data).ok().map(|found| found.dev());
    let device = device.map(|device| format!("{}:{}", major(device), minor(device)));
    Board {
        celsius: celsius(sys),
        slowed: slowed(sys),
        under_voltage: under_voltage(sys),
        worn_percent: device.and_then(|device| worn(&sys.join("dev/block").join(device))),
    }
}

/// Thermal zones count in thousandths of a degree.
fn celsius(sys: &Path) -> Option<i64> {
    let zones = below(&sys.join("class/thermal"), "thermal_zone");
    let degrees = |zone: &PathBuf| text(zone, "temp")?.parse::<i64>().ok();
    zones.iter().filter_map(degrees).max().map(|thousandths| thousandths / 1000)
}

/// Cooling devices that slow the processor: at work above state 0.
fn slowed(sys: &Path) -> Option<bool> {
    let devices = below(&sys.join("class/thermal"), "cooling_device");
    let states: Vec<bool> = devices
        .iter()
        .filter(|device| text(device, "type").is_some_and(|kind| kind.contains("cpufreq")))
        .filter_map(|device| Some(text(device, "cur_state")? != "0"))
        .collect();
    (!states.is_empty()).then(|| states.contains(&true))
}

/// The driver raspberrypi-hwmon: the alarm stays up for a while after the supply was low.
fn under_voltage(sys: &Path) -> Option<bool> {
    let sensors = below(&sys.join("class/hwmon"), "hwmon");
    let own = |sensor: &&PathBuf| text(sensor, "name").as_deref() == Some("rpi_volt");
    let sensor = sensors.iter().find(own)?;
    Some(text(sensor, "in0_lcrit_alarm")? != "0")
}

/// `life_time` of eMMC and of cards that have it: two estimates of the used life, 0x01 for the
/// first tenth to 0x0a for the last, 0x0b for more (JEDEC JESD84-B51, registers 268 and 269).
fn worn(block: &Path) -> Option<u32> {
    let block = block.canonicalize().ok()?;
    // A partition's folder lies in its disk's.
    let disk = [Some(block.as_path()), block.parent()].into_iter().flatten();
    let estimates = disk.into_iter().find_map(|disk| text(disk, "device/life_time"))?;
    let tenths = |word: &str| u32::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    let most = estimates.split_whitespace().filter_map(tenths).max()?;
    (most > 0).then(|| most * 10)
}

fn below(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(prefix);
    entries.flatten().filter(named).map(|entry| entry.path()).collect()
}

fn text(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_sensors_of_a_board_are_read_and_a_bare_machine_has_none() {
        let sys = std::env::temp_dir().join(format!("ph-board-{}", std::process::id()));
        let _ = fs::remove_dir_all(&sys);
        fs::create_dir_all(&sys).unwrap();
        assert_eq!(read(&sys, &sys), Board::default());
        let put = |path: &str, text: &str| {
            let path = sys.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        };
        put("class/thermal/thermal_zone0/temp", "41250");
        put("class/thermal/thermal_zone1/temp", "-2000");
        put("class/thermal/cooling_device0/type", "Fan");
        put("class/thermal/cooling_device0/cur_state", "3");
        put("class/thermal/cooling_device1/type", "thermal-cpufreq-0");
        put("class/thermal/cooling_device1/cur_state", "0");
        put("class/hwmon/hwmon0/name", "cpu_thermal");
        put("class/hwmon/hwmon1/name", "rpi_volt");
        put("class/hwmon/hwmon1/in0_lcrit_alarm", "1");
        put("devices/mmcblk0/device/life_time", "0x02 0x09");
        put("devices/mmcblk0/mmcblk0p2/partition", "2");
        let device = fs::metadata(&sys).unwrap().dev();
        let link = sys.join("dev/block").join(format!("{}:{}", major(device), minor(device)));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(sys.join("devices/mmcblk0/mmcblk0p2"), link).unwrap();
        let expected = Board {
            celsius: Some(41),
            slowed: Some(false),
            under_voltage: Some(true),
            worn_percent: Some(90),
        };
        assert_eq!(read(&sys, &sys), expected);
        put("class/thermal/cooling_device1/cur_state", "2");
        assert_eq!(read(&sys, &sys).slowed, Some(true));
        fs::remove_dir_all(sys).unwrap();
    }
}
