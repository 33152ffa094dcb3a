//! Every lint: a valid manifest that has it on a day, what is said about it, and the way out.

use std::fmt::Write;

use jiff::civil::{Date, date};

use super::{EXAMPLE, read};
use crate::manifest::{CODES, Linted, code, lint, starter};

const TODAY: Date = date(2026, 11, 21);

/// Three environments, one of them production; the last line is still production's.
const TEAM: &str = r#"project = { name = "a" }
[databases.main]
[groups]
live = { aliases = ["production"] }
dev = {}
[environments.production]
aliases = ["prd"]
group = "production"
branch = "main"
after = ["staging"]
[environments.staging]
group = "dev"
branch = "develop"
after = ["local"]
mirrors = "prd"
[environments.local]
branch = "wip"
"#;

pub(super) fn cases() -> Vec<(&'static str, String)> {
    let cases = [
        // Declared with less protection.
        "protection\n[environments.production.resources]\nmaps = { from = \"staging\" }\n[environments.staging.resources]\nmaps = { kind = \"maps\", owner = \"o\" }",
        "protection\n[environments.staging.resources]\nmaps = { shared = true }\n[environments.local.resources]\nmaps = { owner = \"o\" }",
        "protection\naccept = [{ difference = \"resources.m*\", reason = \"r\", owner = \"platform\", until = \"2026-11-20\" }]\nresources.maps = { from = \"local\" }\n[environments.local.resources]\nmaps = { owner = \"o\" }",
        // Shared with those who develop.
        "production-shares\n[environments.production.resources]\nmail = { kind = \"resend\", config = [\"MAIL_KEY\"], owner = \"o\" }\n[environments.staging.resources]\nmail = { from = \"prd\" }\n[environments.local.resources]\nmail = { from = \"prd\" }",
        "production-shares\n[environments.production.resources]\nsign-in = { shared = true }\n[environments.staging.resources]\nsign-in = { kind = \"Okta\", owner = \"o\" }",
        "production-shares\n[environments.production.resources]\nstore = { kind = \"aws-rds\", owner = \"o\" }\n[environments.local.resources]\nstore = { shared = true }",
        "production-shares\n[environments.staging.databases]\nmain = { same_as = \"prd\" }\n[environments.local.databases]\nmain = { same_as = \"staging\" }",
        "production-shares\n[environments.production.databases]\nmain = { same_as = \"local\" }",
        "production-shares\naccept = [{ difference = \"databases.main\", reason = \"r\", owner = \"platform\", until = \"2026-11-20\" }]\ndatabases.main = { same_as = \"local\" }",
        // Each by itself.
        "id-twice\n[environments.production.resources]\nmail = { kind = \"Resend\", id = \"m-1\", owner = \"o\" }\n[environments.staging.resources]\nmail = { kind = \"resend\", id = \"M-1\", owner = \"o\" }",
        "id-twice\n[environments.staging.resources]\nmail = { kind = \"resend\", id = \"m-1\", owner = \"o\" }\npost = { kind = \"resend\", id = \"m-1\", owner = \"o\" }",
        "id-twice\n[environments.production.resources]\nmail = { id = \"m-1\", link = \"https://mail.test\", owner = \"o\" }\n[environments.local.resources]\npost = { id = \"m-1\", link = \"https://mail.test\", owner = \"o\" }",
        "no-owner\n[environments.local.resources]\nmail = {}",
        "no-owner\n[environments.local.resources]\nmail = {}\nmaps = { owner = \"o\" }\nstore = {}",
        "nobody-may-use\nused_by = [\"operator\"]\n[environments.staging]\nused_by = [\"operator\"]\n[roles]\noperator = { members = [\"olive@acme.test\"] }",
        "nobody-may-use\nused_by = [\"operator\"]\n[environments.staging]\nused_by = [\"operator\"]\n[environments.local]\nused_by = [\"operator\"]\n[environments.demo]\nafter = [\"staging\"]\nused_by = [\"operator\"]\nallow = { deploy = [] }\n[roles]\noperator = { members = [\"olive@acme.test\"] }",
        // For a while.
        "acceptance-ended\naccept = [{ difference = \"on_failure\", reason = \"r\", owner = \"platform\", until = \"2026-11-20\" }]",
        "acceptance-ends\naccept = [{ difference = \"on_failure\", reason = \"r\", owner = \"platform\", until = \"2026-11-21\" }]",
        "acceptance-ends\naccept = [{ difference = \"on_*\", reason = \"r\", owner = \"platform\", until = \"2026-12-04\" }]",
        "accepts-nothing\naccept = [{ difference = \"on_failrue\", reason = \"r\", owner = \"platform\", until = \"2027-12-04\" }]",
        "accepts-nothing\naccept = [{ difference = \"keep_warm\", reason = \"r\", owner = \"platform\", until = \"2020-12-04\" }]",
        "accepts-nothing\n[environments.local]\naccept = [{ difference = \"*\", reason = \"r\", owner = \"platform\", until = \"2027-12-04\" }]",
    ];
    let cases = cases.into_iter().map(|case| {
        let (code, rest) = case.split_once('\n').expect("a case has a code");
        let known = CODES
            .iter()
            .find(|known| known.0 == format!("manifest::{code}"));
        (known.expect("a code").0, placed(rest))
    });
    cases.collect()
}

/// The team with this said too, each part at the end of its environment.
fn placed(rest: &str) -> String {
    let mut text = TEAM.to_owned();
    let mut rest = rest.to_owned();
    if !rest.starts_with('[') {
        rest = format!("[environments.production]\n{rest}");
    }
    for part in rest
        .split_inclusive('\n')
        .fold(Vec::<String>::new(), |mut parts, line| {
            match parts.last_mut() {
                Some(part) if !line.starts_with('[') => part.push_str(line),
                _ => parts.push(line.to_owned()),
            }
            parts
        })
    {
        let (header, said) = part.split_once('\n').expect("a header has a line");
        let said = said.trim_end();
        let own = format!("{header}\n");
        match text.find(&own).filter(|_| !header.contains("].")) {
            Some(at) => {
                let at = at + own.len();
                text.insert_str(at, &format!("{said}\n"));
            }
            None => text.push_str(&format!("{header}\n{said}\n")),
        }
    }
    text
}

fn looked(text: &str) -> Linted {
    lint(text, "towpath.toml", TODAY)
}

fn codes(text: &str) -> Vec<&'static str> {
    looked(text).problems.iter().map(|p| p.code).collect()
}

#[test]
fn one_mistake_is_one_lint() {
    for (code, text) in cases() {
        let problems = looked(&text).problems;
        let codes: Vec<_> = problems.iter().map(|p| p.code).collect();
        assert_eq!(codes, [code], "{text}\n{problems:#?}");
    }
}

#[test]
fn what_has_a_lint_can_still_be_deployed() {
    for (code, text) in cases() {
        let parsed = read(&text).unwrap();
        assert!(parsed.warnings.is_empty(), "{code}: {:?}", parsed.warnings);
        assert_eq!(looked(&text).manifest, Some(parsed.manifest));
    }
}

#[test]
fn what_is_said_and_the_way_out() {
    let mut page = String::new();
    for (_, text) in cases() {
        for problem in looked(&text).problems {
            let line = problem.one_line().replace("towpath.toml:", "");
            let marked = &text[problem.span.clone()];
            writeln!(page, "{line}\n    at  {marked}\n    so  {}", problem.help).unwrap();
            for (span, label) in &problem.also {
                writeln!(page, "    see {} ({label})", &text[span.clone()]).unwrap();
            }
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn errors_and_warnings_are_told_apart() {
    for (code, text) in cases() {
        let linted = looked(&text);
        let is_error = [code::PROTECTION, code::PRODUCTION_SHARES].contains(&code);
        assert_eq!(linted.is_good(), !is_error, "{text}");
    }
    let broken = lint("project = 1", "towpath.toml", TODAY);
    assert!(broken.manifest.is_none() && !broken.is_good());
}

#[test]
fn what_is_accepted_is_not_said() {
    let shares = "resources.mail = { from = \"staging\" }\n[environments.staging]\nresources.mail = { config = [\"KEY\"], owner = \"o\" }";
    let accepted = |difference: &str, until: &str| {
        let accept = format!(
            "accept = [{{ difference = \"{difference}\", reason = \"r\", owner = \"p\", until = \"{until}\" }}]"
        );
        codes(&placed(&format!("{accept}\n{shares}")))
    };
    assert!(accepted("resources.mail", "2027-01-01").is_empty());
    assert!(accepted("resources.*", "2027-01-01").is_empty());
    assert_eq!(
        accepted("resources.maps", "2027-01-01"),
        [code::ACCEPTS_NOTHING, code::PRODUCTION_SHARES]
    );
    // That it will end is said before it is an error.
    assert_eq!(
        accepted("resources.mail", "2026-11-21"),
        [code::ACCEPTANCE_ENDS]
    );
    assert_eq!(
        accepted("resources.mail", "2026-11-20"),
        [code::PRODUCTION_SHARES]
    );
}

#[test]
fn what_can_only_be_seen_where_it_runs_may_be_accepted() {
    for (difference, expected) in [
        ("databases.main.migrations", 0),
        ("databases.*", 0),
        ("services.web.instances", 1),
        ("databases.main", 1),
    ] {
        let accept = format!(
            "[environments.staging]\naccept = [{{ difference = \"{difference}\", reason = \"r\", owner = \"p\", until = \"2027-01-01\" }}]"
        );
        assert_eq!(codes(&placed(&accept)).len(), expected, "{difference}");
    }
}

#[test]
fn long_texts_are_cut_and_strange_ones_escaped() {
    for until in ["2020-01-01", "2026-11-25"] {
        let long = "*".repeat(10_000);
        let accept = format!(
            "resources.mail = {{ from = \"local\" }}\naccept = [{{ difference = \"resources*{long}\", reason = \"r\", owner = \"o\\u001b{long}\", until = \"{until}\" }}]\n[environments.local]\nresources.mail = {{ owner = \"o\" }}"
        );
        let problems = looked(&placed(&accept)).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        for text in [&problems[0].message, &problems[0].help] {
            assert!(text.len() < 1_000 && !text.contains('\u{1b}'), "{text}");
        }
    }
}

#[test]
fn what_may_be_shared_is() {
    for fine in [
        // Nothing secret, and declared where it is protected best.
        "resources.maps = { owner = \"o\" }\n[environments.staging.resources]\nmaps = { from = \"prd\" }",
        // Both outside of production, and declared where releases come to last.
        "[environments.staging.resources]\nmail = { config = [\"KEY\"], owner = \"o\" }\n[environments.local.resources]\nmail = { from = \"staging\" }",
        "[environments.staging.databases]\nmain = { same_as = \"local\" }",
        // One number at two vendors.
        "resources.mail = { kind = \"resend\", id = \"1\", owner = \"o\" }\nresources.maps = { kind = \"maps\", id = \"1\", owner = \"o\" }",
        "resources.mail = { id = \"1\", owner = \"o\" }\nresources.maps = { id = \"1\", owner = \"o\" }",
        // Pushes still come.
        "used_by = [\"o\"]\n[environments.staging]\nused_by = [\"o\"]\n[environments.local]\nallow = { deploy = [] }\n[roles]\no = { members = [\"olive@acme.test\"] }",
    ] {
        assert_eq!(codes(&placed(fine)), [""; 0], "{fine}");
    }
}

#[test]
fn what_we_write_ourselves_is_clean() {
    let starter = starter("guestbook");
    assert_eq!(codes(&starter), [""; 0]);
    let uncommented = starter.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
        _ => line,
    });
    let uncommented: Vec<_> = uncommented.collect();
    assert_eq!(codes(&uncommented.join("\n")), [""; 0]);
    let guestbook = include_str!("../../../../../examples/guestbook/towpath.toml");
    assert_eq!(codes(guestbook), [""; 0]);
    assert_eq!(codes(EXAMPLE), [code::NO_OWNER]);
}
