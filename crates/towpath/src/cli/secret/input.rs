//! Values come from standard input, from a terminal without showing them, or are made here. Never from an argument: those
//! are seen by everybody on the machine.

use std::{
    ffi::OsString,
    io::{IsTerminal, Read},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::cli::{error::CliError, exit::Exit};

/// Where a value comes from.
#[derive(Args)]
pub struct Input {
    /// Make a random one instead of reading it: 32 bytes as 43 letters and digits.
    #[arg(long)]
    generate: bool,
    /// How many random bytes.
    #[arg(long, value_name = "N", default_value_t = 32, requires = "generate", value_parser = clap::value_parser!(u16).range(8..=4096))]
    bytes: u16,
    /// Keep the line's end with which the input ends.
    #[arg(long, conflicts_with = "generate")]
    keep_newline: bool,
    /// What people write where other tools take the value: taken, so that it is answered and not repeated.
    #[arg(hide = true, num_args = 0.., allow_hyphen_values = true)]
    on_the_command_line: Vec<OsString>,
}

impl Input {
    /// Refuses a value that is an argument, behind the key or as `KEY=VALUE`. The answer does not hold it: answers get into logs.
    pub fn check(&self, key: &str) -> Result<(), CliError> {
        if self.on_the_command_line.is_empty() && !key.contains('=') {
            return Ok(());
        }
        Err(CliError::new(
            Exit::Usage,
            "secrets::on-the-command-line",
            "a value stands on the command line, where every program on this machine and your shell's history see it",
            "nothing was written: leave it out to be asked for it, or pipe it in; where that value is in use already, replace it",
        ))
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Result<SecretString, CliError> {
        if self.generate {
            return generate(self.bytes);
        }
        let text = match std::io::stdin().is_terminal() {
            true => ask(key)?,
            false => self.read()?,
        };
        Ok(text.as_str().into())
    }

    fn read(&self) -> Result<Zeroizing<String>, CliError> {
        let mut text = Zeroizing::new(String::new());
        let most = 2 << 20;
        std::io::stdin()
            .take(most)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        if !self.keep_newline && text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

fn ask(key: &str) -> Result<Zeroizing<String>, CliError> {
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(unreadable)
    };
    let first = ask(format!("{key} (is not shown): "))?;
    let again = ask(format!("{key} once more: "))?;
    if *first != *again {
        return Err(CliError::new(
            Exit::Refused,
            "secrets::typed-differently",
            "the two are not the same",
            "try again; a value can also be piped in",
        ));
    }
    Ok(first)
}

fn unreadable(error: std::io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "secrets::input",
        format!("could not read the value: {error}"),
        "pipe it in, as text: `printf %s … | towpath secret set …`",
    )
}

fn generate(count: u16) -> Result<SecretString, CliError> {
    let mut bytes = Zeroizing::new(vec![0; usize::from(count)]);
    getrandom::fill(&mut bytes)
        .map_err(|error| unreadable(std::io::Error::other(error.to_string())))?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(&*bytes));
    Ok(text.as_str().into())
}

/// Stands for a value that is not shown. Its length says nothing.
pub const MASK: &str = "••••••••";

/// Prints a value, and a line's end where a person reads it.
pub fn print(value: &SecretString) {
    let text = value.expose_secret();
    match std::io::stdout().is_terminal() && !text.ends_with('\n') {
        true => println!("{text}"),
        false => print!("{text}"),
    }
}
