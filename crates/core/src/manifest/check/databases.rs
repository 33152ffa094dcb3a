//! Databases whose migrations the project's own tool applies: its commands are there, and nowhere else.

use crate::manifest::{
    MigrationLayout, code,
    report::{Draft, Report},
    suggest::list,
    written::{Written, WrittenDatabase},
};

/// What the tool cannot do without.
const NEEDED: [&str; 3] = ["migrations", "migrate", "status"];

pub(super) fn check(written: &Written, report: &Report) {
    for database in &written.databases {
        match database.database.layout {
            MigrationLayout::Command => whole(database, report),
            _ => none(database, report),
        }
    }
}

fn whole(database: &WrittenDatabase, report: &Report) {
    let place = |key: &str| database.tool.iter().find(|(there, _)| *there == key);
    let missing: Vec<&str> = NEEDED
        .into_iter()
        .filter(|key| place(key).is_none())
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "the tool that migrates `{}` is not described: {} missing",
            database.name.value,
            match missing.as_slice() {
                [one] => format!("`{one}` is"),
                several => format!("{} are", list(several.iter().copied())),
            }
        );
        let help = "say where its files are (`migrations`), what applies them (`migrate`), and what tells which are applied (`status`)";
        report.add(Draft::error(
            code::COMMAND_LAYOUT,
            &database.header,
            message,
            help,
        ));
    }
    if let (Some((_, first)), Some((_, second))) = (place("applied"), place("pending")) {
        let message = "what is applied is found in two ways";
        let help = "keep `applied`, or `pending` where the tool tells only what is not applied";
        let draft = Draft::error(code::COMMAND_LAYOUT, second, message, help);
        report.add(draft.also(first, "`applied`"));
    }
}

fn none(database: &WrittenDatabase, report: &Report) {
    let of_tools = |(key, _): &&(&str, _)| *key != "migrations";
    if let Some((key, place)) = database.tool.iter().find(of_tools) {
        let message = format!("`{key}` is for migrations that the project's own tool applies");
        let help = "write `layout = \"command\"`, or remove it: Towpath applies the migrations of this layout itself";
        report.add(Draft::error(code::COMMAND_LAYOUT, place, message, help));
    }
}
