//! The board below the desk: heat, supply, and wear of what the data lies on.

use super::{Board, Check, Issue, Probe};
use crate::base::code;
use crate::base::{Text, limits};

pub const CHECK: Check = Check { id: "board", title: Text { en: "Board", zh: "硬件" }, run };

fn run(probe: &Probe) -> Vec<Issue> {
    let Board { celsius, slowed, under_voltage, worn_percent } = probe.board;
    let mut issues = Vec::new();
    if let Some(celsius) = celsius.filter(|celsius| *celsius >= limits::BOARD_HOT_CELSIUS) {
        issues.push(Issue::new(code::BOARD_HOT, format!("{celsius} C")));
    }
    if slowed == Some(true) {
        issues.push(Issue::new(code::BOARD_SLOWED, ""));
    }
    if under_voltage == Some(true) {
        issues.push(Issue::new(code::BOARD_UNDER_VOLTAGE, ""));
    }
    if let Some(worn) = worn_percent.filter(|worn| *worn >= limits::STORAGE_WORN_PERCENT) {
        issues.push(Issue::new(code::STORAGE_WORN, format!("{worn} %")));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_in_trouble_has_findings_and_no_faults() {
        let mut board = Board {
            celsius: Some(limits::BOARD_HOT_CELSIUS - 1),
            slowed: Some(false),
            under_voltage: Some(false),
            worn_percent: Some(limits::STORAGE_WORN_PERCENT - 10),
        };
        assert_eq!(run(&Probe { board, ..Probe::sound() }), []);
        board = Board {
            celsius: Some(limits::BOARD_HOT_CELSIUS),
            slowed: Some(true),
            under_voltage: Some(true),
            worn_percent: Some(limits::STORAGE_WORN_PERCENT),
        };
        let issues = run(&Probe { board, ..Probe::sound() });
        let codes: Vec<_> = issues.iter().map(|issue| issue.code).collect();
        let expected =
            [code::BOARD_HOT, code::BOARD_SLOWED, code::BOARD_UNDER_VOLTAGE, code::STORAGE_WORN];
        assert_eq!(codes, expected);
        assert!(issues.iter().all(|issue| !issue.is_fault()));
    }
}
