//! The groups with their environments, and how releases go from one to the next, as a mermaid flowchart.

use std::{collections::BTreeSet, fmt::Write};

use super::boxes::{inside, outermost};
use crate::{
    manifest::{Environment, Group, Home, Manifest},
    names::EnvironmentName,
};

/// The diagram's text. Names stand behind a prefix: mermaid has words of its own, such as `end`.
pub fn mermaid(manifest: &Manifest) -> String {
    let mut text = String::from("flowchart LR\n");
    let mut drawn = BTreeSet::new();
    for (name, group) in &manifest.groups {
        let members = || {
            let environments = manifest.environments.iter();
            environments.filter(|e| e.group.as_ref() == Some(name))
        };
        if members().next().is_none() && group.homes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  subgraph group-{name}[\"{name}\"]");
        for (home_name, home) in outermost(group) {
            let place = Place {
                manifest,
                group,
                path: format!("{name}-{home_name}"),
            };
            draw_home(&mut text, &place, home_name, home, &mut drawn);
        }
        for environment in members().filter(|e| !drawn.contains(&e.name)) {
            node(&mut text, "    ", environment);
        }
        text.push_str("  end\n");
    }
    for environment in manifest.environments.iter().filter(|e| e.group.is_none()) {
        node(&mut text, "  ", environment);
    }
    for environment in &manifest.environments {
        for earlier in &environment.after {
            let signed: Vec<&str> = manifest
                .environments
                .iter()
                .filter(|e| e.name == *earlier)
                .flat_map(|e| &e.sign_off)
                .map(|rule| rule.name.as_str())
                .collect();
            let gates = match signed.as_slice() {
                [] => "verified".to_owned(),
                signed => format!("verified, signed: {}", signed.join(", ")),
            };
            let _ = writeln!(
                text,
                "  env-{earlier} -->|\"{}\"| env-{}",
                label(&gates),
                environment.name
            );
        }
        for (database, said) in &environment.databases {
            if let Some(home) = &said.same_as {
                let _ = writeln!(
                    text,
                    "  env-{} -.->|\"database {database}\"| env-{home}",
                    environment.name
                );
            }
        }
    }
    text
}

/// Where a home stands.
struct Place<'a> {
    manifest: &'a Manifest,
    group: &'a Group,
    /// Its group and what it is part of, as the beginning of its identifier.
    path: String,
}

/// A home with what it holds. An environment of several homes stands in the first of them, and by its name in the others.
fn draw_home(
    text: &mut String,
    place: &Place<'_>,
    name: &str,
    home: &Home,
    drawn: &mut BTreeSet<EnvironmentName>,
) {
    let depth = place.path.matches('-').count().min(8);
    let indent = "  ".repeat(depth + 1);
    let title = label(home.title.as_deref().unwrap_or(name));
    let about = home.description.as_ref().or(home.id.as_ref());
    let about = about.map_or(String::new(), |about| format!("<br/>{}", label(about)));
    let inner: Vec<_> = inside(place.group, name).collect();
    let path = &place.path;
    if home.environments.is_empty() && inner.is_empty() {
        let _ = writeln!(text, "{indent}home-{path}[\"{title}{about}\"]");
        return;
    }
    let _ = writeln!(text, "{indent}subgraph home-{path}[\"{title}{about}\"]");
    for environment in &home.environments {
        let mut environments = place.manifest.environments.iter();
        let found = environments.find(|e| e.name == *environment);
        match found.filter(|_| drawn.insert(environment.clone())) {
            Some(found) => node(text, &format!("{indent}  "), found),
            None => {
                let _ = writeln!(text, "{indent}  in-{path}-{environment}[\"{environment}\"]");
            }
        }
    }
    for (inner_name, inner) in inner {
        let place = Place {
            path: format!("{path}-{inner_name}"),
            ..*place
        };
        draw_home(text, &place, inner_name, inner, drawn);
    }
    let _ = writeln!(text, "{indent}end");
}

fn node(text: &mut String, indent: &str, environment: &Environment) {
    let branch = environment
        .branch
        .as_ref()
        .map_or(String::new(), |branch| format!("<br/>{}", label(&branch.0)));
    let name = &environment.name;
    let _ = writeln!(text, "{indent}env-{name}[\"{name}{branch}\"]");
}

/// Text in a quoted label: what mermaid would take for its own is written as entities.
fn label(text: &str) -> String {
    let mut label = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '#' | ';' | '<' | '>' | '&' | '`' | '\\' => {
                let _ = write!(label, "#{};", u32::from(letter));
            }
            letter if letter.is_control() => label.push(' '),
            letter => label.push(letter),
        }
    }
    label
}
