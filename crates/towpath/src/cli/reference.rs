//! `towpath reference`: every verb and option as Markdown, for the documents.

use std::fmt::Write;

use clap::{Arg, Args, Command, CommandFactory};

use super::{Cli, error::CliError, exit::Exit};

/// Print the reference of the commands
#[derive(Args)]
pub struct Reference;

impl Reference {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        print!("{}", of(&Cli::command()));
        Ok(Exit::Done)
    }
}

/// The reference, as Markdown.
fn of(cli: &Command) -> String {
    let mut text = String::from(
        "# The commands\n\nMade from the commands themselves by `cargo xtask docs`; `towpath help VERB` shows the same.\n\n",
    );
    let global = |arg: &&Arg| arg.is_global_set() && !arg.is_hide_set();
    section(
        &mut text,
        2,
        "Everywhere",
        &Vec::from_iter(cli.get_arguments().filter(global)),
    );
    if let Some(after) = cli.get_after_help() {
        let _ = write!(text, "{}\n\n", unbroken(&after.to_string()));
    }
    for verb in cli.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        command(&mut text, "towpath", verb);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A verb, and the verbs below it.
fn command(text: &mut String, before: &str, verb: &Command) {
    let name = format!("{before} {}", verb.get_name());
    let _ = write!(text, "## `{name}`\n\n");
    if let Some(about) = verb.get_long_about().or(verb.get_about()) {
        for paragraph in about.to_string().split("\n\n") {
            let _ = write!(text, "{}.\n\n", unbroken(paragraph).trim_end_matches('.'));
        }
    }
    let own = |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help";
    let arguments = Vec::from_iter(verb.get_arguments().filter(own));
    let _ = write!(
        text,
        "```console\n$ {}\n```\n\n",
        usage(&name, verb, &arguments)
    );
    list(text, &arguments);
    if let Some(after) = verb.get_after_help() {
        examples(text, &after.to_string());
    }
    for below in verb
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        command(text, &name, below);
    }
}

fn section(text: &mut String, depth: usize, title: &str, arguments: &[&Arg]) {
    let _ = write!(text, "{} {title}\n\n", "#".repeat(depth));
    list(text, arguments);
}

fn list(text: &mut String, arguments: &[&Arg]) {
    for arg in arguments {
        let help = arg.get_help().map(|help| unbroken(&help.to_string()));
        let help = help.unwrap_or_default();
        let _ = write!(text, "- `{}`: {}.", named(arg), help.trim_end_matches('.'));
        let default: Vec<_> = arg
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        if arg.get_action().takes_values() && !default.is_empty() {
            let _ = write!(text, " Default: `{}`.", default.join(" "));
        }
        if let Some(variable) = arg.get_env() {
            let _ = write!(text, " Variable: `{}`.", variable.to_string_lossy());
        }
        text.push('\n');
    }
    if !arguments.is_empty() {
        text.push('\n');
    }
}

fn usage(name: &str, verb: &Command, arguments: &[&Arg]) -> String {
    let mut usage = name.to_owned();
    for arg in arguments {
        let named = if arg.is_positional() {
            value(arg)
        } else {
            named(arg)
        };
        let _ = match arg.is_required_set() {
            true => write!(usage, " {named}"),
            false => write!(usage, " [{named}]"),
        };
    }
    if verb.has_subcommands() {
        usage.push_str(" COMMAND");
    }
    usage
}

/// An option by its names, an argument by its value.
fn named(arg: &Arg) -> String {
    let Some(long) = arg.get_long() else {
        return value(arg);
    };
    let short = arg
        .get_short()
        .map_or(String::new(), |short| format!("-{short}, "));
    match arg.get_action().takes_values() {
        true => format!("{short}--{long} {}", value(arg)),
        false => format!("{short}--{long}"),
    }
}

fn value(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some(names) => names
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        None => arg.get_id().as_str().to_uppercase(),
    }
}

/// Lines below a word with a colon are commands.
fn examples(text: &mut String, after: &str) {
    let commands: Vec<&str> = after
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .collect();
    if commands.is_empty() {
        let _ = write!(text, "{}\n\n", unbroken(after));
        return;
    }
    let _ = write!(text, "For example:\n\n```console\n");
    for line in commands {
        let _ = writeln!(text, "$ {line}");
    }
    text.push_str("```\n\n");
}

/// What was broken for a terminal's width, in one line.
fn unbroken(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_reference_is_up_to_date() {
        let written = include_str!("../../../../docs/reference/cli.md");
        assert!(
            written == of(&Cli::command()),
            "docs/reference/cli.md is out of date: run `cargo xtask docs`"
        );
        let written = include_str!("../../../../docs/reference/towpath.schema.json");
        assert!(
            written.trim_end() == format!("{:#}", towpath_core::manifest::schema()),
            "docs/reference/towpath.schema.json is out of date: run `cargo xtask docs`"
        );
    }

    #[test]
    fn every_option_is_explained() {
        fn check(verb: &Command) {
            for arg in verb.get_arguments() {
                assert!(
                    arg.get_help().is_some(),
                    "{} of {}",
                    arg.get_id(),
                    verb.get_name()
                );
            }
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
            verb.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
