//! What a value must satisfy beyond its type, and where relative paths count from.

use std::path::{Path, PathBuf};

use super::model::Config;
use super::problem::{self, Hint, Problem};
use super::tree::{Node, Place, Source};
use super::value::{is_base_url, is_host_name, is_log_level, is_machine_name};
use crate::base::code::{self, Code};
use crate::base::limits::{AUDIT_DAYS_LEAST, BACKUP_HOURS, BACKUP_KEEP, BACKUP_KEEP_DAYS};

/// A path is taken from the folder of the file it stands in; `credential:NAME` is a file of the
/// service manager's credentials folder.
pub fn settle_paths(config: &mut Config, tree: &Node, credentials: Option<&str>) {
    let settle = |path: &mut PathBuf, key: &str| {
        if let Some(name) = path.to_str().and_then(|text| text.strip_prefix("credential:")) {
            *path = Path::new(credentials.unwrap_or("/run/credentials")).join(name);
        } else if let Some(folder) = tree.find(key).and_then(|node| node.place.folder()) {
            *path = folder.join(&path);
        }
    };
    settle(&mut config.data, "data");
    if let Ok(absolute) = std::path::absolute(&config.data) {
        config.data = absolute;
    }
    for (path, key) in [
        (&mut config.tls.acme.root, "tls.acme.root"),
        (&mut config.tls.certificate, "tls.certificate"),
        (&mut config.tls.key, "tls.key"),
        (&mut config.tls.national.sign_certificate, "tls.national.sign_certificate"),
        (&mut config.tls.national.sign_key, "tls.national.sign_key"),
        (&mut config.tls.national.encrypt_certificate, "tls.national.encrypt_certificate"),
        (&mut config.tls.national.encrypt_key, "tls.national.encrypt_key"),
        (&mut config.metrics.token_file, "metrics.token_file"),
        (&mut config.crypto.key.passphrase_file, "crypto.key.passphrase_file"),
        (&mut config.crypto.key.agent_socket, "crypto.key.agent_socket"),
        (&mut config.backup.folder, "backup.folder"),
        (&mut config.backup.passphrase_file, "backup.passphrase_file"),
    ] {
        if let Some(path) = path {
            settle(path, key);
        }
    }
    for (number, plugin) in config.plugins.iter_mut().enumerate() {
        if let Some(wasm) = &mut plugin.wasm {
            settle(wasm, &format!("plugins.{number}.wasm"));
        }
    }
}

/// Every rule; an empty list = the configuration can be used.
pub fn check(config: &Config, tree: &Node) -> Vec<Problem> {
    let mut found = Found { tree, problems: Vec::new() };
    found.range("store.min_commit_interval_ms", config.store.min_commit_interval_ms, 0, 10_000);
    found.range("store.journal_segment_mib", config.store.journal_segment_mib, 1, 1024);
    found.range("store.redb_cache_mib", config.store.redb_cache_mib, 4, 65_536);
    found.range("audit.keep_days", config.audit.keep_days, AUDIT_DAYS_LEAST, 36_500);
    found.range("limits.attachment_mib", config.limits.attachment_mib, 1, 2048);
    if let Some(most) = config.limits.connections_max {
        found.range("limits.connections_max", most, 16, 1_000_000);
    }
    found.each("site.names", &config.site.names, is_host_name, "a host name");
    found.each("endpoints", &config.endpoints, is_base_url, "a base URL");
    found.each("tls.acme.domains", &config.tls.acme.domains, is_host_name, "a host name");
    if let Some(url) = &config.tls.acme.directory {
        let good = url.starts_with("https://") || url.starts_with("http://");
        found.each("tls.acme.directory", std::slice::from_ref(url), |_| good, "a URL");
    }
    if !is_log_level(&config.log.level) {
        found.add(code::CONFIG_WRONG_VALUE, "log.level", problem::form("a log level"));
    }
    partners(config, &mut found);
    key(config, &mut found);
    backup(config, &mut found);
    appliance(config, &mut found);
    files(config, &mut found);
    found.problems
}

struct Found<'a> {
    tree: &'a Node,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, code: Code, key: &str, hint: Hint) {
        let (place, value) = match self.tree.find(key) {
            Some(node) => (node.place.clone(), node.shown()),
            None => (Place::whole(Source::Default), String::new()),
        };
        self.problems.push(Problem::new(code, place).at(key, value).hint(hint));
    }

    fn range(&mut self, key: &str, value: u32, least: u32, most: u32) {
        if !(least..=most).contains(&value) {
            self.add(code::CONFIG_OUT_OF_RANGE, key, Hint::Range(least.into(), most.into()));
        }
    }

    fn each(&mut self, key: &str, values: &[String], good: impl Fn(&str) -> bool, form: &str) {
        for (number, _) in values.iter().enumerate().filter(|(_, value)| !good(value)) {
            let item = format!("{key}.{number}");
            let key = if self.tree.find(&item).is_some() { item.as_str() } else { key };
            self.add(code::CONFIG_WRONG_VALUE, key, problem::form(form));
        }
    }
}

/// One source of the site's key, and whole.
fn key(config: &Config, found: &mut Found<'_>) {
    const PASSPHRASE: &str = "crypto.key.passphrase_file";
    const SOCKET: &str = "crypto.key.agent_socket";
    const LABEL: &str = "crypto.key.agent_key";
    let key = &config.crypto.key;
    if key.passphrase_file.is_some() && key.agent_socket.is_some() {
        found.add(code::CONFIG_CONFLICT, PASSPHRASE, Hint::Partner(SOCKET));
    }
    match (&key.agent_socket, &key.agent_key) {
        (Some(_), None) => found.add(code::CONFIG_CONFLICT, SOCKET, Hint::Partner(LABEL)),
        (None, Some(_)) => found.add(code::CONFIG_CONFLICT, LABEL, Hint::Partner(SOCKET)),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

/// Folder and passphrase belong together, and the folder lies elsewhere.
fn backup(config: &Config, found: &mut Found<'_>) {
    const FOLDER: &str = "backup.folder";
    const PASSPHRASE: &str = "backup.passphrase_file";
    let backup = &config.backup;
    for (key, value, (least, most)) in [
        ("backup.every_hours", backup.every_hours, BACKUP_HOURS),
        ("backup.keep", backup.keep, BACKUP_KEEP),
        ("backup.keep_days", backup.keep_days, BACKUP_KEEP_DAYS),
    ] {
        found.range(key, value, least, most);
    }
    match (&backup.folder, &backup.passphrase_file) {
        (Some(_), None) => found.add(code::CONFIG_CONFLICT, FOLDER, Hint::Partner(PASSPHRASE)),
        (None, Some(_)) => found.add(code::CONFIG_CONFLICT, PASSPHRASE, Hint::Partner(FOLDER)),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if backup.folder.as_ref().is_some_and(|folder| folder.starts_with(&config.data)) {
        found.add(code::CONFIG_CONFLICT, FOLDER, Hint::Partner("data"));
    }
}

/// Settings that need, or exclude, each other.
fn partners(config: &Config, found: &mut Found<'_>) {
    let tls = &config.tls;
    match (&tls.certificate, &tls.key) {
        (Some(_), None) => {
            found.add(code::CONFIG_CONFLICT, "tls.certificate", Hint::Partner("tls.key"));
        }
        (None, Some(_)) => {
            found.add(code::CONFIG_CONFLICT, "tls.key", Hint::Partner("tls.certificate"));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    if tls.acme.directory.is_some() {
        if tls.certificate.is_some() {
            found.add(
                code::CONFIG_CONFLICT,
                "tls.acme.directory",
                Hint::Partner("tls.certificate"),
            );
        }
        if tls.acme.domains.is_empty() {
            found.add(
                code::CONFIG_CONFLICT,
                "tls.acme.directory",
                Hint::Partner("tls.acme.domains"),
            );
        }
    } else if !tls.acme.domains.is_empty() {
        found.add(code::CONFIG_CONFLICT, "tls.acme.domains", Hint::Partner("tls.acme.directory"));
    }
    worlds(config, found);
    if config.plain_listen == Some(config.listen) && config.listen.port() != 0 {
        found.add(code::CONFIG_CONFLICT, "plain_listen", Hint::Partner("listen"));
    }
}

/// The machine's name and address.
fn appliance(config: &Config, found: &mut Found<'_>) {
    let machine = &config.appliance;
    if !is_machine_name(&machine.name) {
        found.add(code::CONFIG_WRONG_VALUE, "appliance.name", problem::form("a machine name"));
    }
    match machine.address {
        Some(address) if address.host().is_none() => {
            let form = problem::form("an address of a machine");
            found.add(code::CONFIG_WRONG_VALUE, "appliance.address", form);
        }
        None if machine.gateway.is_some() => {
            let partner = Hint::Partner("appliance.address");
            found.add(code::CONFIG_CONFLICT, "appliance.gateway", partner);
        }
        None if !machine.dns.is_empty() => {
            let partner = Hint::Partner("appliance.address");
            found.add(code::CONFIG_CONFLICT, "appliance.dns", partner);
        }
        Some(_) | None => {}
    }
}

/// Certificates and families that `crypto.profile` has no use for, or lacks.
fn worlds(config: &Config, found: &mut Found<'_>) {
    let (tls, profile) = (&config.tls, config.crypto.profile);
    let mut unfit = |key: &str, unfit: bool| {
        if unfit {
            found.add(code::CONFIG_CONFLICT, key, Hint::Partner("crypto.profile"));
        }
    };
    unfit("tls.certificate", tls.certificate.is_some() && !profile.is_international());
    unfit("tls.acme.directory", tls.acme.directory.is_some() && !profile.is_international());
    let known = profile.families();
    for (number, family) in tls.families.iter().enumerate() {
        unfit(&format!("tls.families.{number}"), !known.contains(&(*family).into()));
    }
    let national = &tls.national;
    let named = [
        ("tls.national.sign_certificate", &national.sign_certificate),
        ("tls.national.sign_key", &national.sign_key),
        ("tls.national.encrypt_certificate", &national.encrypt_certificate),
        ("tls.national.encrypt_key", &national.encrypt_key),
    ];
    let set = named.iter().find(|(_, path)| path.is_some());
    let Some((key, _)) = set else { return };
    unfit(key, !profile.is_national());
    if let Some((missing, _)) = named.iter().find(|(_, path)| path.is_none()) {
        found.add(code::CONFIG_CONFLICT, key, Hint::Partner(missing));
    }
}

/// Files that settings name must be there and readable before anything starts.
fn files(config: &Config, found: &mut Found<'_>) {
    let named = [
        ("tls.acme.root", &config.tls.acme.root),
        ("tls.certificate", &config.tls.certificate),
        ("tls.key", &config.tls.key),
        ("tls.national.sign_certificate", &config.tls.national.sign_certificate),
        ("tls.national.sign_key", &config.tls.national.sign_key),
        ("tls.national.encrypt_certificate", &config.tls.national.encrypt_certificate),
        ("tls.national.encrypt_key", &config.tls.national.encrypt_key),
        ("metrics.token_file", &config.metrics.token_file),
    ];
    for (key, path) in named {
        let Some(path) = path else { continue };
        if let Err(error) = std::fs::File::open(path) {
            let detail = format!("{}: {error}", path.display());
            found.add(code::CONFIG_UNREADABLE, key, Hint::Detail(detail));
        }
    }
}
