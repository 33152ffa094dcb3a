//! `towpath impact`: what a resource touches.

use clap::Args;
use serde_json::{Value, json};
use towpath_core::{
    catalogue::{self, Impact as Radius, Touched},
    names::EnvironmentName,
};

use super::{
    context::Context, env::joined, error::CliError, exit::Exit, resource, style, way::Way,
};
use crate::engine::{EnvironmentView, StatusView};

/// Show what a resource touches: environments, services, roles, and what is deployed there
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath impact mail\n  towpath impact identity --in prd")]
pub struct Impact {
    /// The resource's name in the manifest.
    resource: String,
    /// Only the one that this environment uses.
    #[arg(long = "in", value_name = "ENVIRONMENT")]
    environment: Option<String>,
}

impl Impact {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let manifest = &context.place.manifest;
        let environment = match &self.environment {
            Some(typed) => Some(&context.place.environment(typed)?.name),
            None => None,
        };
        let found = catalogue::impact(manifest, &self.resource, environment);
        if found.is_empty() {
            let known = resource::all(manifest);
            return Err(resource::unknown(&self.resource, environment, &known));
        }
        let status = Way::find(&context).await?.status(&context).await?;
        if context.json {
            let impacts: Vec<Value> = found
                .iter()
                .map(|radius| with_live(radius, &status))
                .collect();
            println!("{}", json!({"version": 1, "impacts": impacts}));
        } else {
            for radius in &found {
                show(radius, &status);
            }
        }
        Ok(Exit::Done)
    }
}

/// What is there and under way where it is used.
fn with_live(radius: &Radius, status: &StatusView) -> Value {
    let mut value = json!(radius);
    for touched in value["touches"].as_array_mut().into_iter().flatten() {
        let name = touched["environment"]
            .as_str()
            .and_then(|name| name.parse().ok());
        let there = name.and_then(|name: EnvironmentName| view(&name, status));
        touched["live"] = json!(there.and_then(|view| view.live.as_ref().map(|live| live.release)));
        touched["under_way"] =
            json!(there.and_then(|view| view.active.as_ref().map(|active| active.deployment)));
    }
    value
}

fn view<'a>(name: &EnvironmentName, status: &'a StatusView) -> Option<&'a EnvironmentView> {
    status.environments.iter().find(|view| view.name == *name)
}

fn show(radius: &Radius, status: &StatusView) {
    let paint = style::of_stdout();
    let id = radius
        .id
        .as_deref()
        .map_or(String::new(), |id| format!(" ({})", style::plain(id)));
    let owner = radius.owner.as_deref().map_or(String::new(), |owner| {
        format!(", looked after by {}", style::plain(owner))
    });
    let (name, place) = (paint.strong(&radius.resource), &radius.declared_in);
    println!("{name}{id}, declared in {place}{owner}");
    for touched in &radius.touches {
        environment(touched, view(&touched.environment, status));
    }
}

fn environment(touched: &Touched, there: Option<&EnvironmentView>) {
    let paint = style::of_stdout();
    println!("  {}", paint.strong(touched.environment.as_str()));
    let line = |name: &str, text: String| {
        if !text.is_empty() {
            println!("    {} {text}", paint.dim(&format!("{name:<10}")));
        }
    };
    if let Some(live) = there.and_then(|view| view.live.as_ref()) {
        line(
            "live",
            format!("{} {:?}", live.release, style::plain(&live.subject)),
        );
    }
    if let Some(active) = there.and_then(|view| view.active.as_ref()) {
        line(
            "under way",
            format!("{} of {}", active.deployment, active.release),
        );
    }
    line("services", joined(&touched.services));
    line("config", touched.config.join(", "));
    line("used by", joined(&touched.roles));
    line(
        "audience",
        touched
            .audience
            .iter()
            .map(|words| style::plain(words))
            .collect::<Vec<_>>()
            .join(", "),
    );
    for lent in &touched.lent {
        line(
            "lends",
            format!("database {} to {}", lent.database, lent.to),
        );
    }
    line("feeds", joined(&touched.then));
}
