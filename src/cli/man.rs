//! `posthouse man`: the manual page, made from the very commands that are parsed, so that it cannot
//! tell of another program. Source of the format: man(7).

use std::fmt::Write as _;
use std::io::Write;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};

use super::{Ending, Failure, Posthouse};

pub fn print(out: &mut dyn Write) -> Result<Ending, Failure> {
    let mut command = Posthouse::command();
    command.build();
    out.write_all(page(&command).as_bytes())?;
    Ok(Ending::Done)
}

/// What no command knows of itself.
const REST: &str = r#".SH "EXIT STATUS"
0 done, 1 something was found that wants attention, 2 the command or the configuration was wrong,
3 the disk, the network or the system failed.
.SH FILES
.TP
.I /etc/posthouse/posthouse.yaml
Settings, when no other file is named; the files of conf.d beside it are read too.
.TP
.I /var/lib/posthouse
Everything that the desk keeps, where it runs as a service.
.SH "SEE ALSO"
The desk itself serves its manual, in English and Chinese, at /manual/.
"#;

fn page(command: &Command) -> String {
    let version = command.get_version().unwrap_or_default();
    let about = text(command.get_about());
    let short = about.split(": ").last().unwrap_or(&about).trim_end_matches('.');
    let mut out = format!(
        ".TH POSTHOUSE 1 \"\" \"posthouse {version}\" \"User Commands\"\n.SH NAME\n\
         posthouse \\- {}\n.SH SYNOPSIS\n.B posthouse\n.I COMMAND\n[\\fIOPTION\\fR ...]\n\
         .SH COMMANDS\n",
        escape(short)
    );
    commands(&mut out, "posthouse", command);
    out.push_str(REST);
    out
}

/// Every command that does something, in the order of the help.
fn commands(out: &mut String, path: &str, command: &Command) {
    let shown = |inner: &&Command| !inner.is_hide_set() && inner.get_name() != "help";
    for inner in command.get_subcommands().filter(shown) {
        let path = format!("{path} {}", inner.get_name());
        if inner.has_subcommands() {
            commands(out, &path, inner);
        } else {
            one(out, &path, inner);
        }
    }
}

fn one(out: &mut String, path: &str, command: &Command) {
    let mut heading = path.to_owned();
    for place in command.get_positionals() {
        let _ = write!(heading, " {}", names(place));
    }
    let about = command.get_long_about().or(command.get_about());
    let _ = writeln!(out, ".SS \"{}\"", escape(&heading));
    paragraphs(out, &text(about));
    for argument in command.get_arguments().filter(|argument| !usual(argument)) {
        let _ = writeln!(out, ".TP\n\\fB{}\\fR", escape(&flag(argument)));
        let help = argument.get_long_help().or(argument.get_help());
        paragraphs(out, &text(help));
        let choices: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|_| argument.get_action().takes_values())
            .map(|value| value.get_name().to_owned())
            .collect();
        if !choices.is_empty() {
            let _ = writeln!(out, "One of: {}.", escape(&choices.join(", ")));
        }
    }
}

/// What every command has and nobody looks up.
fn usual(argument: &Arg) -> bool {
    argument.is_hide_set() || matches!(argument.get_id().as_str(), "help" | "version")
}

fn flag(argument: &Arg) -> String {
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let value = if argument.get_action().takes_values() { names(argument) } else { String::new() };
    [flags.join(", "), value].join(" ").trim().to_owned()
}

fn names(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
}

fn text(styled: Option<&StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

fn paragraphs(out: &mut String, text: &str) {
    for (n, paragraph) in text.split("\n\n").enumerate() {
        let gap = if n > 0 { ".IP\n" } else { "" };
        let _ = writeln!(out, "{gap}{}", escape(paragraph));
    }
}

/// A backslash, a hyphen, and a dot or quote that begins a line mean something to roff.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text.lines().map(|line| {
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        format!("{guard}{line}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_and_flag_and_no_line_that_roff_would_take_for_a_request() {
        let mut command = Posthouse::command();
        command.build();
        let page = page(&command);
        for word in ["posthouse serve", "posthouse agent add", "\\-\\-password\\-file", "bash"] {
            assert!(page.contains(word), "{word}\n{page}");
        }
        let known = [".TH ", ".SH ", ".SS ", ".TP", ".IP", ".B ", ".I "];
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(known.iter().any(|request| line.starts_with(request)), "{line}");
        }
        assert_eq!(escape(".a-b\\c\n'd"), "\\&.a\\-b\\ec\n\\&'d");
    }
}
