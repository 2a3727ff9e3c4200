//! The first process of the disk image: it brings the machine up, runs the desk as a user of its
//! own and starts it again, and takes the machine down in order. Architecture invariant: it holds
//! nothing that must survive; power may fail at any instruction.

mod child;
mod clock;
mod console;
mod dhcp;
mod gpt;
mod hardware;
mod loader;
mod mdns;
mod modules;
mod netlink;
mod network;
mod requests;
mod restarts;
mod start;
mod storage;
mod supervise;
mod update;

use std::convert::Infallible;

use rustix::system::{RebootCommand, reboot};

use crate::base::code::{self, Code};
use supervise::Ending;

/// Runs the machine; comes back only when this is not the first process.
///
/// # Errors
/// `APPLIANCE_NOT_FIRST`.
pub fn init() -> Result<Infallible, Code> {
    if std::process::id() != 1 {
        return Err(code::APPLIANCE_NOT_FIRST);
    }
    let machine = start::machine();
    let (boot, data) = (machine.boot.clone(), machine.data.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| runtime.block_on(supervise::supervise(machine)));
    let ending = match ended {
        Ok((ending, mut console)) => {
            console.close_log();
            ending
        }
        // Without signals or a socket there is no supervisor; another start may have them.
        Err(_) => Ending::Restart,
    };
    storage::close(&boot, &data);
    let command = match ending {
        Ending::PowerOff => RebootCommand::PowerOff,
        Ending::Restart => RebootCommand::Restart,
    };
    loop {
        // Comes back only when it cannot be done.
        let _ = reboot(command);
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
