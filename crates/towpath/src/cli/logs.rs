//! `towpath logs`: what a deployment's builds, tests and instances printed.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use towpath_core::names::DeploymentNumber;

use super::{
    context::Context,
    error::{self, CliError},
    exit::Exit,
    style,
    way::Way,
};
use crate::engine::{Output, Tail};

/// How often a growing output is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Print what a deployment's builds, tests and instances printed
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath logs staging\n  towpath logs d17 --of test-1\n  towpath logs production --follow"
)]
pub struct Logs {
    /// The environment, by name or alias (its last deployment), or the deployment (d17).
    deployment: String,
    /// Only outputs whose name holds this text: a step such as test-1, or a service.
    #[arg(long, value_name = "TEXT")]
    of: Option<String>,
    /// Only list the outputs.
    #[arg(long)]
    list: bool,
    /// Go on as the last output grows, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
}

impl Logs {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        let number = self.number(&context, &way).await?;
        let mut outputs = way.outputs(number).await?;
        if let Some(text) = &self.of {
            outputs.retain(|output| output.of.contains(text.as_str()));
        }
        if context.json {
            println!(
                "{}",
                json!({"version": 1, "deployment": number, "outputs": outputs})
            );
            return Ok(Exit::Done);
        }
        if outputs.is_empty() {
            eprintln!("nothing of {number} has printed anything");
            return Ok(Exit::Done);
        }
        if self.list {
            outputs
                .iter()
                .for_each(|output| println!("{}  {}", output.of, output.path.display()));
            return Ok(Exit::Done);
        }
        print_all(&outputs, self.follow)
            .await
            .map_err(error::output)?;
        Ok(Exit::Done)
    }

    async fn number(&self, context: &Context, way: &Way) -> Result<DeploymentNumber, CliError> {
        if let Ok(number) = self.deployment.parse() {
            return Ok(number);
        }
        let name = context.place.environment(&self.deployment)?.name.clone();
        let last = way.history(Some(&name), None, 1).await?;
        last.first().map(|view| view.deployment).ok_or_else(|| {
            CliError::new(
                Exit::Refused,
                "logs::nothing",
                format!("nothing was ever deployed to {name}"),
                format!("`towpath deploy {name}` does"),
            )
        })
    }
}

async fn print_all(outputs: &[Output], follow: bool) -> io::Result<()> {
    let paint = style::of_stderr();
    for (index, output) in outputs.iter().enumerate() {
        eprintln!("{}", paint.dim(&format!("── {}", output.of)));
        let mut tail = Tail::new(&output.path);
        pass_on(&mut tail).await?;
        while follow && index + 1 == outputs.len() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
            pass_on(&mut tail).await?;
        }
    }
    Ok(())
}

/// Copies what is there, a piece at a time.
async fn pass_on(tail: &mut Tail) -> io::Result<()> {
    while let Some(piece) = tail.more().await? {
        let mut out = io::stdout().lock();
        match out.write_all(&piece).and_then(|()| out.flush()) {
            // The reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            written => written?,
        }
    }
    Ok(())
}
