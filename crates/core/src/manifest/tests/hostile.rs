//! Whatever the text is: an answer, never a panic, and every span within the text.

use proptest::prelude::*;

use super::{EVERY_KEY, EXAMPLE, read, said};
use crate::manifest::{Problem, code, lint};

/// Parses, and checks what holds for every answer.
fn survive(text: &str) {
    let problems: Vec<Problem> = match read(text) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => {
            let errors = problems
                .iter()
                .any(|p| p.severity == crate::manifest::Severity::Error);
            assert!(errors, "refused without an error: {text:?}");
            problems.into_iter().collect()
        }
    };
    let linted = lint(text, "towpath.toml", jiff::civil::date(2026, 11, 21));
    for problem in problems.into_iter().chain(linted.problems) {
        let spans = problem.also.iter().map(|(span, _)| span);
        for span in spans.chain([&problem.span]) {
            assert!(text.get(span.clone()).is_some(), "{problem:?} in {text:?}");
        }
        assert!(problem.line >= 1 && problem.column >= 1);
        assert!(!problem.message.is_empty() && !problem.help.is_empty());
        assert!(problem.message.len() < 2_000, "{}", problem.message.len());
    }
}

#[test]
fn cut_at_every_byte() {
    for text in [EXAMPLE, EVERY_KEY] {
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            survive(&text[..end]);
        }
    }
}

#[test]
fn without_any_one_line() {
    let lines: Vec<&str> = EVERY_KEY.lines().collect();
    for gone in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(gone);
        survive(&rest.join("\n"));
    }
}

#[test]
fn deep_nesting() {
    survive(&format!("a = {}", "[".repeat(200_000)));
    survive(&format!("a = {}", "{ a = ".repeat(100_000)));
    let nested = format!(
        "{}1{}",
        "{ a.b.c.d.e.f.g.h.i.j.k.l.m.n.o = ".repeat(79),
        " }".repeat(79)
    );
    survive(&format!(
        "a = {nested}\n[a]\n[a]\na = {nested}\na = {nested}"
    ));
    for many in [
        vec!["a"; 400_000].join("."),
        vec!["\"a\""; 150_000].join(" . "),
        format!("[{}]", vec!["a"; 400_000].join(".")),
    ] {
        let said = said(&format!("{many} = 1"));
        assert!(said[0].contains(code::TOO_DEEP), "{said:?}");
    }
}

#[test]
fn dots_in_texts_and_comments_are_no_parts() {
    let dots = ".".repeat(100);
    let text = EXAMPLE.replace("# PORT", &format!("# {dots} PORT"));
    let text = text.replace("Authenticates", &format!("{dots} Authenticates"));
    assert!(read(&text).is_ok());
}

#[test]
fn ten_megabytes() {
    let said = said(&"a = 1\n".repeat(10 * (1 << 20) / 6));
    assert_eq!(said.len(), 1);
    assert!(said[0].contains(code::TOO_LARGE), "{said:?}");
}

#[test]
fn many_of_everything() {
    let many: String = (0..5_000)
        .map(|n| format!("[environments.e{n}]\nafter = [\"x{n}\"]\n"))
        .collect();
    survive(&format!("[project]\nname = \"a\"\n{many}"));
    let same = "[[freezes]]\nname = \"a\"\nzone = \"x\"\nfoo = 1\n".repeat(1_000);
    survive(&same);
    let warnings: String = (0..500).map(|n| format!("r{n} = {{}}\n")).collect();
    survive(&format!(
        "[project]\nname = \"a\"\n[roles]\n{warnings}[environments.a]\nafter = [\"b\"]"
    ));
}

#[test]
fn strange_values() {
    for value in [
        "\"a\\u0000b\"",
        "99999999999999999999999999",
        "-9223372036854775809",
        "0xFFFFFFFFFFFFFFFFFF",
        "1e400",
        "nan",
        "-inf",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        "[]",
        "{}",
        "[[[]]]",
        "[{}]",
        "\"\"",
        "\"\u{202e}\u{feff}\"",
        "''",
        "\"\"\"\n\n\"\"\"",
        "true",
    ] {
        for line in EVERY_KEY.lines() {
            let Some((key, _)) = line.split_once(" = ") else {
                continue;
            };
            survive(&EVERY_KEY.replace(line, &format!("{key} = {value}")));
        }
        survive(&format!("project = {value}"));
    }
}

#[test]
fn nul_bytes_byte_order_marks_and_carriage_returns() {
    survive("\0");
    survive(&EXAMPLE.replace("guestbook", "guest\0book"));
    assert!(read(&format!("\u{feff}{EXAMPLE}")).is_ok());
    assert!(read(&EXAMPLE.replace('\n', "\r\n")).is_ok());
    survive(&EXAMPLE.replace('\n', "\r"));
}

proptest! {
    #[test]
    fn arbitrary_text(text in any::<String>()) {
        survive(&text);
    }

    #[test]
    fn text_that_looks_like_toml(text in "([a-z.\\[\\]{}=\", \n#'0-9é-]|project|environments|name = |\\[\\[freezes\\]\\]\n){0,80}") {
        survive(&text);
    }

    #[test]
    fn flipped_bytes(flips in proptest::collection::vec((0..EVERY_KEY.len(), any::<u8>()), 1..6)) {
        let mut bytes = EVERY_KEY.as_bytes().to_vec();
        for (at, byte) in flips {
            bytes[at] = byte;
        }
        survive(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn parts_moved_about(pieces in proptest::collection::vec((0..EVERY_KEY.len(), 0..200_usize), 1..12)) {
        let text: String = pieces
            .into_iter()
            .filter_map(|(start, len)| EVERY_KEY.get(start..(start + len).min(EVERY_KEY.len())))
            .collect();
        survive(&text);
    }

    #[test]
    fn lines_in_another_order(lines in Just(EVERY_KEY.lines().collect::<Vec<_>>()).prop_shuffle()) {
        survive(&lines.join("\n"));
    }
}
