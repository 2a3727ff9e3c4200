//! The configuration as text: YAML, the list of settings, what differs, the JSON schema.

use serde_json::{Map, Value};

use super::model::Config;
use crate::base::Language;

/// One setting as the schema describes it.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Dotted key.
    pub key: String,
    pub en: String,
    pub zh: String,
    pub default: Value,
    /// False for lists of sections, which only a file can hold.
    pub has_variable: bool,
}

/// A setting that differs between two configurations; values as compact JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    pub old: String,
    pub new: String,
    pub needs_restart: bool,
}

impl Setting {
    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("POSTHOUSE_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Whether a reload is enough; otherwise it takes effect at the next start.
    #[must_use]
    pub fn reloads(&self) -> bool {
        RELOADED.contains(&self.key.as_str())
    }

    #[must_use]
    pub fn sentence(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

/// The JSON schema of the file, for editors.
#[must_use]
pub fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// Every setting, by key.
#[must_use]
pub fn settings() -> Vec<Setting> {
    let mut found = Vec::new();
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    collect("", &schema(), &defaults, &mut found);
    found
}

fn collect(prefix: &str, schema: &Value, default: &Value, found: &mut Vec<Setting>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, below) in properties {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let default = default.get(name).cloned().unwrap_or_default();
        if below.get("properties").is_some() {
            collect(&key, below, &default, found);
            continue;
        }
        let text = |field: &str| {
            below.get(field).and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
        };
        let has_variable = below.pointer("/items/properties").is_none();
        let (en, zh) = (text("description"), text("x-zh"));
        found.push(Setting { key, en, zh, default, has_variable });
    }
}

/// Settings that apply at once when the process is told to reload; all others at the next start.
const RELOADED: &[&str] = &[
    "backup.every_hours",
    "backup.folder",
    "backup.keep",
    "backup.keep_days",
    "backup.passphrase_file",
    "endpoints",
    "limits.attachment_mib",
    "limits.connections_max",
    "log.level",
    "metrics.token_file",
    "site.names",
    "store.min_commit_interval_ms",
    "tls.certificate",
    "tls.key",
    "tls.national.encrypt_certificate",
    "tls.national.encrypt_key",
    "tls.national.sign_certificate",
    "tls.national.sign_key",
    "trusted_proxies",
];

/// The configuration in force with those settings of `new` that apply at once.
#[must_use]
pub fn reloaded(in_force: &Config, new: &Config) -> Config {
    let mut next = in_force.clone();
    next.endpoints.clone_from(&new.endpoints);
    next.backup = new.backup.clone();
    next.limits = new.limits.clone();
    next.log.level.clone_from(&new.log.level);
    next.metrics = new.metrics.clone();
    next.site = new.site.clone();
    next.store.min_commit_interval_ms = new.store.min_commit_interval_ms;
    next.tls.certificate.clone_from(&new.tls.certificate);
    next.tls.key.clone_from(&new.tls.key);
    next.tls.national = new.tls.national.clone();
    next.trusted_proxies.clone_from(&new.trusted_proxies);
    next
}

/// What differs from `old` to `new`.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let value = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    let (old, new) = (value(old), value(new));
    settings()
        .into_iter()
        .filter_map(|setting| {
            let pointer = format!("/{}", setting.key.replace('.', "/"));
            let shown = |tree: &Value| tree.pointer(&pointer).unwrap_or(&Value::Null).to_string();
            let (old, new) = (shown(&old), shown(&new));
            let needs_restart = !RELOADED.contains(&setting.key.as_str());
            (old != new).then_some(Change { key: setting.key, old, new, needs_restart })
        })
        .collect()
}

/// The whole configuration as YAML that loads as it stands; settings that are not set are left
/// out, for there is no way to write "nothing" that reads better.
#[must_use]
pub fn yaml(config: &Config) -> String {
    let mut text = String::new();
    if let Ok(Value::Object(map)) = serde_json::to_value(config) {
        block(&map, 0, &mut text);
    }
    text
}

fn block(map: &Map<String, Value>, depth: usize, text: &mut String) {
    for (key, value) in map {
        let indent = "  ".repeat(depth);
        match value {
            Value::Null => {}
            Value::Object(below) if !below.is_empty() => {
                let mut inner = String::new();
                block(below, depth + 1, &mut inner);
                if !inner.is_empty() {
                    text.push_str(&format!("{indent}{key}:\n{inner}"));
                }
            }
            // JSON is YAML: scalars and lists need no printer of their own.
            Value::Object(_)
            | Value::Array(_)
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => text.push_str(&format!("{indent}{key}: {value}\n")),
        }
    }
}
