//! The environments in the boxes of their groups and homes, as HTML: what the page shows where there is no mermaid.

use std::fmt::Write;

use super::{content::capital, html::escape};
use crate::manifest::{Environment, Group, Home, Manifest};

/// Draws the boxes.
pub(super) fn draw(manifest: &Manifest) -> String {
    let mut html = String::from("<div class=\"tp-boxes\">\n");
    for (name, group) in &manifest.groups {
        let members: Vec<&Environment> = manifest
            .environments
            .iter()
            .filter(|e| e.group.as_ref() == Some(name))
            .collect();
        if members.is_empty() && group.homes.is_empty() {
            continue;
        }
        let _ = writeln!(
            html,
            "<section class=\"tp-group\"><b>{}</b>",
            escape(&capital(name.as_str()))
        );
        for (home_name, home) in outermost(group) {
            draw_home(&mut html, group, home_name, home, 0);
        }
        let is_homeless = |e: &&&Environment| {
            let mut homes = group.homes.values();
            !homes.any(|home| home.environments.contains(&e.name))
        };
        for environment in members.iter().filter(is_homeless) {
            draw_environment(&mut html, environment.name.as_str());
        }
        html.push_str("</section>\n");
    }
    for environment in manifest.environments.iter().filter(|e| e.group.is_none()) {
        draw_environment(&mut html, environment.name.as_str());
    }
    html.push_str("</div>\n");
    html
}

/// The homes that are part of none.
pub(super) fn outermost(group: &Group) -> impl Iterator<Item = (&String, &Home)> {
    group
        .homes
        .iter()
        .filter(|(_, home)| home.part_of.is_none())
}

/// The homes right inside one.
pub(super) fn inside<'a>(
    group: &'a Group,
    outer: &'a str,
) -> impl Iterator<Item = (&'a String, &'a Home)> {
    let homes = group.homes.iter();
    homes.filter(move |(_, home)| home.part_of.as_deref() == Some(outer))
}

fn draw_home(html: &mut String, group: &Group, name: &str, home: &Home, depth: u8) {
    let title = home.title.as_deref().unwrap_or(name);
    let _ = writeln!(html, "<div class=\"tp-home\"><b>{}</b>", escape(title));
    let about = [&home.description, &home.kind, &home.id];
    for said in about.into_iter().flatten() {
        let _ = writeln!(html, "<small>{}</small>", escape(said));
    }
    for environment in &home.environments {
        draw_environment(html, environment.as_str());
    }
    // A valid manifest nests no deeper; the bound keeps an invalid one from spinning.
    if depth < 8 {
        for (name, inner) in inside(group, name) {
            draw_home(html, group, name, inner, depth + 1);
        }
    }
    html.push_str("</div>\n");
}

fn draw_environment(html: &mut String, name: &str) {
    let _ = writeln!(
        html,
        "<span class=\"tp-environment\">{}</span>",
        escape(name)
    );
}
