//! Code that is large, nested, or made to be hard: it is read, or refused, in a time that grows with it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rstest::rstest;
use towpath_secrets::audit::{AuditError, Language, read_source};

use super::told;

const LANGUAGES: [Language; 6] = [
    Language::Go,
    Language::JavaScript,
    Language::Python,
    Language::Rust,
    Language::TypeScript,
    Language::Tsx,
];

fn read(language: Language, code: &str) -> Result<Vec<String>, AuditError> {
    let begun = Instant::now();
    let reads = read_source(language, Path::new("a"), code);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(60), "{language:?}: {took:?}");
    Ok(reads?.iter().map(told).collect())
}

/// A read of a variable, in a language.
fn statement(language: Language) -> &'static str {
    match language {
        Language::Go => "var x = os.Getenv(\"X\")\n",
        Language::Python => "x = os.environ['X']\n",
        Language::Rust => "fn f() { std::env::var(\"X\"); }\n",
        Language::JavaScript | Language::TypeScript | Language::Tsx => "const x = process.env.X;\n",
    }
}

#[test]
fn a_file_of_five_megabytes_is_read_whole() {
    for language in LANGUAGES {
        let statement = statement(language);
        let bytes = match language {
            Language::JavaScript => 5_000_000,
            _ => 500_000,
        };
        let count = bytes / statement.len();
        let reads = read(language, &statement.repeat(count)).unwrap();
        assert_eq!(reads.len(), count, "{language:?}");
    }
}

#[test]
fn one_long_statement_is_read() {
    let count = 20_000;
    let cases = [
        (
            Language::Go,
            "package a; var x = []string{",
            "os.Getenv(\"X\"),",
            "}",
        ),
        (Language::JavaScript, "x = [", "process.env.X,", "]"),
        (Language::JavaScript, "const {", "X,", "} = process.env"),
        (Language::JavaScript, "x = '' ", "|| process.env.X", ""),
        (Language::Python, "x = [", "os.environ['X'],", "]"),
        (
            Language::Rust,
            "fn f() { vec![",
            "std::env::var(\"X\"),",
            "]; }",
        ),
        (
            Language::Rust,
            "fn f() { [",
            "std::env::var(\"X\"),",
            "]; }",
        ),
        (
            Language::Rust,
            "struct A { ",
            "#[arg(env = \"X\")] x: u8,",
            "}",
        ),
    ];
    for (language, before, each, after) in cases {
        let code = [before, &each.repeat(count), after].concat();
        let reads = read(language, &code).unwrap();
        assert_eq!(reads.len(), count, "{language:?}: {each}");
    }
}

#[rstest]
#[case(Language::Go)]
#[case(Language::JavaScript)]
#[case(Language::Python)]
#[case(Language::Rust)]
#[case(Language::TypeScript)]
#[case(Language::Tsx)]
fn what_is_nested_deep_neither_overflows_nor_hangs(#[case] language: Language) {
    let depth = 6_000;
    let cases = [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("f(", ")"),
        ("!", ""),
        ("a.b(", ")"),
        ("a.", "b"),
        ("env!(", ")"),
        ("use a::{", "}"),
        ("() => {", "}"),
        ("process.env[", "]"),
        ("os.environ[", "]"),
        ("std::env::var(", ")"),
        ("`${", "}`"),
        ("if x {", "}"),
        ("<a>", "</a>"),
        ("\"", "'"),
    ];
    for (open, close) in cases {
        let whole = [&*open.repeat(depth), "env", &close.repeat(depth)].concat();
        let half = ["env ", &*open.repeat(depth)].concat();
        for code in [whole, half] {
            // Either answer is fine, as long as there is one.
            let answer = read(language, &code);
            assert!(matches!(answer, Ok(_) | Err(AuditError::TooHard)));
        }
    }
}

#[test]
fn aliases_by_the_thousand_are_followed() {
    let each = "function f() { const env = process.env; return env.X }\n";
    let reads = read(Language::JavaScript, &each.repeat(20_000)).unwrap();
    assert_eq!(reads.len(), 20_000);
    assert!(reads.iter().all(|read| read == "X"));
}

#[test]
fn noise_is_read_as_well() {
    let noise: String = (0..500_000_u32)
        .map(|number| char::from(b' ' + (number.wrapping_mul(2_654_435_761) >> 16) as u8 % 95))
        .collect();
    for language in LANGUAGES {
        let answer = read(language, &format!("env {noise}"));
        assert!(matches!(answer, Ok(_) | Err(AuditError::TooHard)));
    }
}
