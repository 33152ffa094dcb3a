//! What `dotenvx` (2.38) replaces in a value that is not between single quotes. First it runs commands, and only where
//! there was none, variables are replaced, and then `\$` becomes `$`. A backslash keeps a variable from being replaced,
//! and does not keep a command from being run. Names with a digit first (`$1`) and `$$` stay as they are.

/// What `dotenvx` replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expansion {
    /// `$(command)`: it is run by the shell, and what it prints takes its place.
    Command,
    /// `$NAME` or `${NAME}`, also with a default (`:-`, `-`) or an alternative (`:+`, `+`) behind the name.
    Variable,
    /// `\$`, which becomes `$`.
    Escape,
}

/// What would be replaced first.
pub(super) fn expansion(value: &str) -> Option<Expansion> {
    if has_command(value) {
        Some(Expansion::Command)
    } else if has_variable(value) {
        Some(Expansion::Variable)
    } else if value.contains("\\$") {
        Some(Expansion::Escape)
    } else {
        None
    }
}

/// Whether there is an opening and, anywhere behind it, a closing parenthesis. One that does not balance is not run,
/// but finding that out takes a shell's rules of quoting; on this side the mistake is harmless.
fn has_command(value: &str) -> bool {
    value
        .find("$(")
        .is_some_and(|open| value[open..].contains(')'))
}

fn has_variable(value: &str) -> bool {
    value.match_indices('$').any(|(at, _)| {
        let escaped = value[..at].ends_with('\\');
        !escaped && is_variable(&value[at + 1..])
    })
}

/// Whether what is behind a dollar sign makes it a variable.
fn is_variable(behind: &str) -> bool {
    match behind.strip_prefix('{') {
        Some(inner) => inner
            .find(['{', '}'])
            .is_some_and(|end| end > 0 && inner[end..].starts_with('}')),
        None => behind.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_told() {
        use Expansion::{Command, Escape, Variable};
        let cases = [
            ("$A", Some(Variable)),
            ("x${A:-b}y", Some(Variable)),
            ("${1}", Some(Variable)),
            ("$_", Some(Variable)),
            ("\\$A", Some(Escape)),
            ("\\${A}", Some(Escape)),
            ("\\$A $B", Some(Variable)),
            ("$(date)", Some(Command)),
            ("\\$(date)", Some(Command)),
            ("$A$(date)", Some(Command)),
            ("$(date", None),
            ("$1", None),
            ("$", None),
            ("a$", None),
            ("${}", None),
            ("${A", None),
            ("$$", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(expansion(value), expected, "{value}");
        }
    }
}
