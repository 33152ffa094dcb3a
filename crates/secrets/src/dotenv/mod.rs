//! Dotenv files, read and written as the tools that people use do: npm's `dotenv`, and `dotenvx`, which reads the same
//! grammar and then replaces what looks like a variable or a command. Nothing is replaced here, and nothing is run: a
//! value is what the file says, and [`Entry::expansion`] tells where `dotenvx` would have made something else of it.
//!
//! The two disagree in two details, and `dotenvx` is followed: `\'` between single quotes is a quote, and `\t` between
//! double quotes is a tab. [`Entry::is_disputed`] tells where that matters.

mod expand;
mod parse;
mod write;

use secrecy::{ExposeSecret, SecretString};

pub use expand::Expansion;
pub use parse::{ignored, parse};
pub use write::write;

/// A variable that a file assigns.
pub struct Entry {
    /// Its name. Dotenv takes letters, digits, `_`, `.` and `-`, in any order.
    pub key: String,
    /// Its value, as the file says it.
    pub value: SecretString,
    /// The line where its name is, from 1.
    pub line: usize,
    /// The quote that the value begins with.
    pub quote: Quote,
    unclosed: bool,
    disputed: bool,
}

/// The quotes around a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// None: the value ends with its line, or before a `#`.
    None,
    /// `'`: nothing is replaced but `\'`.
    Single,
    /// `"`: `\n`, `\r` and `\t` stand for what they do in most languages; no other escape exists.
    Double,
    /// A backtick: nothing is replaced.
    Backtick,
}

impl Entry {
    /// What `dotenvx` would replace in the value, if anything. An application that was run by it has seen another value
    /// than this.
    pub fn expansion(&self) -> Option<Expansion> {
        if self.quote == Quote::Single || self.is_encrypted() {
            return None;
        }
        expand::expansion(self.value.expose_secret())
    }

    /// Whether `dotenvx` would replace something in the value.
    pub fn expands(&self) -> bool {
        self.expansion().is_some()
    }

    /// Whether the value is a ciphertext of `dotenvx`, and not the secret.
    pub fn is_encrypted(&self) -> bool {
        self.value.expose_secret().starts_with("encrypted:")
    }

    /// Whether the value begins with a quote that nothing closes, or that something follows. The quote is then a part
    /// of the value, which is seldom what was meant.
    pub fn is_unclosed(&self) -> bool {
        self.unclosed
    }

    /// Whether npm's `dotenv` reads another value than `dotenvx` and [`parse`] do.
    pub fn is_disputed(&self) -> bool {
        self.disputed
    }
}

/// Why a file could not be read, or made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DotenvError {
    /// No variable can hold this character.
    #[error("read line {line}: it has a NUL character, which no environment variable can hold")]
    NulInText {
        /// The line, from 1.
        line: usize,
    },
    /// No variable can hold this character.
    #[error("write {key}: its value has a NUL character, which no environment variable can hold")]
    NulInValue {
        /// The variable.
        key: String,
    },
    /// The name would not be read back.
    #[error("write {key:?}: a name in a dotenv file has only letters, digits, `_`, `.` and `-`")]
    Key {
        /// The name.
        key: String,
    },
    /// JavaScript's objects have a property of this name already, and the readers stumble over it.
    #[error("write {key}: dotenv and dotenvx cannot read a variable of this name")]
    ReservedKey {
        /// The name.
        key: String,
    },
    /// Which of the two is read depends on the reader.
    #[error("write {key} twice")]
    Twice {
        /// The variable.
        key: String,
    },
    /// No way of quoting gives this value back in each of the readers.
    #[error(
        "write {key}: dotenv files have no way of quoting its value that dotenv and dotenvx both read back as it is"
    )]
    Inexpressible {
        /// The variable.
        key: String,
    },
}
