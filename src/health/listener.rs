//! The listeners: each must answer on this machine.

use super::{Check, Issue, Probe};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check =
    Check { id: "listener", title: Text { en: "Listeners", zh: "监听端口" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    probe
        .listeners
        .iter()
        .filter(|listener| !listener.answers)
        .map(|listener| Issue::new(code::NOT_LISTENING, listener.address.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_does_not_answer_is_a_fault() {
        let mut probe = Probe::sound();
        probe.listeners[0].answers = false;
        assert!(run(&probe)[0].is_fault());
        assert_eq!(run(&probe)[0].about, "0.0.0.0:8443");
    }
}
