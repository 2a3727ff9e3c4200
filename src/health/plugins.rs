//! Plugins that the configuration names: this build reads them and runs none.

use super::{Check, Issue, Probe};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check = Check { id: "plugins", title: Text { en: "Plugins", zh: "插件" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    if probe.plugins == 0 {
        return Vec::new();
    }
    vec![Issue::new(code::NO_PLUGIN_HOST, probe.plugins.to_string())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_plugins_are_a_finding() {
        assert_eq!(run(&Probe { plugins: 2, ..Probe::sound() })[0].about, "2");
    }
}
