//! How many rows each table has in a dump of `mysqldump` or `mariadb-dump`: the parentheses after `VALUES` of its `INSERT` statements,
//! each of which begins a line. What is between `DELIMITER` lines is somebody's program, and inserts nothing now.

use std::collections::BTreeMap;

/// How much of a statement is kept until it is known what it is: names have 64 characters, and a table at most 4096 columns.
const LONGEST: usize = 1 << 12;

/// Counts, however the text is cut into pieces.
#[derive(Default)]
pub(super) struct Counter {
    rows: BTreeMap<String, i64>,
    within: Within,
    /// The line so far, as long as it may be one of those that are not SQL.
    line: Vec<u8>,
    /// The statement so far, without what is in parentheses.
    statement: Vec<u8>,
    depth: u32,
    /// The table that rows are inserted into.
    table: Option<String>,
    /// Whether this is a program that ends with another word than `;`.
    is_program: bool,
}

/// Where in the text this is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Within {
    #[default]
    Statement,
    Quotes(u8),
    /// After a backslash in quotes.
    Escape(u8),
    /// To the end of the line.
    Comment,
}

impl Counter {
    pub(super) fn push(&mut self, text: &[u8]) {
        for byte in text {
            self.take(*byte);
        }
    }

    pub(super) fn rows(self) -> BTreeMap<String, i64> {
        self.rows
    }

    fn take(&mut self, byte: u8) {
        if self.is_program {
            return self.pass_over(byte);
        }
        self.within = match (self.within, byte) {
            (Within::Comment, b'\n') => Within::Statement,
            (Within::Comment, _) => Within::Comment,
            (Within::Quotes(b'`'), b'\\') => Within::Quotes(b'`'),
            (Within::Quotes(quote), b'\\') => Within::Escape(quote),
            (Within::Quotes(quote), byte) if byte == quote => Within::Statement,
            (Within::Escape(quote), _) => Within::Quotes(quote),
            (Within::Statement, b'\'' | b'"' | b'`') => Within::Quotes(byte),
            (within, _) => within,
        };
        if self.within == Within::Statement {
            self.read(byte);
        }
        let is_begun = self.depth == 0 && self.table.is_none();
        if is_begun && self.within != Within::Comment && self.statement.len() < LONGEST {
            self.statement.push(byte);
        }
        self.end_of_line(byte);
    }

    /// What is no value.
    fn read(&mut self, byte: u8) {
        match byte {
            b';' => {
                self.statement.clear();
                self.table = None;
                self.depth = 0;
            }
            b'(' => {
                if self.depth == 0 {
                    self.table = self.table.take().or_else(|| inserted(&self.statement));
                    if let Some(table) = &self.table {
                        *self.rows.entry(table.clone()).or_default() += 1;
                    }
                }
                self.depth += 1;
            }
            b')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn end_of_line(&mut self, byte: u8) {
        if byte != b'\n' {
            if self.line.len() < LONGEST {
                self.line.push(byte);
            }
            let is_free = self.within == Within::Statement && self.depth == 0;
            if is_free && self.table.is_none() && self.line == b"--" {
                self.within = Within::Comment;
                self.statement.clear();
            }
            return;
        }
        let is_free = self.within == Within::Statement && self.depth == 0;
        if is_free && self.table.is_none() {
            self.is_program = is_delimiter(&self.line) && self.line != b"DELIMITER ;";
            // Comments that are no statements end with the line.
            if inserted(&self.statement).is_none() {
                self.statement.clear();
            }
        }
        self.line.clear();
    }

    fn pass_over(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                if self.line == b"DELIMITER ;" {
                    self.is_program = false;
                    self.statement.clear();
                }
                self.line.clear();
            }
            _ if self.line.len() < LONGEST => self.line.push(byte),
            _ => {}
        }
    }
}

fn is_delimiter(line: &[u8]) -> bool {
    line.starts_with(b"DELIMITER ")
}

/// The table of a statement that says into which, and that values follow.
fn inserted(statement: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(statement);
    let rest = text.trim().strip_suffix("VALUES")?;
    let rest = rest.strip_prefix("INSERT INTO `")?;
    let mut name = String::new();
    let mut parts = rest.split('`');
    name.push_str(parts.next()?);
    // A quotation mark of its own is doubled.
    while let Some("") = parts.next() {
        name.push('`');
        name.push_str(parts.next()?);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "/*M!999999\\- enable the sandbox mode */ \n\
        -- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n-- it's a comment (with a parenthesis);\n\n\
        /*!40101 SET @saved_cs_client     = @@character_set_client */;\n\
        CREATE TABLE `trips` (\n  `said` varchar(20) DEFAULT 'a); INSERT INTO `x` VALUES (',\n  CHECK (`said` <> '')\n) COMMENT='it''s';\n\
        LOCK TABLES `trips` WRITE;\n\
        INSERT INTO `trips` VALUES ('one (1)',1),('two\\'s);\\nINSERT INTO `trips` VALUES (3);',(2)),\n('',0x28);\n\
        INSERT INTO `trips` VALUES\n(_binary 'a',NULL),\n('b\\\\',-1);\nUNLOCK TABLES;\n\
        INSERT INTO `it``s (odd` (`a`, `b`) VALUES (1,'x');\n\
        DELIMITER ;;\n/*!50003 CREATE*/ /*!50003 TRIGGER t AFTER INSERT ON trips FOR EACH ROW BEGIN\n\
        INSERT INTO `log` VALUES (1);\nEND */;;\nDELIMITER ;\n\
        INSERT INTO `last` VALUES (1);\n\n-- Dump completed on 2026-11-21\n";

    #[test]
    fn rows_are_counted_wherever_the_text_is_cut() {
        let expected: BTreeMap<String, i64> = [
            ("trips".to_owned(), 5),
            ("it`s (odd".to_owned(), 1),
            ("last".to_owned(), 1),
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
