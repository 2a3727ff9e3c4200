//! The supervisor's loop: it alone owns the desk's process, the watchdogs, the trial of this
//! version and the consoles. Threads and signals only tell it what happened.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Signal, WaitOptions, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::child::{Desk, Plan, notify_socket};
use super::console::Console;
use super::hardware::{self, Watchdog};
use super::loader::Trial;
use super::modules::Modules;
use super::netlink::{Arrival, Devices};
use super::restarts::Restarts;
use super::update::Release;
use super::{clock, network, storage};
use crate::base::code;
use crate::config::Appliance;
use crate::node::control::{self, Called, Request};

/// What threads tell the supervisor.
#[derive(Debug)]
pub enum Event {
    /// A line of the desk for the person at the machine.
    Shown(String),
    /// A line of the desk's log.
    Logged(String),
    /// A line of ours.
    Said(String),
    Address {
        interface: String,
        address: Ipv4Addr,
    },
    /// The machine is called that on a network.
    Named(String),
    /// An interface came.
    Interface(String),
    /// An interface went, or is none for us.
    Gone(String),
    Button,
    /// What `doctor` found that keeps the desk from its work; empty: nothing.
    Health(Vec<String>),
}

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    PowerOff,
    Restart,
}

/// What the start of the machine hands over.
pub struct Machine {
    pub console: Console,
    pub modules: Modules,
    pub devices: Option<Devices>,
    pub plan: Plan,
    pub appliance: Appliance,
    pub trial: Option<Trial>,
    pub release: Release,
    pub boot: PathBuf,
    pub data: PathBuf,
}

/// Events that wait; a desk that writes faster is held up by its pipe.
const EVENTS: usize = 256;
const TICK: Duration = Duration::from_secs(1);
/// The desk waits this long for an address, so that its first words name it.
const ADDRESS_WAIT: Duration = Duration::from_secs(15);
/// A version on trial must be ready and healthy within this time of its start.
pub const TRIAL: Duration = Duration::from_secs(90);
/// The time is written down so often: what a clock loses when the plug is pulled.
const CLOCK: Duration = Duration::from_secs(600);
/// An orderly end of the desk: its own patience is shorter.
const END: Duration = Duration::from_secs(30);
/// Last words of a desk that ended.
const LAST_WORDS: usize = 8;

struct Supervisor {
    machine: Machine,
    events: Sender<Event>,
    desk: Option<Desk>,
    restarts: Restarts,
    /// When the desk is started; `None` while it runs.
    start_at: Option<Duration>,
    watchdog: Option<Watchdog>,
    fed: Duration,
    began: Duration,
    clock_due: Duration,
    /// A doctor is at work.
    examined: bool,
    /// Interfaces that a thread attends to.
    attended: BTreeSet<String>,
    addresses: Vec<(String, Ipv4Addr)>,
    last_words: VecDeque<String>,
}

/// Runs the desk until the machine is to end.
///
/// # Errors
/// Signals or the notify socket cannot be had.
pub async fn supervise(machine: Machine) -> io::Result<(Ending, Console)> {
    let (events, mut heard) = channel(EVENTS);
    let notify = notify_socket()?;
    let notify = tokio::net::UnixDatagram::from_std(notify)?;
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut child = signal(SignalKind::child())?;
    let mut supervisor = Supervisor::new(machine, events);
    supervisor.begin();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut words = [0; 4096];
    let ending = loop {
        tokio::select! {
            _ = term.recv() => break Ending::PowerOff,
            // The kernel's answer to Ctrl-Alt-Delete.
            _ = interrupt.recv() => break Ending::Restart,
            _ = child.recv() => supervisor.reap(),
            Ok(length) = notify.recv(&mut words) => supervisor.notified(&words[..length]),
            Some(event) = heard.recv() => {
                if let Some(ending) = supervisor.hear(event) {
                    break ending;
                }
            }
            _ = tick.tick() => {
                if let Some(ending) = supervisor.tick() {
                    break ending;
                }
            }
        }
    };
    Ok((ending, supervisor.end(heard).await))
}

impl Supervisor {
    fn new(machine: Machine, events: Sender<Event>) -> Self {
        let now = clock::uptime();
        Self {
            machine,
            events,
            desk: None,
            restarts: Restarts::default(),
            start_at: Some(now + ADDRESS_WAIT),
            watchdog: Watchdog::start(),
            fed: Duration::ZERO,
            began: now,
            clock_due: now,
            examined: false,
            attended: BTreeSet::new(),
            addresses: Vec::new(),
            last_words: VecDeque::new(),
        }
    }

    fn begin(&mut self) {
        for name in network::interfaces() {
            self.attend(name);
        }
        if let Some(devices) = self.machine.devices.take() {
            let modules =
                std::mem::replace(&mut self.machine.modules, Modules::open(Path::new("")));
            attend_devices(devices, modules, self.events.clone());
        }
        for button in hardware::power_buttons(Path::new("/sys/class/input")) {
            attend_button(button, self.events.clone());
        }
    }

    /// Once: an interface may be seen by the look at all and by its event.
    fn attend(&mut self, name: String) {
        if self.attended.insert(name.clone()) {
            network::attend(name, self.machine.appliance.clone(), self.events.clone());
        }
    }

    fn hear(&mut self, event: Event) -> Option<Ending> {
        match event {
            Event::Shown(line) => self.machine.console.show(&line),
            Event::Said(line) => self.machine.console.say(&line),
            Event::Logged(line) => {
                self.machine.console.keep(&line);
                self.last_words.push_back(line);
                if self.last_words.len() > LAST_WORDS {
                    self.last_words.pop_front();
                }
            }
            Event::Address { interface, address } => self.addressed(interface, address),
            Event::Named(name) => self.named(&name),
            Event::Interface(name) => self.attend(name),
            Event::Gone(name) => {
                self.attended.remove(&name);
            }
            Event::Button => return Some(Ending::PowerOff),
            Event::Health(faults) => self.judge(&faults),
        }
        None
    }

    fn addressed(&mut self, interface: String, address: Ipv4Addr) {
        self.machine.console.say(&format!("network: {interface}: {address}"));
        self.addresses.retain(|(own, _)| *own != interface);
        self.addresses.push((interface, address));
        match &self.desk {
            // Its certificate names the addresses; a reload issues another one.
            Some(desk) if desk.is_ready() => desk.signal(Signal::HUP),
            Some(_) => {}
            None if self.restarts.is_safe_mode() => {}
            None => self.start_at = self.start_at.map(|at| at.min(clock::uptime())),
        }
    }

    /// The name on the network may have a number that the configured one has not.
    fn named(&mut self, name: &str) {
        self.machine.console.say(&format!("network: https://{name}.local/"));
        if name == self.machine.appliance.name {
            return;
        }
        if let Err(error) = rustix::system::sethostname(name.as_bytes()) {
            self.machine.console.say(&format!("host name: {error}"));
        }
        // The certificate has the machine's name in it.
        self.desk.iter().filter(|desk| desk.is_ready()).for_each(|desk| desk.signal(Signal::HUP));
    }

    fn notified(&mut self, words: &[u8]) {
        let words = String::from_utf8_lossy(words);
        let Some(desk) = &mut self.desk else { return };
        if desk.hear(&words, clock::uptime()) {
            let hosts: Vec<String> =
                self.addresses.iter().map(|(_, address)| format!("https://{address}/")).collect();
            let mode = if self.restarts.is_safe_mode() { " (safe mode)" } else { "" };
            self.machine.console.say(&format!("READY{mode} {}", hosts.join(" ")));
        }
    }

    fn tick(&mut self) -> Option<Ending> {
        let now = clock::uptime();
        if self.start_at.is_some_and(|at| at <= now) {
            self.start(now);
        }
        if let Some(reason) = self.desk.as_mut().and_then(|desk| desk.end_if_silent(now)) {
            self.machine.console.say(&format!("the desk is ended: {reason}"));
        }
        let stuck = self.desk.as_ref().is_some_and(|desk| desk.is_stuck(now));
        if let Some(watchdog) = self.watchdog.as_mut().filter(|_| !stuck)
            && self.fed + watchdog.period.saturating_sub(TICK) <= now
        {
            watchdog.feed();
            self.fed = now;
        }
        if now >= self.clock_due {
            self.clock_due = now + CLOCK;
            if let Err(error) = clock::write_down(&self.machine.data.join("clock")) {
                self.machine.console.keep(&format!("clock: {error}"));
            }
        }
        self.try_version(now)
    }

    /// Examines a version on trial, and gives it up when its time is over.
    fn try_version(&mut self, now: Duration) -> Option<Ending> {
        let trial = self.machine.trial.as_ref()?;
        if now > self.began + TRIAL {
            let (left, file) = (trial.left, trial.file.display().to_string());
            let trial = self.machine.trial.take()?;
            self.machine.console.report(code::APPLIANCE_TRIAL_FAILED, &file);
            // The last try: there is nothing better to start, so it stays and is looked at.
            if left == 0 {
                return None;
            }
            let given_up = storage::write_boot(&self.machine.boot, || trial.give_up());
            if let Err(error) = given_up {
                // The loader counts, too.
                self.machine.console.say(&format!("{file}: {error}"));
            }
            return Some(Ending::Restart);
        }
        if !self.examined && self.desk.as_ref().is_some_and(Desk::is_ready) {
            self.examined = true;
            examine(self.machine.plan.data.clone(), self.events.clone());
        }
        None
    }

    fn judge(&mut self, faults: &[String]) {
        self.examined = false;
        if !faults.is_empty() {
            self.machine.console.say(&format!("doctor: {}", faults.join("; ")));
            return;
        }
        let Some(trial) = self.machine.trial.take() else { return };
        let marked = storage::write_boot(&self.machine.boot, || trial.pass())
            .and_then(|()| self.machine.release.proved(&self.machine.data));
        let said = match marked {
            Ok(()) => format!("this version is good: {}", trial.good.display()),
            Err(error) => format!("this version is good, but cannot be marked: {error}"),
        };
        self.machine.console.say(&said);
    }

    fn start(&mut self, now: Duration) {
        let safe_mode = self.restarts.is_safe_mode();
        match Desk::start(&self.machine.plan, safe_mode, &self.events) {
            Ok(desk) => {
                self.desk = Some(desk);
                self.start_at = None;
            }
            Err(error) => {
                self.machine.console.say(&format!("the desk cannot be started: {error}"));
                self.start_at = Some(now + self.restarts.ended(now));
            }
        }
    }

    /// Takes every process that ended; orphans are ours, too.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.desk.as_ref().is_some_and(|desk| desk.pid == pid) {
                self.desk = None;
                self.desk_ended(&format!("{status:?}"));
            }
        }
    }

    fn desk_ended(&mut self, how: &str) {
        let now = clock::uptime();
        let was_safe = self.restarts.is_safe_mode();
        let pause = self.restarts.ended(now);
        self.start_at = Some(now + pause);
        self.machine.console.say(&format!("the desk ended ({how}); started again in {pause:?}"));
        for line in std::mem::take(&mut self.last_words) {
            self.machine.console.show(&format!("  {line}"));
        }
        if !was_safe && self.restarts.is_safe_mode() {
            self.machine.console.report(code::APPLIANCE_SAFE_MODE, "");
        }
    }

    /// Ends the desk in order, then lets go of everything.
    async fn end(mut self, mut heard: Receiver<Event>) -> Console {
        self.machine.console.say("going down");
        let patience = clock::uptime() + END;
        if let Some(desk) = &self.desk {
            desk.signal(Signal::TERM);
        }
        while self.desk.is_some() {
            if clock::uptime() > patience {
                self.machine.console.say("the desk does not end and is killed");
                self.desk.take().iter().for_each(|desk| desk.signal(Signal::KILL));
            }
            // Its last words are kept, and a full pipe would hold it up.
            let heard = tokio::time::timeout(Duration::from_millis(100), heard.recv()).await;
            if let Ok(Some(event)) = heard {
                let _ = self.hear(event);
            }
            while let Ok(Some((pid, _))) = wait(WaitOptions::NOHANG) {
                self.desk = self.desk.take().filter(|desk| desk.pid != pid);
            }
            if let Some(watchdog) = &mut self.watchdog {
                watchdog.feed();
            }
        }
        // The time may be wrong by what the next start takes, and never by more.
        let _ = clock::write_down(&self.machine.data.join("clock"));
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.stop();
        }
        self.machine.console
    }
}

/// Loads modules for new devices and tells of new interfaces.
fn attend_devices(devices: Devices, mut modules: Modules, events: Sender<Event>) {
    let attending = move || {
        loop {
            let arrival = match devices.next() {
                Ok(arrival) => arrival,
                Err(error) => {
                    let said = format!("new devices are not seen any more: {error}");
                    let _ = events.blocking_send(Event::Said(said));
                    return;
                }
            };
            let Some(Arrival { modalias, interface }) = arrival else { continue };
            if let Some(modalias) = modalias {
                modules.load_for(&modalias);
            }
            if let Some(name) = interface
                && events.blocking_send(Event::Interface(name)).is_err()
            {
                return;
            }
        }
    };
    drop(std::thread::Builder::new().name("devices".to_owned()).spawn(attending));
}

fn attend_button(device: PathBuf, events: Sender<Event>) {
    let attending = move || {
        if hardware::pressed(&device) {
            let _ = events.blocking_send(Event::Button);
        }
    };
    drop(std::thread::Builder::new().name("button".to_owned()).spawn(attending));
}

/// Asks the running desk for its own findings, on a thread: the answer may take a while.
fn examine(data: PathBuf, events: Sender<Event>) {
    let examining = move || {
        let mut faults = Vec::new();
        let mut row = |row: serde_json::Value| {
            if row.get("fault").and_then(serde_json::Value::as_bool).unwrap_or(true) {
                faults.push(row.to_string());
            }
            Ok(())
        };
        match control::call(&data, &Request::Doctor, &mut row) {
            Ok(Called::Done(_)) => {}
            Ok(other) => faults.push(format!("{other:?}")),
            Err(error) => faults.push(error.to_string()),
        }
        // The supervisor looks at the next tick again when something was found.
        std::thread::sleep(TICK);
        let _ = events.blocking_send(Event::Health(faults));
    };
    drop(std::thread::Builder::new().name("doctor".to_owned()).spawn(examining));
}
