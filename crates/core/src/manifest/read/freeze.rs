//! Reads windows in which nothing is deployed.

use crate::manifest::{
    FreezeWindow, code,
    moment::{moment, weekly, zone},
    report::Draft,
    table::{At, Table},
    written::Freeze,
};

pub(super) fn freezes(root: &Table<'_>) -> Vec<Freeze> {
    root.list("freezes").iter().map(freeze).collect()
}

fn freeze(table: &Table<'_>) -> Freeze {
    Freeze {
        name: table
            .text("name")
            .unwrap_or_else(|| At::new(String::new(), table.span.clone())),
        reason: table.plain("reason"),
        environments: table.texts("environments").unwrap_or_default(),
        groups: table.texts("groups").unwrap_or_default(),
        zone: table
            .plain("zone")
            .and_then(|text| zone(&text).ok())
            .unwrap_or_default(),
        window: window(table),
    }
}

fn window(table: &Table<'_>) -> Option<FreezeWindow> {
    let (from, until) = (table.text("from"), table.text("until"));
    let week = table.text("weekly");
    let is = |key| table.written(key);
    match (is("from"), is("until"), is("weekly")) {
        (Some(_), Some(_), None) => once(table, &from?, &until?),
        (None, None, Some(_)) => weekly(&week?.value).ok(),
        (from, until, Some(_)) => {
            let span = from.or(until).unwrap_or_else(|| table.span.clone());
            let message = "this freeze is both once and weekly";
            refuse(table, &span, message, "make it two freezes")
        }
        (Some(span), None, None) => refuse(
            table,
            &span,
            "this freeze never ends",
            "add `until = \"…\"`",
        ),
        (None, Some(span), None) => refuse(
            table,
            &span,
            "this freeze never starts",
            "add `from = \"…\"`",
        ),
        (None, None, None) if table.is_broken() => None,
        (None, None, None) => {
            let help =
                "add `from = \"…\"` and `until = \"…\"`, or `weekly = \"Fri 16:00 - Mon 08:00\"`";
            refuse(
                table,
                &table.span,
                "this freeze does not say when it holds",
                help,
            )
        }
    }
}

fn refuse(
    table: &Table<'_>,
    span: &std::ops::Range<usize>,
    message: &str,
    help: &str,
) -> Option<FreezeWindow> {
    let draft = Draft::error(code::FREEZE_WINDOW, span, message, help);
    table.report.add(draft);
    None
}

fn once(table: &Table<'_>, from: &At<String>, until: &At<String>) -> Option<FreezeWindow> {
    let window = (moment(&from.value).ok()?, moment(&until.value).ok()?);
    if window.0 >= window.1 {
        let message = "this freeze ends before it starts";
        let help = "let `until` be later than `from`";
        let draft = Draft::error(code::FREEZE_BACKWARDS, &until.span, message, help)
            .also(&from.span, "it starts here");
        table.report.add(draft);
        return None;
    }
    Some(FreezeWindow::Once {
        from: window.0,
        until: window.1,
    })
}
