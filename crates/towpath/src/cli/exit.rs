//! Exit statuses: stable, and the same for every verb.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Done = 0,
    /// It said no: failed, rolled back, cancelled.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// It was refused: not allowed, a gate, not now.
    Refused = 3,
    /// It waits for a person.
    Waits = 4,
    /// It could not say.
    Errored = 5,
    /// The manifest is not valid.
    Manifest = 6,
    /// Something is out of order here: the disk, git, the journal.
    Disorder = 7,
    /// Ctrl-C; what is under way goes on with the next command.
    Detached = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// For how a deployment stands.
    pub fn of_status(status: &str) -> Exit {
        match status {
            "settled" => Exit::Done,
            "refused" => Exit::Refused,
            "errored" | "undo-failed" => Exit::Errored,
            "queued" | "running" | "undoing" => Exit::Waits,
            _ => Exit::Failed,
        }
    }
}
