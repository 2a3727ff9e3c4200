//! Finds the files, lays the sources over each other, and hands out a checked `Config`.

use std::path::{Path, PathBuf};

use super::check;
use super::model::Config;
use super::print::{self, Change};
use super::problem::{Hint, Problem, nearest, unreadable};
use super::read::read;
use super::tree::{Kind, Node, Place, Source};
use crate::base::code;

/// Everything a configuration is made of; kept for the next reload.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// `--config`. `None`: `$POSTHOUSE_CONFIG`, else `./posthouse.yaml` or
    /// `/etc/posthouse/posthouse.yaml` when there is one, else defaults.
    pub file: Option<PathBuf>,
    /// The environment, handed in by the command line.
    pub variables: Vec<(String, String)>,
    /// Dotted key, the flag as it is typed, its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// A configuration that passed every check.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// What an operator should look at although it works.
    pub findings: Vec<Problem>,
    pub(super) tree: Node,
}

/// The outcome of a reload that can be taken.
#[derive(Clone, Debug)]
pub struct Reloaded {
    pub loaded: Loaded,
    /// What will be in force: settings that need a restart are as they were.
    pub next: Config,
    /// What differs from the configuration in force.
    pub changes: Vec<Change>,
}

/// Largest file of settings: far above any real one, far below what hurts a small board.
const FILE_BYTES: u64 = 1024 * 1024;

/// Reads and checks everything.
///
/// # Errors
/// All problems that were found, at least one, in the order of the keys.
pub fn load(inputs: &Inputs) -> Result<Loaded, Vec<Problem>> {
    let mut tree = Node::empty();
    if let Some(folder) = inputs.variable("STATE_DIRECTORY") {
        let first = folder.split(':').next().unwrap_or(folder);
        let source = Source::Variable("STATE_DIRECTORY".to_owned());
        tree.lay(Node::single("data", first, source));
    }
    let files = files(inputs).map_err(|problem| vec![problem])?;
    for file in &files {
        tree.lay(read_file(file).map_err(|problem| vec![problem])?);
    }
    let findings = lay_variables(&mut tree, inputs);
    for (key, flag, value) in &inputs.flags {
        tree.lay(Node::single(key, value, Source::Flag(flag)));
    }
    let mut config: Config = read(&tree).map_err(|problem| vec![problem])?;
    check::settle_paths(&mut config, &tree, inputs.variable("CREDENTIALS_DIRECTORY"));
    let problems = check::check(&config, &tree);
    if problems.is_empty() { Ok(Loaded { config, files, findings, tree }) } else { Err(problems) }
}

/// Reads everything again for a running process: all or nothing.
///
/// # Errors
/// What is wrong with the new configuration; the caller keeps the old one and says why.
pub fn reload(inputs: &Inputs, in_force: &Config) -> Result<Reloaded, Vec<Problem>> {
    let mut loaded = load(inputs)?;
    let changes = print::diff(in_force, &loaded.config);
    for change in changes.iter().filter(|change| change.needs_restart) {
        let place = loaded
            .tree
            .find(&change.key)
            .map_or_else(|| Place::whole(Source::Default), |node| node.place.clone());
        loaded.findings.push(
            Problem::new(code::CONFIG_NEEDS_RESTART, place)
                .at(change.key.clone(), change.new.clone()),
        );
    }
    let next = print::reloaded(in_force, &loaded.config);
    Ok(Reloaded { loaded, next, changes })
}

impl Inputs {
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

impl Loaded {
    /// Where a setting comes from.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        self.tree.find(key).map_or_else(|| Place::whole(Source::Default), |node| node.place.clone())
    }
}

/// The main file and those of `conf.d`, by name.
fn files(inputs: &Inputs) -> Result<Vec<PathBuf>, Problem> {
    let named = inputs.file.clone().or_else(|| inputs.variable(CONFIG_VARIABLE).map(PathBuf::from));
    let main = match named {
        Some(file) => file,
        None => match USUAL_FILES.iter().map(Path::new).find(|file| file.is_file()) {
            Some(file) => file.to_path_buf(),
            None => return Ok(Vec::new()),
        },
    };
    let folder = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let mut files = vec![main];
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(missing(&folder, &error)),
    };
    let mut more = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| missing(&folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            more.push(path);
        }
    }
    more.sort();
    files.append(&mut more);
    Ok(files)
}

fn read_file(file: &Path) -> Result<Node, Problem> {
    use std::io::Read as _;
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| missing(file, &error))?;
    opened.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| missing(file, &error))?;
    if text.len() as u64 > FILE_BYTES {
        let error = std::io::Error::new(std::io::ErrorKind::FileTooLarge, "more than 1 MiB");
        return Err(missing(file, &error));
    }
    let node = Node::parse(&text, file).map_err(|error| {
        let place = error.location().map_or_else(
            || Place::whole(Source::File(file.into())),
            |location| Place::of(&file.into(), location),
        );
        let words = error.without_snippet().to_string();
        Problem::new(code::CONFIG_SYNTAX, place)
            .hint(Hint::Detail(words.lines().next().unwrap_or_default().to_owned()))
    })?;
    match node.kind {
        Kind::Map(_) | Kind::Null => Ok(node),
        Kind::Truth(_) | Kind::Whole(_) | Kind::Real(_) | Kind::Text(_) | Kind::List(_) => {
            Err(Problem::new(code::CONFIG_SYNTAX, node.place.clone())
                .at("", node.shown())
                .hint(super::problem::form("a map")))
        }
    }
}

fn missing(file: &Path, error: &std::io::Error) -> Problem {
    unreadable(Place::whole(Source::File(file.into())), "", String::new(), error)
}

/// Lays `POSTHOUSE_STORE_REDB_CACHE_MIB=8` over `store.redb_cache_mib`; a variable that names
/// nothing is a finding, for orchestrators add their own under the same prefix.
fn lay_variables(tree: &mut Node, inputs: &Inputs) -> Vec<Problem> {
    let settings = print::settings();
    let names: Vec<(String, &str)> = settings
        .iter()
        .filter(|setting| setting.has_variable)
        .map(|setting| (setting.variable(), setting.key.as_str()))
        .collect();
    let mut findings = Vec::new();
    for (variable, value) in &inputs.variables {
        if !variable.starts_with("POSTHOUSE_") || FOREIGN.contains(&variable.as_str()) {
            continue;
        }
        match names.iter().find(|(name, _)| name == variable) {
            Some((_, key)) => {
                tree.lay(Node::single(key, value, Source::Variable(variable.clone())))
            }
            None => {
                let near = nearest(&variable.to_lowercase(), names.iter().map(|(_, key)| *key));
                let lower: Vec<String> =
                    names.iter().map(|(name, _)| name.to_lowercase()).collect();
                let near = near.map(str::to_owned).or_else(|| {
                    nearest(&variable.to_lowercase(), lower.iter().map(String::as_str))
                        .map(str::to_uppercase)
                });
                let place = Place::whole(Source::Variable(variable.clone()));
                findings.push(
                    Problem::new(code::CONFIG_UNKNOWN_VARIABLE, place)
                        .hint(near.map_or(Hint::None, Hint::Nearest)),
                );
            }
        }
    }
    findings
}

const CONFIG_VARIABLE: &str = "POSTHOUSE_CONFIG";
/// Variables of the build and the tests, and the one that names the file.
const FOREIGN: &[&str] = &[CONFIG_VARIABLE, "POSTHOUSE_RUSTUP"];
const USUAL_FILES: &[&str] = &["posthouse.yaml", "/etc/posthouse/posthouse.yaml"];
