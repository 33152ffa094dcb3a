//! What went wrong, as people and scripts see it: a code, a sentence, a way out.

use serde_json::json;

use super::{exit::Exit, style};
use crate::{
    engine::{EngineError, RequestError},
    git::GitError,
    server::client::ClientError,
};

/// The end of a command that did not do what it should.
#[derive(Debug)]
pub struct CliError {
    /// The exit status.
    pub exit: Exit,
    code: String,
    message: String,
    help: String,
}

impl CliError {
    /// What it says, and the way out.
    pub fn into_words(self) -> (String, String) {
        (self.message, self.help)
    }

    /// Whether it is the error of that code.
    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// An error in its parts.
    pub fn new(
        exit: Exit,
        code: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        CliError {
            exit,
            code: code.into(),
            message: message.into(),
            help: help.into(),
        }
    }

    /// Prints it: for scripts to standard output, for people to standard error.
    pub fn print(&self, as_json: bool) {
        if as_json {
            let error = json!({"code": self.code, "message": self.message, "help": self.help});
            println!("{}", json!({"version": 1, "error": error}));
            return;
        }
        let paint = style::of_stderr();
        eprintln!(
            "{}{} {}",
            paint.bad("error"),
            paint.dim(&format!("[{}]:", self.code)),
            self.message
        );
        if !self.help.is_empty() {
            eprintln!("  {} {}", paint.strong("help:"), self.help);
        }
    }
}

impl From<RequestError> for CliError {
    fn from(error: RequestError) -> Self {
        let exit = match &error {
            RequestError::Refused(_) => Exit::Refused,
            RequestError::NoSuchEnvironment { .. } | RequestError::Unclear { .. } => Exit::Refused,
            RequestError::Build { verdict, .. } if verdict == "failed" => Exit::Failed,
            RequestError::Build { .. } => Exit::Errored,
            RequestError::Engine(EngineError::Manifest(_)) => Exit::Manifest,
            RequestError::Engine(EngineError::Git(GitError::NoSuchRevision { .. })) => {
                Exit::Refused
            }
            RequestError::Engine(_) => Exit::Disorder,
        };
        CliError::new(exit, error.code(), error.to_string(), error.help())
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<crate::store::StoreError> for CliError {
    fn from(error: crate::store::StoreError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            // The server's own words, as if there were none in between.
            ClientError::Api {
                status,
                code,
                message,
                help,
            } => {
                let exit = match (status, code.as_str()) {
                    (_, "build::failed") => Exit::Failed,
                    (_, "build::errored") => Exit::Errored,
                    (400..=409, _) => Exit::Refused,
                    (422, _) => Exit::Manifest,
                    _ => Exit::Disorder,
                };
                CliError::new(exit, code, message, help)
            }
            ClientError::Unreachable(_) | ClientError::Nonsense(_) => CliError::new(
                Exit::Disorder,
                "server::unreachable",
                error.to_string(),
                "look at the server's log; without a server the command line works by itself",
            ),
        }
    }
}

impl From<crate::home::HomeError> for CliError {
    fn from(error: crate::home::HomeError) -> Self {
        EngineError::from(error).into()
    }
}

impl std::fmt::Display for CliError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// The reader of our output has gone, or cannot take it.
pub fn output(error: std::io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "cli::output",
        format!("could not write the output: {error}"),
        "",
    )
}
