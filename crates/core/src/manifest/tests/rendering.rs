//! How problems look: in a terminal, and as JSON.

use miette::NarratableReportHandler;

use super::read;

const TEXT: &str = "[project]
name = \"guestbook\"

[environments.staging]
aliases = [\"stg\"]
branch = \"develop\"

[environments.production]
aliases = [\"stg\"]
brnach = \"main\"
after = [\"staging\"]
";

#[test]
fn source_spans_and_help_reach_the_terminal() {
    let problems = read(TEXT).unwrap_err();
    let mut page = String::new();
    NarratableReportHandler::new()
        .with_context_lines(0)
        .render_report(&mut page, &problems)
        .unwrap();
    insta::assert_snapshot!(page);
}

#[test]
fn problems_as_json() {
    let problems = read(TEXT).unwrap_err();
    insta::assert_snapshot!(serde_json::to_string_pretty(&problems).unwrap(), @r#"
    [
      {
        "file": "towpath.toml",
        "line": 9,
        "column": 12,
        "code": "manifest::alias-twice",
        "severity": "error",
        "message": "`stg` already leads to the environment `staging`",
        "help": "give `production` another alias, or remove it from `staging`"
      },
      {
        "file": "towpath.toml",
        "line": 10,
        "column": 1,
        "code": "manifest::unknown-key",
        "severity": "error",
        "message": "unknown key `brnach` in [environments.production]",
        "help": "did you mean `branch`?"
      }
    ]
    "#);
}

#[test]
fn what_is_secret_is_covered_where_its_problem_is_shown() {
    let key = "AGE-SECRET-KEY-1QYQSZQGPQYQSZQGPQYQSZQGP";
    let text = format!(
        "[project]\nname = \"a\"\n[config]\nTOKEN = {{ secret = true }}\n[recipients]\ndana = {{ age = \"{key}\" }}\n\
         [environments.staging]\nbranch = \"x\"\nbrnach = \"y\"\nconfig = {{ TOKEN = \"\"\"hunter\n2\"\"\" }}\n"
    );
    let problems = read(&text).unwrap_err();
    let mut page = String::new();
    NarratableReportHandler::new()
        .with_context_lines(3)
        .render_report(&mut page, &problems)
        .unwrap();
    page.push_str(&serde_json::to_string(&problems).unwrap());
    assert!(!page.contains("hunter") && !page.contains(key), "{page}");
    assert!(page.contains("brnach"), "the rest is shown: {page}");
}
