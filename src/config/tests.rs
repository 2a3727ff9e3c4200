//! The configuration as an operator meets it: files, variables, flags, and mistakes.

use std::path::{Path, PathBuf};

use super::*;
use crate::base::Language;
use crate::base::code;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("conf.d")).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(&self, yaml: &str) -> Result<Loaded, Vec<Problem>> {
        load(&Inputs { file: Some(self.file("posthouse.yaml", yaml)), ..Inputs::default() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn first(result: Result<Loaded, Vec<Problem>>) -> Problem {
    result.unwrap_err().remove(0)
}

#[test]
fn flags_win_over_variables_over_conf_d_over_the_file() {
    let folder = Folder::new("layers");
    let file = folder.file("posthouse.yaml", "listen: 127.0.0.1:1\nlog: {level: debug}\n");
    folder.file("conf.d/20.yaml", "listen: 127.0.0.1:3\nstore: {redb_cache_mib: 7}\n");
    folder.file("conf.d/10.yaml", "listen: 127.0.0.1:2\nplain_listen: 127.0.0.1:9\n");
    folder.file("conf.d/note.txt", "not: yaml: at all");
    let mut inputs = Inputs { file: Some(file.clone()), ..Inputs::default() };
    let loaded = load(&inputs).unwrap();
    assert_eq!(loaded.config.listen.port(), 3);
    assert_eq!(loaded.config.plain_listen.unwrap().port(), 9);
    assert_eq!(loaded.config.log.level, "debug");
    assert_eq!(loaded.files.len(), 3);

    inputs.variables = vec![
        ("POSTHOUSE_LISTEN".to_owned(), "127.0.0.1:4".to_owned()),
        ("POSTHOUSE_STORE_REDB_CACHE_MIB".to_owned(), "8".to_owned()),
        ("POSTHOUSE_SITE_NAMES".to_owned(), "a.example, 192.0.2.7".to_owned()),
    ];
    let loaded = load(&inputs).unwrap();
    assert_eq!(loaded.config.listen.port(), 4);
    assert_eq!(loaded.config.store.redb_cache_mib, 8);
    assert_eq!(loaded.config.site.names, ["a.example", "192.0.2.7"]);

    inputs.flags = vec![("listen", "--listen", "127.0.0.1:5".to_owned())];
    let loaded = load(&inputs).unwrap();
    assert_eq!(loaded.config.listen.port(), 5);
    assert_eq!(loaded.place("listen").to_string(), "--listen");
    assert_eq!(loaded.place("log.level").source, Source::File(Path::new(&file).into()));
}

#[test]
fn an_unknown_key_names_file_line_value_and_the_nearest_key() {
    let folder = Folder::new("unknown");
    let problem = first(folder.load("# desk\nstore:\n  redb_cahce_mib: 8\n"));
    assert_eq!(problem.code, code::CONFIG_UNKNOWN_KEY);
    let [what, _, next] = problem.lines(Language::En);
    assert!(what.contains("posthouse.yaml:3:3: store.redb_cahce_mib: 8:"), "{what}");
    assert!(next.contains("redb_cache_mib"), "{next}");
    let [what, ..] = problem.lines(Language::Zh);
    assert!(what.contains("没有这个键"), "{what}");
}

#[test]
fn a_misspelt_section_without_children_is_found_too() {
    let folder = Folder::new("section");
    assert_eq!(first(folder.load("stroe:\n")).hint, Hint::Nearest("store".to_owned()));
    assert!(folder.load("store:\nsite:\n  names:\ntls:\n").is_ok());
}

#[test]
fn wrong_types_and_ranges_name_their_line() {
    let folder = Folder::new("types");
    for (yaml, line, code, words) in [
        ("listen: 8443\n", 1, code::CONFIG_WRONG_VALUE, "0.0.0.0:8443"),
        ("\nlimits:\n  attachment_mib: lots\n", 3, code::CONFIG_WRONG_VALUE, "whole number"),
        ("limits: {attachment_mib: -1}\n", 1, code::CONFIG_WRONG_VALUE, "whole number"),
        ("limits:\n  attachment_mib: 0\n", 2, code::CONFIG_OUT_OF_RANGE, "1 to 2048"),
        ("store: 7\n", 1, code::CONFIG_WRONG_VALUE, "keys below"),
        ("log:\n  format: jsn\n", 2, code::CONFIG_WRONG_VALUE, "json"),
        ("log:\n\n  level: loud\n", 3, code::CONFIG_WRONG_VALUE, "error, warn"),
        ("trusted_proxies:\n- 10.0.0.0/8\n- ten\n", 3, code::CONFIG_WRONG_VALUE, "10.0.0.0/8"),
        ("endpoints:\n- https://a.example/x\n", 2, code::CONFIG_WRONG_VALUE, "without a path"),
        ("plugins:\n- wasm: a.wasm\n", 2, code::CONFIG_MISSING, "name"),
        ("log:\nlisten: [\n", 2, code::CONFIG_SYNTAX, "indentation"),
        ("- a\n- b\n", 1, code::CONFIG_SYNTAX, "keys"),
        ("tls:\n  certificate: none.pem\n", 2, code::CONFIG_CONFLICT, "tls.key"),
    ] {
        let problem = first(folder.load(yaml));
        assert_eq!((problem.code, problem.place.line), (code, line), "{yaml}: {problem:?}");
        let [.., next] = problem.lines(Language::En);
        assert!(next.contains(words), "{yaml}: {next}");
    }
}

#[test]
fn the_plugin_example_loads_as_it_stands() {
    let folder = Folder::new("plugin");
    let yaml = r"
plugins:
  - name: feishu-notifier
    wasm: ./plugins/feishu.wasm
    config:
      webhook: https://open.feishu.cn/...
";
    let plugin = folder.load(yaml).unwrap().config.plugins.remove(0);
    assert_eq!(plugin.name, "feishu-notifier");
    assert_eq!(plugin.wasm.unwrap(), folder.0.join("./plugins/feishu.wasm"));
    assert_eq!(plugin.config["webhook"], "https://open.feishu.cn/...");
}

#[test]
fn a_variable_that_names_nothing_is_a_finding_with_the_nearest() {
    let variables = vec![("POSTHOUSE_LISTEM".to_owned(), "x".to_owned())];
    let loaded = load(&Inputs { variables, ..Inputs::default() }).unwrap();
    assert_eq!(loaded.findings[0].code, code::CONFIG_UNKNOWN_VARIABLE);
    assert_eq!(loaded.findings[0].hint, Hint::Nearest("POSTHOUSE_LISTEN".to_owned()));
}

#[test]
fn what_is_printed_loads_again_and_is_the_same() {
    let folder = Folder::new("print");
    let loaded = folder
        .load(
            "site: {names: [a.example]}\ntrusted_proxies: [10.0.0.0/8]\n\
             log: {level: 'info,posthouse=debug'}\n",
        )
        .unwrap();
    let again = folder.load(&yaml(&loaded.config)).unwrap();
    assert_eq!(again.config, loaded.config);
    let changes = diff(&Config::default(), &loaded.config);
    let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
    assert_eq!(keys, ["data", "log.level", "site.names", "trusted_proxies"]);
}

#[test]
fn every_setting_has_a_sentence_in_both_languages_and_its_own_variable() {
    let settings = settings();
    let mut variables: Vec<String> = settings.iter().map(Setting::variable).collect();
    for setting in &settings {
        assert!(!setting.en.is_empty(), "{}", setting.key);
        assert!(!setting.zh.is_ascii(), "{}", setting.key);
    }
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), settings.len());
}

#[test]
fn a_reload_is_all_or_nothing_and_says_what_waits_for_a_restart() {
    let folder = Folder::new("reload");
    let file = folder.file("posthouse.yaml", "log: {level: info}\n");
    let inputs = Inputs { file: Some(file), ..Inputs::default() };
    let in_force = load(&inputs).unwrap().config;
    folder.file("posthouse.yaml", "log: {level: debug}\nlisten: 127.0.0.1:1\n");
    let reloaded = reload(&inputs, &in_force).unwrap();
    assert_eq!(reloaded.changes.len(), 2);
    assert_eq!(reloaded.loaded.findings.len(), 1);
    assert_eq!(reloaded.loaded.findings[0].key, "listen");
    assert_eq!(
        (reloaded.next.log.level.as_str(), reloaded.next.listen),
        ("debug", in_force.listen)
    );
    let again = reload(&inputs, &reloaded.next).unwrap().changes;
    assert_eq!(again.len(), 1, "what waits for a restart is told until then");
    folder.file("posthouse.yaml", "log: {level: debug}\nlistne: 127.0.0.1:1\n");
    assert!(reload(&inputs, &in_force).is_err());
}

#[test]
fn the_machine_needs_a_name_and_an_address_that_can_be_its_own() {
    let folder = Folder::new("machine");
    let problem = |text: &str| {
        let file = folder.file("posthouse.yaml", &format!("appliance: {{{text}}}\n"));
        let loaded = load(&Inputs { file: Some(file), ..Inputs::default() });
        loaded.err().map(|problems| problems[0].key.clone())
    };
    assert_eq!(problem("name: counter-2, address: 192.168.1.20/24, gateway: 192.168.1.1"), None);
    for name in ["''", "a.b", "-a", "shop desk"] {
        assert_eq!(problem(&format!("name: {name}")).unwrap(), "appliance.name", "{name}");
    }
    for address in ["10.0.0.0/8", "10.0.0.255/24", "127.0.0.1/8", "10.0.0.1", "'fd00::1/64'"] {
        let key = problem(&format!("address: {address}")).unwrap();
        assert_eq!(key, "appliance.address", "{address}");
    }
    assert_eq!(problem("gateway: 10.0.0.1").unwrap(), "appliance.gateway");
    assert_eq!(problem("dns: [10.0.0.1]").unwrap(), "appliance.dns");
}

/// A configuration that differs from the default in every setting.
fn another() -> Config {
    let text = "
        listen: 127.0.0.1:1
        plain_listen: 127.0.0.1:2
        data: /elsewhere
        site: {names: [a.example]}
        crypto: {profile: both, key: {passphrase_file: p, agent_socket: a, agent_key: k}}
        tls:
          certificate: c.pem
          key: k.pem
          national: {sign_certificate: s.pem, sign_key: sk.pem, encrypt_certificate: e.pem,
                     encrypt_key: ek.pem}
          families: [tlcp]
          sm_hint: alert
          client_certificates: optional
          acme: {directory: 'https://a.example/d', contact: ['mailto:a@a.example'],
                 domains: [a.example], root: r.pem}
        trusted_proxies: [10.0.0.0/8]
        endpoints: ['https://a.example']
        store: {min_commit_interval_ms: 1, journal_segment_mib: 1, redb_cache_mib: 5}
        audit: {keep_days: 200}
        backup: {folder: /b, passphrase_file: /p, every_hours: 6, keep: 9, keep_days: 9}
        limits: {attachment_mib: 1, connections_max: 16}
        metrics: {token_file: t}
        log: {level: debug, format: json}
        language: zh
        plugins: [{name: p}]
        appliance: {name: counter, address: 10.0.0.2/8, gateway: 10.0.0.1, dns: [10.0.0.1],
                    setup_code: ABCD-EFGH-JKLM}";
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn a_reload_takes_every_setting_that_says_so_and_no_other() {
    let (old, new) = (Config::default(), another());
    let all = diff(&old, &new);
    assert_eq!(all.len(), settings().len(), "a setting is missing in this test: {all:?}");
    let next = reloaded(&old, &new);
    assert!(diff(&old, &next).iter().all(|change| !change.needs_restart));
    assert!(diff(&next, &new).iter().all(|change| change.needs_restart));
}

#[test]
fn a_credential_is_a_file_of_the_service_managers_folder() {
    let folder = Folder::new("credential");
    folder.file("metrics", "token\n");
    let file = folder.file("posthouse.yaml", "metrics: {token_file: 'credential:metrics'}\n");
    let credentials = folder.0.to_string_lossy().into_owned();
    let variables = vec![("CREDENTIALS_DIRECTORY".to_owned(), credentials)];
    let loaded = load(&Inputs { file: Some(file), variables, flags: Vec::new() }).unwrap();
    assert_eq!(loaded.config.metrics.token_file.unwrap(), folder.0.join("metrics"));
}

#[test]
fn backups_need_a_passphrase_and_a_folder_elsewhere() {
    let folder = Folder::new("backups");
    let conflict = |yaml: &str| first(folder.load(yaml)).key;
    assert_eq!(conflict("backup: {folder: /b}"), "backup.folder");
    assert_eq!(conflict("backup: {passphrase_file: /p}"), "backup.passphrase_file");
    let inside = "data: /d\nbackup: {folder: /d/b, passphrase_file: /p}";
    assert_eq!(conflict(inside), "backup.folder");
    let both = "backup: {folder: /b, passphrase_file: /p";
    for (key, values) in
        [("every_hours", [0, 8_761]), ("keep", [0, 1_001]), ("keep_days", [0, 36_501])]
    {
        for value in values {
            let problem = first(folder.load(&format!("{both}, {key}: {value}}}")));
            assert_eq!(problem.code, code::CONFIG_OUT_OF_RANGE, "{key}: {value}");
        }
    }
    let loaded = folder.load(&format!("{both}}}")).unwrap().config.backup;
    assert_eq!((loaded.every_hours, loaded.keep, loaded.keep_days), (24, 30, 30));
}

#[test]
fn families_follow_the_profile_and_may_only_be_fewer() {
    use crate::base::Family::{International, Rfc8998, Tlcp};
    let folder = Folder::new("families");
    let config = |yaml: &str| folder.load(yaml).unwrap().config;
    assert_eq!(config("").families(), [International]);
    assert_eq!(config("crypto: {profile: national}").families(), [Rfc8998, Tlcp]);
    let both = config("crypto: {profile: both}");
    assert_eq!(both.families(), [Rfc8998, Tlcp, International]);
    assert_eq!(both.sm_hint(), SmHint::Ignore);
    let fewer = config("crypto: {profile: both}\ntls: {families: [international, tlcp]}");
    assert_eq!(fewer.families(), [Tlcp, International], "the profile's order, not the list's");
    let national = config("crypto: {profile: both}\ntls: {families: [tlcp]}");
    assert_eq!(national.sm_hint(), SmHint::Alert);
    let told = config("crypto: {profile: both}\ntls: {sm_hint: switch}");
    assert_eq!(told.sm_hint(), SmHint::Switch);

    let conflict = |yaml: &str| {
        let problem = first(folder.load(yaml));
        assert_eq!(problem.code, code::CONFIG_CONFLICT, "{yaml}");
        problem.key
    };
    assert_eq!(conflict("tls: {families: [rfc8998]}"), "tls.families.0");
    let acme = "crypto: {profile: national}\n\
                tls: {acme: {directory: 'https://a.example', domains: [a.example]}}";
    assert_eq!(conflict(acme), "tls.acme.directory");
    folder.file("sign.pem", "");
    let half = "crypto: {profile: both}\ntls: {national: {sign_certificate: sign.pem}}";
    assert_eq!(conflict(half), "tls.national.sign_certificate");
}
