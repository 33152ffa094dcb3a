//! The journal's record: append-only, hash-chained within its stream. Where it is kept is elsewhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Digest, Time,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
};

/// What a record is about; records of one stream are versioned and chained.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Stream {
    /// The project as a whole.
    Project,
    /// One environment.
    Environment(EnvironmentName),
    /// One release.
    Release(ReleaseNumber),
    /// One deployment.
    Deployment(DeploymentNumber),
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stream::Project => f.write_str("project"),
            Stream::Environment(name) => write!(f, "environment/{name}"),
            Stream::Release(number) => write!(f, "release/{}", number.0),
            Stream::Deployment(number) => write!(f, "deployment/{}", number.0),
        }
    }
}

/// Why a text is not the name of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream: project, environment/NAME, release/N or deployment/N")]
pub struct BadStream(pub String);

impl FromStr for Stream {
    type Err = BadStream;
    fn from_str(text: &str) -> Result<Self, BadStream> {
        let bad = || BadStream(text.to_owned());
        match text.split_once('/') {
            None if text == "project" => Ok(Stream::Project),
            Some(("environment", name)) => name.parse().map(Stream::Environment).map_err(|_| bad()),
            Some(("release", n)) => n
                .parse()
                .map(|n| Stream::Release(ReleaseNumber(n)))
                .map_err(|_| bad()),
            Some(("deployment", n)) => n
                .parse()
                .map(|n| Stream::Deployment(DeploymentNumber(n)))
                .map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for Stream {
    type Error = BadStream;
    fn try_from(text: String) -> Result<Self, BadStream> {
        text.parse()
    }
}

impl From<Stream> for String {
    fn from(stream: Stream) -> String {
        stream.to_string()
    }
}

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the whole journal, from 1, without gaps.
    pub seq: u64,
    /// What it is about.
    pub stream: Stream,
    /// Position within the stream, from 1, without gaps.
    pub version: u64,
    /// When it was written.
    pub at: Time,
    /// Who made it happen: an e-mail address, or `towpath` itself.
    pub actor: String,
    /// The event's kind, such as `deployment-requested`.
    pub kind: String,
    /// The event.
    pub body: Value,
    /// The hash of the stream's record before this one; zeroes for the first.
    pub prev: Digest,
    /// SHA-256 over all of the above in canonical JSON.
    pub hash: Digest,
}

/// A record's contents before it is placed in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it is about.
    pub stream: Stream,
    /// When it happened.
    pub at: Time,
    /// Who made it happen.
    pub actor: String,
    /// The event's kind.
    pub kind: String,
    /// The event.
    pub body: Value,
}

/// The end of a stream: what the next record is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last record's version; zero when there is none.
    pub version: u64,
    /// The last record's hash; zeroes when there is none.
    pub hash: Digest,
}

impl Head {
    /// Of a stream without records.
    pub const EMPTY: Head = Head {
        version: 0,
        hash: Digest::ZERO,
    };
}

impl Record {
    /// Places a draft at `seq`, chained to its stream's head.
    pub fn chain(draft: Draft, seq: u64, head: Head) -> Record {
        let mut record = Record {
            seq,
            stream: draft.stream,
            version: head.version + 1,
            at: draft.at,
            actor: draft.actor,
            kind: draft.kind,
            body: draft.body,
            prev: head.hash,
            hash: Digest::ZERO,
        };
        record.hash = record.computed_hash();
        record
    }

    /// This record as its stream's head.
    pub fn head(&self) -> Head {
        Head {
            version: self.version,
            hash: self.hash,
        }
    }

    /// What `hash` must be for what the record says.
    pub fn computed_hash(&self) -> Digest {
        #[derive(Serialize)]
        struct Hashed<'a> {
            seq: u64,
            stream: &'a Stream,
            version: u64,
            at: Time,
            actor: &'a str,
            kind: &'a str,
            body: &'a Value,
            prev: Digest,
        }
        Digest::of_value(&Hashed {
            seq: self.seq,
            stream: &self.stream,
            version: self.version,
            at: self.at,
            actor: &self.actor,
            kind: &self.kind,
            body: &self.body,
            prev: self.prev,
        })
    }

    /// Checks the record against the position and the stream's head that it should follow.
    pub fn verify(&self, seq: u64, head: Head) -> Result<(), Broken> {
        let broken = |what| {
            Err(Broken {
                seq: self.seq,
                stream: self.stream.clone(),
                what,
            })
        };
        if self.seq != seq {
            return broken(Fault::Sequence { expected: seq });
        }
        if self.version != head.version + 1 {
            return broken(Fault::Version {
                expected: head.version + 1,
                found: self.version,
            });
        }
        if self.prev != head.hash {
            return broken(Fault::Chain);
        }
        if self.hash != self.computed_hash() {
            return broken(Fault::Contents);
        }
        Ok(())
    }
}

/// A record that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} of stream {stream}: {what}")]
pub struct Broken {
    /// Where the journal breaks.
    pub seq: u64,
    /// The stream of that record.
    pub stream: Stream,
    /// How it breaks.
    pub what: Fault,
}

/// How a record differs from what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A record before it is missing, or the order was changed.
    #[error("record {expected} was expected here; one is missing or out of order")]
    Sequence {
        /// The position that comes next.
        expected: u64,
    },
    /// A record of its stream is missing or stands twice.
    #[error("its version is {found} where {expected} was expected")]
    Version {
        /// The version that comes next.
        expected: u64,
        /// The version that stands there.
        found: u64,
    },
    /// Its predecessor was replaced.
    #[error("it does not follow the record before it in its stream")]
    Chain,
    /// It was edited.
    #[error("its contents do not match its hash; it was changed after it was written")]
    Contents,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(kind: &str) -> Draft {
        Draft {
            stream: Stream::Deployment(DeploymentNumber(3)),
            at: Time(1_700_000_000_000),
            actor: "dana@acme.test".into(),
            kind: kind.into(),
            body: json!({"kind": kind, "n": 1}),
        }
    }

    #[test]
    fn every_edit_of_a_record_is_found() {
        let first = Record::chain(draft("a"), 1, Head::EMPTY);
        let second = Record::chain(draft("b"), 2, first.head());
        assert_eq!(first.verify(1, Head::EMPTY), Ok(()));
        assert_eq!(second.verify(2, first.head()), Ok(()));

        let edits: [fn(&mut Record); 6] = [
            |r| r.at = Time(r.at.0 + 1),
            |r| r.actor.push('x'),
            |r| r.kind.push('x'),
            |r| r.body["n"] = json!(2),
            |r| r.prev = Digest::of_bytes(b"other"),
            |r| r.stream = Stream::Project,
        ];
        for edit in edits {
            let mut forged = second.clone();
            edit(&mut forged);
            assert!(forged.verify(2, first.head()).is_err());
        }
        assert!(
            second.verify(1, Head::EMPTY).is_err(),
            "the first was removed"
        );
    }

    #[test]
    fn streams_read_back_what_they_print() {
        for text in [
            "project",
            "environment/staging",
            "release/42",
            "deployment/7",
        ] {
            assert_eq!(text.parse::<Stream>().unwrap().to_string(), text);
        }
        for bad in ["", "release", "release/x", "environment/A", "project/1"] {
            assert!(bad.parse::<Stream>().is_err(), "{bad}");
        }
    }
}
