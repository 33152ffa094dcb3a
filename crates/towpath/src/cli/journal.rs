//! `towpath journal`: the record of everything that happened: read, verified, replayed.

use clap::{Args, Subcommand};
use serde_json::json;
use towpath_core::journal::Stream;

use super::{context::Context, error::CliError, exit::Exit, style, way::Way};
use crate::store::Page;

/// Read, verify or replay the record of everything that happened
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath journal show --stream deployment/17\n  towpath journal verify\n  towpath journal replay"
)]
pub struct Journal {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print records, oldest first
    Show {
        /// Only this stream: project, environment/NAME, release/N or deployment/N.
        #[arg(long)]
        stream: Option<Stream>,
        /// Only those after this position.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Check every record against the one before it
    ///
    /// Finds records that were changed, removed from the middle, or put in another order. That the newest were cut off
    /// shows only against a head that was kept elsewhere: compare what this prints.
    Verify,
    /// Make every read model again from the records, and say what was not as it should be
    Replay,
}

impl Journal {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        match self.what {
            What::Show {
                stream,
                after,
                limit,
            } => {
                let records = way
                    .records(&Page {
                        after,
                        stream,
                        limit,
                    })
                    .await?;
                for record in &records {
                    match context.json {
                        // A line each, so that long answers stream.
                        true => println!("{}", json!(record)),
                        false => println!(
                            "{:>6}  {}  {:<22} {:<20} {}  {}",
                            record.seq,
                            record.at,
                            record.stream.to_string(),
                            record.kind,
                            record.actor,
                            style::plain(&excerpt(&record.body))
                        ),
                    }
                }
                Ok(Exit::Done)
            }
            What::Verify => {
                let found = way.verify().await?;
                match context.json {
                    true => println!("{}", json!({"version": 1, "ok": true, "verified": found})),
                    false => {
                        let head = found.head.map_or("none".into(), |head| head.to_string());
                        println!(
                            "{} records in {} streams are as they were written; head {head}",
                            found.records, found.streams
                        );
                    }
                }
                Ok(Exit::Done)
            }
            What::Replay => {
                let Way::Own(engine) = &way else {
                    return Err(CliError::new(
                        Exit::Refused,
                        "journal::in-use",
                        "a server works on this journal",
                        "stop the server first; nothing that end users see changes by that",
                    ));
                };
                let found = engine.store.replay().await?;
                match context.json {
                    true => println!(
                        "{}",
                        json!({"version": 1, "ok": found.repaired.is_empty(), "replayed": found})
                    ),
                    false if found.repaired.is_empty() => {
                        println!(
                            "{} records replayed; every read model was as they say",
                            found.records
                        );
                    }
                    false => println!(
                        "{} records replayed; made right: {}",
                        found.records,
                        found.repaired.join(", ")
                    ),
                }
                Ok(if found.repaired.is_empty() {
                    Exit::Done
                } else {
                    Exit::Failed
                })
            }
        }
    }
}

fn excerpt(body: &serde_json::Value) -> String {
    if body.is_null() {
        return String::new();
    }
    let text = body.to_string();
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
