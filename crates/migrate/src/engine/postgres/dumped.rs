//! How many rows each table has in a dump, by the text that `pg_restore` makes of its data: between `COPY … FROM stdin;` and `\.`
//! each line is a row, because line breaks in values are written as escapes
//! (<https://www.postgresql.org/docs/current/sql-copy.html>).

use std::collections::BTreeMap;

/// How much of a line is kept that may be the beginning of a table's rows.
const LONGEST: usize = 1 << 20;

/// Counts, however the text is cut into pieces.
#[derive(Default)]
pub(super) struct Counter {
    rows: BTreeMap<String, i64>,
    table: Option<String>,
    line: Vec<u8>,
}

impl Counter {
    pub(super) fn push(&mut self, text: &[u8]) {
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            let (part, ends) = match part.strip_suffix(b"\n") {
                Some(part) => (part, true),
                None => (part, false),
            };
            let longest = if self.table.is_some() { 8 } else { LONGEST };
            let room = longest.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if ends {
                self.end_line();
            }
        }
    }

    pub(super) fn rows(self) -> BTreeMap<String, i64> {
        self.rows
    }

    fn end_line(&mut self) {
        match &self.table {
            Some(_) if self.line == b"\\." => self.table = None,
            Some(table) => *self.rows.entry(table.clone()).or_default() += 1,
            None => {
                self.table = copied(&String::from_utf8_lossy(&self.line));
                if let Some(table) = &self.table {
                    self.rows.entry(table.clone()).or_default();
                }
            }
        }
        self.line.clear();
    }
}

/// The table whose rows follow such a line; without the schema that everybody has.
fn copied(line: &str) -> Option<String> {
    let rest = line.strip_prefix("COPY ")?;
    let _ = rest.strip_suffix(" FROM stdin;")?;
    let (first, rest) = identifier(rest)?;
    Some(match rest.strip_prefix('.') {
        None => first,
        Some(rest) => match (first.as_str(), identifier(rest)?.0) {
            ("public", table) => table,
            (schema, table) => format!("{schema}.{table}"),
        },
    })
}

/// A name as it is written, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', ' ', '('])?;
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "SET statement_timeout = 0;\n\
        --\n-- Data for Name: trips; Type: TABLE DATA; Schema: public; Owner: postgres\n--\n\n\
        COPY public.trips (said, \"to be\") FROM stdin;\none\\nline\tx\n\\\\.\t\\N\n\n\\.\n\n\
        COPY public.\"a.\"\"b\" (x) FROM stdin;\n\\.\n\n\
        COPY other.\"Trips\" (said) FROM stdin;\nCOPY public.trips (said) FROM stdin;\n\\.\n\n\
        SELECT pg_catalog.setval('public.trips_id_seq', 3, true);\n";

    #[test]
    fn rows_are_counted_wherever_the_text_is_cut() {
        let expected: BTreeMap<String, i64> = [
            ("trips".to_owned(), 3),
            ("a.\"b".to_owned(), 0),
            ("other.Trips".to_owned(), 1),
        ]
        .into();
        for size in [1, 2, 3, 7, DUMP.len()] {
            let mut counter = Counter::default();
            for part in DUMP.as_bytes().chunks(size) {
                counter.push(part);
            }
            assert_eq!(counter.rows(), expected, "by {size}");
        }
    }
}
