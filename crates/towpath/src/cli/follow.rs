//! Following a deployment to its end on the terminal, and what is said of it then.

use serde_json::json;
use towpath_core::{names::DeploymentNumber, path::Kind};

use crate::engine::{Ask, Reply};

use super::{
    context::Context,
    error::CliError,
    exit::Exit,
    progress::Progress,
    style,
    way::{Followed, Way},
};

/// Asks for something, and follows what comes of it unless `detach`.
pub async fn ask(context: &Context, way: &Way, ask: &Ask, detach: bool) -> Result<Exit, CliError> {
    match way.ask(context, ask).await? {
        Reply::Deployment { deployment, branch } => {
            if let Some(branch) = branch {
                eprintln!("{branch}");
            }
            if !detach {
                return follow(context, way, deployment).await;
            }
            match context.json {
                true => println!(
                    "{}",
                    json!({"version": 1, "deployment": way.deployment(deployment).await?})
                ),
                false => println!("{deployment} is requested"),
            }
        }
        Reply::Done { said } => match context.json {
            true => println!("{}", json!({"version": 1, "done": said})),
            false => println!("{said}"),
        },
        Reply::Release { .. } => {}
    }
    Ok(Exit::Done)
}

/// Follows a deployment, prints how it stands, and says so in the exit status.
pub async fn follow(
    context: &Context,
    way: &Way,
    number: DeploymentNumber,
) -> Result<Exit, CliError> {
    let followed = match to_its_end(way, number).await? {
        Ok(followed) => followed,
        Err(exit) => return Ok(exit),
    };
    tell(context, &followed);
    way.finish().await?;
    Ok(exit_of(&followed))
}

/// The exit status for how it stands.
pub fn exit_of(followed: &Followed) -> Exit {
    match followed.waiting {
        Some(_) => Exit::Waits,
        None => Exit::of_status(&followed.view.status),
    }
}

/// Says how it stands, and what people do next.
pub fn tell(context: &Context, Followed { view, waiting }: &Followed) {
    if context.json {
        println!("{}", json!({"version": 1, "deployment": view}));
    } else {
        let paint = style::of_stdout();
        match waiting {
            None => {
                let why = view.why.as_deref().unwrap_or_default();
                println!(
                    "{} {}: {}",
                    view.deployment,
                    paint.status(&view.status),
                    style::plain(why)
                );
            }
            Some(waiting) => {
                let who = waiting
                    .who
                    .as_ref()
                    .map_or(String::new(), |who| format!(", from {who}"));
                println!(
                    "{} {} {}{who}",
                    view.deployment,
                    paint.waits("waits for"),
                    waiting.reason
                );
            }
        }
        if let Some(hint) = hint(view, waiting.is_some()) {
            eprintln!("  {} {hint}", style::of_stderr().dim("next:"));
        }
    }
}

/// Follows a deployment to its end, or to where it waits for a person; when Ctrl-C comes first, it goes on without us.
pub async fn to_its_end(
    way: &Way,
    number: DeploymentNumber,
) -> Result<Result<Followed, Exit>, CliError> {
    if let Some(followed) = unless_interrupted(way, number).await? {
        return Ok(Ok(followed));
    }
    let goes_on = match way {
        Way::Own(_) => format!("what runs goes on; `towpath retry {number}` picks it up"),
        Way::Server(_) => "the server goes on with it".to_owned(),
    };
    eprintln!("\ndetached from {number}: {goes_on} (`towpath cancel {number}` stops it)");
    Ok(Err(Exit::Detached))
}

/// Follows a deployment likewise; nothing when Ctrl-C comes first.
pub async fn unless_interrupted(
    way: &Way,
    number: DeploymentNumber,
) -> Result<Option<Followed>, CliError> {
    let mut progress = Progress::new();
    let followed = tokio::select! {
        followed = way.follow(number, |view| progress.show(view)) => followed?,
        _ = tokio::signal::ctrl_c() => {
            progress.close();
            return Ok(None);
        }
    };
    progress.close();
    followed.map(Some).ok_or_else(|| no_such(number))
}

/// What people do next.
fn hint(view: &crate::engine::DeploymentView, waits: bool) -> Option<String> {
    let environment = &view.environment;
    match view.status.as_str() {
        _ if view.asked.is_some() => Some(format!(
            "look at it, then `towpath sign-off {environment} --comment …` or `towpath reject {environment} --reason …`"
        )),
        _ if waits && !view.points_of_no_return.is_empty() => Some(format!(
            "`towpath accept {0} --reason …` lets it pass; `towpath cancel {0}` stops it",
            view.deployment
        )),
        _ if waits => Some(format!(
            "`towpath status {environment}` shows what it waits for"
        )),
        // It is gone.
        _ if environment.is_clone() => None,
        "failed" | "errored" => Some(format!(
            "`towpath logs {}` shows the output; `towpath retry {environment}` goes on from the step that did not pass",
            view.deployment
        )),
        "settled" if view.kind == Kind::Rollback => Some(format!(
            "{environment} is held: nothing is deployed to it automatically until `towpath hold {environment} --release`"
        )),
        "rolled-back" => Some(format!(
            "{environment} is held: nothing is deployed to it automatically until `towpath hold {environment} --release`"
        )),
        "undo-failed" => Some(format!(
            "a person is needed: `towpath status {environment}`, `towpath logs {}`",
            view.deployment
        )),
        _ => None,
    }
}

/// There is no deployment of that number.
pub fn no_such(number: DeploymentNumber) -> CliError {
    CliError::new(
        Exit::Refused,
        "path::no-such-deployment",
        format!("there is no deployment {number}"),
        "`towpath history` lists what there is",
    )
}
