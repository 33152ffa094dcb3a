//! `towpath releases`: the releases that there are, newest first.

use clap::Args;
use serde_json::json;
use towpath_core::names::ReleaseNumber;

use super::{context::Context, error::CliError, exit::Exit, style, table, way::Way};
use crate::engine::ReleaseView;

/// List releases, newest first
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath releases\n  towpath releases --limit 50 --before v17")]
pub struct Releases {
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Only those before this one, for the next page.
    #[arg(long, value_name = "vN")]
    before: Option<ReleaseNumber>,
}

impl Releases {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        let views = way.releases(self.before, self.limit).await?;
        if context.json {
            println!("{}", json!({"version": 1, "releases": views}));
            return Ok(Exit::Done);
        }
        let rows: Vec<Vec<String>> = views.iter().map(row).collect();
        let heading = ["#", "COMMIT", "SUBJECT", "AUTHOR", "STANDING"];
        table::print(&heading, &rows);
        Ok(Exit::Done)
    }
}

fn row(view: &ReleaseView) -> Vec<String> {
    let release = &view.release;
    vec![
        release.number.to_string(),
        release.source.commit.short().to_owned(),
        style::plain(&release.source.subject),
        style::plain(&release.source.author),
        standing(view),
    ]
}

/// How far it has come.
fn standing(view: &ReleaseView) -> String {
    let paint = style::of_stdout();
    let release = &view.release;
    if let Some(veto) = &release.vetoed {
        return paint.bad(&format!("vetoed by {}", veto.by));
    }
    let verified: Vec<&str> = release.verified.keys().map(|name| name.as_str()).collect();
    let proven = release.rehearsal.as_ref().filter(|one| one.proves());
    let standing = match (verified.as_slice(), view.digest) {
        ([], None) => paint.dim("not built"),
        ([], Some(_)) => "built".to_owned(),
        (verified, _) => paint.good(&format!("verified in {}", verified.join(", "))),
    };
    match proven {
        Some(rehearsal) => {
            let proven = format!("rollback proven {}", rehearsal.place());
            format!("{standing}, {}", paint.good(&proven))
        }
        None => standing,
    }
}
