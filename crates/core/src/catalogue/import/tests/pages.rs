//! Pages as teams write them, in many shapes: what is made of each is read in the snapshot.

use std::fmt::Write;

use super::super::{ImportError, Imported, Page, import};
use crate::manifest::parse;

macro_rules! shapes {
    ($($name:literal),+ $(,)?) => {
        /// Pages, by their files' names.
        const SHAPES: &[(&str, &str)] = &[$(($name, include_str!(concat!("shapes/", $name)))),+];
    };
}

shapes![
    "01-process.md",
    "02-catalogue.md",
    "03-github-table.md",
    "04-environment-column.md",
    "05-matrix.md",
    "06-setext.md",
    "07-crlf.md",
    "08-bom-and-umlauts.md",
    "09-arabic.md",
    "10-hebrew-html.html",
    "11-japanese.md",
    "12-emoji-headings.md",
    "13-list-of-environments.md",
    "14-list-with-dashes.md",
    "15-definition-list.md",
    "16-key-value-tables.md",
    "17-nested-headings.md",
    "18-links-in-lists.md",
    "19-regions.md",
    "20-shared-by-row.md",
    "21-unclosed-html.md",
    "22-confluence.html",
    "23-diagram-only.md",
    "24-toml.md",
    "25-conflicts.md",
    "26-odd-tables.md",
    "27-deep-lists.md",
    "28-prose.md",
    "29-odd-letters.md",
    "30-numbered-headings.md",
    "31-admonitions.md",
    "32-reference-links.md",
];

fn shape(name: &str) -> Page<'static> {
    let found = SHAPES.iter().find(|(shape, _)| shape.starts_with(name));
    let (name, text) = found.expect("one of the shapes");
    Page { name, text }
}

fn both(first: &str, second: &str) -> Imported {
    import(&[shape(first), shape(second)], None, "guestbook").unwrap()
}

#[test]
fn what_is_made_of_each_shape() {
    for (name, text) in SHAPES {
        let page = Page { name, text };
        let told = match import(&[page], None, "guestbook") {
            Ok(imported) => {
                let mut told = imported.text.clone();
                let report = &imported.report;
                for (kind, notes) in [
                    ("guessed", &report.guessed),
                    ("not understood", &report.not_understood),
                ] {
                    for note in notes {
                        write!(told, "\n{kind}, {}: {}", note.line, note.text).unwrap();
                    }
                }
                told
            }
            Err(error) => format!("refused: {error}"),
        };
        insta::assert_snapshot!(*name, told);
    }
}

#[test]
fn two_pages_are_one_manifest_in_either_order() {
    let one = both("01", "02");
    let other = both("02", "01");
    assert_eq!(one.manifest, other.manifest);
    assert_eq!(one.text, other.text);
    let names: Vec<_> = one
        .manifest
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["local", "development", "staging", "production"]);
    let [local, development, staging, production] = one.manifest.environments.as_slice() else {
        panic!("{names:?}")
    };

    assert_eq!(
        local.databases["main"].same_as.as_ref(),
        Some(&development.name)
    );
    assert_eq!(local.aliases, ["loc"]);
    assert_eq!(local.resources["Mailer"].from.as_ref(), Some(&staging.name));
    assert_eq!(staging.mirrors.as_ref(), Some(&production.name));
    assert_eq!(staging.sign_off.len(), 2);
    assert_eq!(staging.test[0].run, "make integration");
    assert_eq!(
        production.after.as_slice(),
        std::slice::from_ref(&staging.name)
    );
    assert_eq!(production.branch.as_ref().unwrap().0, "main");
    assert_eq!(production.resources["Okta"].id.as_deref(), Some("p-okta"));
    assert_eq!(
        production.resources["Okta"].link.as_deref(),
        Some("https://acme.okta.com")
    );
    assert_eq!(one.manifest.groups.len(), 2);
}

#[test]
fn what_a_manifest_says_stays() {
    let before = "# ours\r\n[project]\r\nname = \"shop\"\r\n\r\n[environments.staging] # here\r\nbranch = \"dev\"\r\n";
    let page = shape("07");
    let once = import(&[page], Some(before), "guestbook").unwrap();
    assert!(
        once.text
            .starts_with("# ours\r\n[project]\r\nname = \"shop\"\r\n"),
        "{}",
        once.text
    );
    assert!(
        once.text
            .contains("[environments.staging] # here\r\nbranch = \"dev\"\r\n"),
        "{}",
        once.text
    );
    assert!(
        !once.text.replace("\r\n", "").contains('\n'),
        "every line ends as the first one does"
    );
    let notes = &once.report.not_understood;
    assert!(
        notes
            .iter()
            .any(|note| note.text.contains("staging.branch = \"develop\"")),
        "{notes:#?}"
    );
    assert_eq!(once.manifest.environments.len(), 2);
    let twice = import(&[page], Some(&once.text), "guestbook").unwrap();
    assert_eq!(twice.text, once.text, "nothing is written twice");
    let broken = import(&[page], Some("[project"), "guestbook");
    assert!(matches!(broken, Err(ImportError::Invalid(_))));
}

#[test]
fn a_name_is_no_other_name_for_something_else() {
    let text = "## Groups\n\n| Name | Other names |\n|---|---|\n| one | two |\n| two | one |\n\n\
                ## Production (stg)\n\n- Group: two\n- Branch: main\n\n## Stg\n\n- Group: one\n";
    let read = super::imported(text);
    assert!(
        read.manifest
            .groups
            .values()
            .all(|group| group.aliases.is_empty())
    );
    let names = read.manifest.environments.iter().map(|e| e.name.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["production"],
        "a heading by a name in brackets is about it"
    );
}

#[test]
fn what_is_written_in_one_line_stays_in_one() {
    let before =
        "project.name = \"shop\"\nenvironments.staging = { branch = \"develop\" } # ours\n";
    let page = Page {
        name: "page.md",
        text: "## Staging\n\n- Purpose: tests\n",
    };
    let written = import(&[page], Some(before), "guestbook").unwrap().text;
    assert!(
        written.contains(
            "environments.staging = { branch = \"develop\", purpose = \"tests\" } # ours\n"
        ),
        "{written}"
    );
}

#[test]
fn blank_code_says_nothing() {
    let text = "## Production\n\n- [AWS](https://aws.test) ` `\n- Process\n  - Tests run: ` `\n\n| Name | ID |\n|---|---|\n| ` ` | ` ` |\n";
    let read = super::imported(text);
    let aws = &read.manifest.environments[0].resources["AWS"];
    assert_eq!(aws.id, None);
}

#[test]
fn a_page_without_environments_says_so() {
    for text in [
        "",
        "# Cooking\n\nTake an egg.\n",
        "\u{feff}",
        "| a |\n|---|\n| b |\n",
    ] {
        let page = Page {
            name: "page.md",
            text,
        };
        assert!(
            matches!(
                import(&[page], None, "guestbook"),
                Err(ImportError::Nothing(_))
            ),
            "{text}"
        );
    }
    let twice = import(&[], None, "guestbook");
    assert!(matches!(twice, Err(ImportError::Nothing(_))));
}

/// Five megabytes: what is about environments is found, and the rest is told.
#[test]
fn a_large_page_is_read() {
    let mut page = String::from("# Handbook\n\n");
    while page.len() < 5 << 20 {
        let paragraph = "Lorem ipsum *dolor* sit amet, `consectetur` adipiscing elit. ".repeat(40);
        write!(
            page,
            "### Chapter\n\n{paragraph}\n\n- one\n- [two](https://two.test)\n\n"
        )
        .unwrap();
    }
    page.push_str("## Staging\n\n- Branch: develop\n\n## Production\n\n- Branch: main\n");
    let read = super::imported(&page);
    assert_eq!(read.manifest.environments.len(), 2);
    assert!(read.report.not_understood.len() > 1000);
}

#[test]
fn what_no_manifest_can_hold_is_said() {
    let mut page = String::new();
    for environment in 0..40 {
        write!(
            page,
            "## Prod {environment}\n\n| Name | Description | Link |\n|---|---|---|\n"
        )
        .unwrap();
        for row in 0..100 {
            let about = "It does what it does. ".repeat(12);
            writeln!(
                page,
                "| Vendor {row} | {about} | [View](https://vendor.test/{row}) |"
            )
            .unwrap();
        }
        page.push('\n');
    }
    let page = Page {
        name: "large.md",
        text: &page,
    };
    let Err(ImportError::Invalid(problems)) = import(&[page], None, "guestbook") else {
        panic!("it has more than a manifest may have")
    };
    let said = problems
        .iter()
        .next()
        .map(|problem| problem.message.clone());
    assert!(
        said.is_some_and(|said| said.contains("bytes")),
        "{problems}"
    );
}

#[test]
fn what_is_hard_to_read_is_read() {
    let parts = [
        "> ",
        "- ",
        "* a\n",
        "**a",
        "[a](",
        "| a ",
        "<b>",
        "`",
        "<!--",
        "\n\n#",
        "&amp;",
        "<li>",
        "a: b\n\n",
        "## Prod 1\n\n",
        "<table>",
        "<a href=\"",
        "{% ",
        "![",
        "~~~\n",
        "1) a\n",
    ];
    for part in parts {
        let text = part.repeat((1 << 16) / part.len());
        if let Ok(read) = import(
            &[Page {
                name: "hard.md",
                text: &text,
            }],
            None,
            "guestbook",
        ) {
            assert!(parse(&read.text, "towpath.toml").is_ok(), "{part}");
        }
    }
}
