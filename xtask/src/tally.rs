//! How many tests a runner says it ran, read from its closing lines: nextest's `Summary` and libtest's `test result:`.

use std::ops::AddAssign;

/// Tests counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Those that passed.
    pub(crate) passed: u64,
    /// Those that failed, timed out or could not be started.
    pub(crate) failed: u64,
}

impl Tally {
    /// What one line of a runner's output says; `None` for any line that is not a closing line.
    pub(crate) fn of_line(line: &str) -> Option<Tally> {
        let line = plain(line);
        let line = line.trim();
        let counts = if let Some(rest) = line.strip_prefix("test result: ") {
            rest.split_once(". ")?.1
        } else {
            // Summary [   0.103s] 3 tests run: 2 passed (1 slow), 1 timed out, 0 skipped
            let rest = line.strip_prefix("Summary [")?;
            let (head, counts) = rest.split_once(" run: ")?;
            if !head.ends_with("test") && !head.ends_with("tests") {
                return None;
            }
            counts
        };
        let mut tally = Tally::default();
        for part in without_parentheses(counts).split([',', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what.trim() {
                "passed" => tally.passed += number,
                "failed" | "timed out" | "exec failed" => tally.failed += number,
                _ => {}
            }
        }
        Some(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The line without the escape sequences that colour it.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            // ESC [ parameters, up to a letter.
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    text
}

/// The text without what stands in parentheses, whose commas would split a count from its word.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(line: &str) -> Option<(u64, u64)> {
        Tally::of_line(line).map(|tally| (tally.passed, tally.failed))
    }

    #[test]
    fn libtest() {
        assert_eq!(
            counted(
                "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s"
            ),
            Some((7, 0))
        );
        assert_eq!(
            counted("test result: FAILED. 1 passed; 2 failed; 0 ignored"),
            Some((1, 2))
        );
    }

    #[test]
    fn nextest() {
        assert_eq!(
            counted("     Summary [   0.103s] 3 tests run: 3 passed, 0 skipped"),
            Some((3, 0))
        );
        assert_eq!(
            counted("     Summary [   0.103s] 1 test run: 1 passed, 0 skipped"),
            Some((1, 0))
        );
        assert_eq!(
            counted(
                "  Summary [  61.0s] 5/9 tests run: 2 passed (1 slow, 1 leaky), 1 failed, 1 timed out, 1 exec failed, 0 skipped"
            ),
            Some((2, 3))
        );
    }

    #[test]
    fn colours_do_not_matter() {
        assert_eq!(
            counted(
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.003s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m"
            ),
            Some((2, 0))
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(counted("running 3 tests"), None);
        assert_eq!(counted("Summary [ 1 s] of the year"), None);
        assert_eq!(counted("test result: "), None);
        assert_eq!(counted(""), None);
    }
}
