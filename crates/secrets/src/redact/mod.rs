//! Takes known secrets out of a stream of bytes, in every spelling in which programs are known to print them.
//!
//! Every occurrence of every form of every secret is found by an automaton; what overlaps is taken out as one, so that
//! nothing of one secret is left over beside another. What is let out depends on the bytes alone, not on how they
//! arrive.
//!
//! The automaton holds the forms for as long as it lives, and cannot be wiped: who holds [`Patterns`] makes sure that
//! his memory ends up in no file, see [`crate::hygiene`]. Everything else that is made of the values here is wiped.

mod escape;
#[cfg(feature = "whole")]
mod find;
mod forms;
mod machine;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

pub use stream::Redactor;

use machine::Machine;
use stream::Scan;

/// The shortest secret that is taken out, in bytes. A shorter one is found in the middle of everything.
pub const SHORTEST_SECRET: usize = 4;
/// The shortest line of a secret of many lines that is taken out where it stands alone, in bytes.
pub const SHORTEST_LINE: usize = 8;
/// The longest value that is looked for in all its forms, in bytes. A longer one is looked for as it is, in JSON and in
/// base64, and each of its lines in all the forms of text: the memory that is needed grows with all forms together.
pub const LONGEST_IN_ALL_FORMS: usize = 1024;
/// The longest value that is looked for in any form but as it is, whole and line by line, in bytes.
pub const LONGEST_IN_ANY_FORM: usize = 16 * 1024;

/// Everything that is looked for; made once, and shared by the streams it is looked for in.
pub struct Patterns {
    machine: Option<Machine>,
    too_short: Vec<String>,
}

impl Patterns {
    /// What to look for, from the names and values of secrets. White space around a value is not part of it here: what is
    /// left of a value without it is found with it just as well.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a SecretString)>) -> Patterns {
        let mut names = Vec::new();
        let mut found = forms::Forms::default();
        let mut too_short = Vec::new();
        for (name, secret) in secrets {
            let value = secret.expose_secret().trim();
            match value.len() {
                0 => {}
                length if length < SHORTEST_SECRET => too_short.push(name.to_owned()),
                _ => {
                    found.add(names.len(), value);
                    names.push(name.to_owned());
                }
            }
        }
        Patterns {
            machine: (!names.is_empty()).then(|| Machine::new(&names, &found.finish())),
            too_short,
        }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.machine.is_none()
    }

    /// The names of the secrets that are not taken out, because they are shorter than [`SHORTEST_SECRET`].
    pub fn too_short(&self) -> Vec<&str> {
        self.too_short.iter().map(String::as_str).collect()
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns")
            .field("too_short", &self.too_short)
            .finish_non_exhaustive()
    }
}

/// A whole text without the secrets.
pub fn redact(patterns: &Patterns, text: &str) -> String {
    let Some(machine) = &patterns.machine else {
        return text.to_owned();
    };
    let mut scan = Scan::new(machine);
    let mut out = Vec::with_capacity(text.len());
    scan.push(machine, text.as_bytes(), &mut out);
    scan.finish(machine, &mut out);
    String::from_utf8(out).expect("forms and names are whole characters, and so is what is left")
}
