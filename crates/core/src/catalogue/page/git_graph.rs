//! The pipeline as mermaid's `gitGraph`: the branches in their order, and at the commit that feeds an environment its name.

use std::fmt::Write;

use super::lanes::{Layout, lay_out};
use crate::manifest::Manifest;

/// The graph's text.
pub fn git_graph(manifest: &Manifest) -> String {
    let layout = lay_out(manifest, 0);
    let names = names(&layout);
    let mut text = format!(
        "---\nconfig:\n  gitGraph:\n    mainBranchName: {}\n    mainBranchOrder: 0\n    showCommitLabel: false\n---\ngitGraph\n",
        names[0]
    );
    text.push_str("  commit\n");
    // Each branch leaves the one above it.
    for (order, name) in names.iter().enumerate().skip(1) {
        let parent = layout.lanes[order].parent.map_or(0, |(parent, _)| parent);
        let _ = writeln!(text, "  checkout {}", names[parent]);
        let _ = writeln!(text, "  branch {name} order: {order}");
        text.push_str("  commit\n");
    }
    // And comes back to it, the lowest first; where it does, the environments of the one above are fed.
    for (order, name) in names.iter().enumerate().rev() {
        let tags: Vec<String> = layout
            .cards
            .iter()
            .filter(|card| card.lane == order)
            .map(|card| format!("tag: {}", quoted(card.environment.name.as_str())))
            .collect();
        let below = (order + 1..names.len()).find(|below| {
            let parent = layout.lanes[*below].parent;
            parent.is_some_and(|(parent, _)| parent == order)
        });
        let _ = writeln!(text, "  checkout {name}");
        let _ = match below {
            Some(below) => writeln!(text, "  merge {} {}", names[below], tags.join(" ")),
            None if tags.is_empty() => continue,
            None => writeln!(text, "  commit {}", tags.join(" ")),
        };
    }
    let lines = text.lines().map(str::trim_end);
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// The branches as mermaid takes them, each of another name.
fn names(layout: &Layout<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for lane in &layout.lanes {
        let mut name = quoted(&lane.label);
        let mut number = 2;
        while names.contains(&name) {
            name = quoted(&format!("{} {number}", lane.label));
            number += 1;
        }
        names.push(name);
    }
    names
}

/// A name in quotes: within them mermaid knows no words and marks of its own.
fn quoted(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            '"' | '\\' => '\'',
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect();
    format!("\"{plain}\"")
}

#[cfg(test)]
mod tests {
    use super::{super::super::tests::*, *};

    #[test]
    fn lanes_come_back_to_the_one_above() {
        let text = SHARED.replace(
            "[environments.local]",
            "[environments.local]\nbranch = \"feature/*\"",
        );
        insta::assert_snapshot!(git_graph(&manifest(&text)));
    }

    #[test]
    fn nothing_is_a_branch_alone() {
        let graph = git_graph(&manifest("[project]\nname = \"p\"\n"));
        assert!(graph.contains("gitGraph\n  commit\n"), "{graph}");
    }
}
