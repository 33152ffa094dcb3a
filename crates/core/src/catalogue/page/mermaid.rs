//! The groups with their environments, and how releases go from one to the next, as a mermaid flowchart.

use std::fmt::Write;

use crate::manifest::{Environment, Manifest};

/// The diagram's text. Names stand behind a prefix: mermaid has words of its own, such as `end`.
pub fn mermaid(manifest: &Manifest) -> String {
    let mut text = String::from("flowchart LR\n");
    for name in manifest.groups.keys() {
        let members = || {
            let environments = manifest.environments.iter();
            environments.filter(|e| e.group.as_ref() == Some(name))
        };
        if members().next().is_none() {
            continue;
        }
        let _ = writeln!(text, "  subgraph group-{name}[\"{name}\"]");
        for environment in members() {
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
