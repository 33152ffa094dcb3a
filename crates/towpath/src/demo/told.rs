//! What is told, as it happens. How it looks is decided by whoever listens.

use std::path::PathBuf;

use tokio::sync::mpsc::UnboundedSender;

use super::Report;
use crate::engine::DeploymentView;

/// Something that listeners are told.
#[derive(Debug, Clone)]
pub enum Told {
    /// Where it happens.
    Begins(Description),
    /// A new part of the story.
    Chapter {
        /// The release that it is about.
        release: &'static str,
        /// What is special about that.
        title: &'static str,
    },
    /// Somebody does something.
    Does {
        /// Who.
        who: &'static str,
        /// What, and why.
        what: String,
    },
    /// Something good came of it.
    Good(String),
    /// It was refused, as it should be.
    Refused(String),
    /// Something is waited for.
    Awaits(String),
    /// A deployment is under way.
    UnderWay(Box<DeploymentView>),
    /// A deployment has ended, or waits for a person.
    Stands(Box<DeploymentView>),
    /// Something beside the story.
    Aside(String),
    /// It is over; what came of it.
    Ends(Box<Report>),
    /// Everything goes on running until somebody ends it.
    Stays(Description),
    /// Everything is being ended.
    CleaningUp,
    /// Nothing is left.
    Gone,
}

/// Where it happens.
#[derive(Debug, Clone)]
pub struct Description {
    /// The directory of all of it.
    pub root: PathBuf,
    /// The repository that everybody pushes to.
    pub repository: PathBuf,
    /// The clone in which people work.
    pub clone: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// Where builds are cached, for the next demo too.
    pub cache: PathBuf,
    /// The page of the server.
    pub page: String,
    /// Whether nothing was built before.
    pub is_first: bool,
}

/// Tells those who listen.
#[derive(Debug, Clone)]
pub struct Tell(UnboundedSender<Told>);

impl Tell {
    /// Tells the other end of a channel.
    pub fn new(listener: UnboundedSender<Told>) -> Tell {
        Tell(listener)
    }

    pub(super) fn say(&self, told: Told) {
        // Nobody has to listen.
        let _ = self.0.send(told);
    }

    pub(super) fn does(&self, who: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.say(Told::Does { who, what });
    }
}
