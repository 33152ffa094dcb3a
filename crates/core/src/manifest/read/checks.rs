//! Reads what an environment asks of a release: tests, smoke checks, sign-offs, the watch.

use crate::manifest::{
    CommandCheck, code,
    report::Draft,
    table::{At, Table},
    written::{Asked, Http, Probe, ProbeCheck, SignOff, Watch},
};

pub(super) fn tests(environment: &Table<'_>) -> Vec<CommandCheck> {
    let read = |(line, table): (Option<String>, Table<'_>)| CommandCheck {
        run: line.or_else(|| table.plain("run")).unwrap_or_default(),
        within: table.duration("within"),
    };
    environment.commands("test").into_iter().map(read).collect()
}

pub(super) fn smoke(environment: &Table<'_>) -> Vec<Http> {
    environment.list("smoke").iter().map(http).collect()
}

fn http(table: &Table<'_>) -> Http {
    Http {
        get: table.plain("get").unwrap_or_default(),
        asked: asked(table),
        expect: u16::try_from(table.integer("expect")).unwrap_or(200),
        contains: table.plain("contains"),
        within: table.duration("within"),
    }
}

fn asked(table: &Table<'_>) -> Asked {
    Asked {
        service: table.text("service"),
        span: table.span.clone(),
    }
}

pub(super) fn sign_offs(environment: &Table<'_>) -> Vec<SignOff> {
    let read = |table: &Table<'_>| SignOff {
        name: table
            .text("name")
            .unwrap_or_else(|| At::new(String::new(), table.span.clone())),
        role: table.text("role"),
        within: table.duration("within"),
    };
    environment.list("sign_off").iter().map(read).collect()
}

pub(super) fn watch(environment: &Table<'_>) -> Option<Watch> {
    let table = environment.table("watch")?;
    Some(Watch {
        window: table.duration("for"),
        probes: table.list("probes").iter().filter_map(probe).collect(),
    })
}

fn probe(table: &Table<'_>) -> Option<Probe> {
    if table.is_broken() {
        return None;
    }
    Some(Probe {
        every: table.duration("every"),
        max_failures: u32::try_from(table.integer("max_failures")).unwrap_or(1),
        check: probe_check(table)?,
    })
}

/// What decides a probe's kind, and the keys that have no meaning beside it.
const KINDS: [(&str, &[&str]); 3] = [
    ("get", &[]),
    ("error_ratio", &["expect", "contains", "within"]),
    ("command", &["expect", "contains", "service"]),
];

fn probe_check(table: &Table<'_>) -> Option<ProbeCheck> {
    let written: Vec<_> = KINDS
        .iter()
        .filter_map(|kind| Some((kind, table.written(kind.0)?)))
        .collect();
    let ((kind, misfits), span) = match written.as_slice() {
        [] => {
            let message = "this probe asks nothing";
            let help = "add `get = \"/…\"`, `error_ratio = 0.01` or `command = \"…\"`";
            table
                .report
                .add(Draft::error(code::PROBE_KIND, &table.span, message, help));
            return None;
        }
        [(kind, span)] => (*kind, span),
        [(first, _), (second, span), ..] => {
            let message = format!("this probe has both `{}` and `{}`", first.0, second.0);
            let help = "make it two probes, each with one of them";
            let draft = Draft::error(code::PROBE_KIND, span, message, help);
            table.report.add(draft);
            return None;
        }
    };
    for misfit in *misfits {
        if let Some(misfit_span) = table.written(misfit) {
            let message = format!("`{misfit}` has no meaning beside `{kind}`");
            let draft = Draft::error(code::KEY_DOES_NOT_FIT, &misfit_span, message, "remove it")
                .also(span, format!("`{kind}` is here"));
            table.report.add(draft);
        }
    }
    match *kind {
        "get" => Some(ProbeCheck::Http(http(table))),
        "error_ratio" => Some(ProbeCheck::ErrorRatio {
            asked: asked(table),
            max: table.ratio("error_ratio").unwrap_or_default(),
        }),
        _ => Some(ProbeCheck::Command(CommandCheck {
            run: table.plain("command").unwrap_or_default(),
            within: table.duration("within"),
        })),
    }
}
