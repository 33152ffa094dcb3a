//! A `CREATE TABLE` that SQLite has accepted, taken apart by its grammar
//! (<https://www.sqlite.org/lang_createtable.html>). What it would have refused does not come here.

use std::collections::BTreeMap;

use crate::{
    classify::Dialect::Sqlite,
    schema::{
        Column, Constraint, ConstraintKind, Name, Sql,
        model::Generated,
        name::quote,
        sql::{Word, words},
    },
};

/// What a `CREATE TABLE` says.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) columns: Vec<Column>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) options: BTreeMap<String, String>,
}

/// Keywords that end a column's type.
const AFTER_TYPE: [&str; 12] = [
    "constraint",
    "primary",
    "not",
    "null",
    "unique",
    "check",
    "default",
    "collate",
    "references",
    "generated",
    "as",
    "deferrable",
];

/// Takes a `CREATE TABLE` apart.
pub(crate) fn parse(words: &[Word<'_>]) -> Parsed {
    let mut reader = Reader {
        words,
        at: words
            .iter()
            .position(|word| word.text == "(")
            .map_or(words.len(), |at| at + 1),
        parsed: Parsed::default(),
    };
    while !reader.is_end() {
        if reader.begins_constraint() {
            reader.table_constraints();
        } else {
            reader.column();
        }
        reader.take_text(",");
    }
    reader.take_text(")");
    reader.options();
    reader.parsed
}

struct Reader<'a> {
    words: &'a [Word<'a>],
    at: usize,
    parsed: Parsed,
}

/// What a column's definition says, as it is being read.
#[derive(Default)]
struct Draft {
    not_null: Option<String>,
    default: Option<Sql>,
    collation: Option<String>,
    generated: Option<Generated>,
    autoincrement: bool,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Word<'a>> {
        self.words.get(self.at)
    }

    fn is_end(&self) -> bool {
        self.peek().is_none_or(|word| word.text == ")")
    }

    fn is(&self, keyword: &str) -> bool {
        self.peek().is_some_and(|word| word.is(keyword))
    }

    fn next(&mut self) -> Option<&'a Word<'a>> {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = self.is(keyword);
        self.at += usize::from(found);
        found
    }

    fn take_text(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.text == text);
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Name {
        Name::caseless(&self.next().map(Word::name).unwrap_or_default())
    }

    /// What stands between parentheses, with them; the first is next.
    fn parenthesized(&mut self) -> &'a [Word<'a>] {
        let begin = self.at;
        let mut depth = 0_usize;
        while let Some(word) = self.next() {
            match word.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        let end = self.at.min(self.words.len());
        &self.words[begin.min(end)..end]
    }

    fn begins_constraint(&self) -> bool {
        ["constraint", "primary", "unique", "check", "foreign"]
            .iter()
            .any(|keyword| self.is(keyword))
    }

    fn column(&mut self) {
        let name = self.name();
        let begin = self.at;
        while self
            .peek()
            .is_some_and(|word| word.is_name() && !AFTER_TYPE.iter().any(|end| word.is(end)))
        {
            self.at += 1;
        }
        if self.at > begin && self.peek().is_some_and(|word| word.text == "(") {
            self.parenthesized();
        }
        let data_type = Sql::of_words(&self.words[begin..self.at.min(self.words.len())]);
        let mut draft = Draft::default();
        while !self.is_end() && self.peek().is_some_and(|word| word.text != ",") {
            self.column_constraint(&name, &mut draft);
        }
        let definition = draft.definition(&data_type);
        self.parsed.columns.push(Column {
            name,
            data_type,
            nullable: draft.not_null.is_none(),
            default: draft.default,
            generated: draft.generated,
            identity: draft.autoincrement.then(|| "AUTOINCREMENT".to_owned()),
            collation: draft.collation,
            definition,
        });
    }

    fn column_constraint(&mut self, column: &Name, draft: &mut Draft) {
        let name = self.take("constraint").then(|| self.name());
        let quoted = column.quoted_alone(Sqlite);
        if self.take("primary") {
            self.take("key");
            let order = if self.take("desc") { " DESC" } else { "" };
            self.take("asc");
            let conflict = self.conflict();
            draft.autoincrement = self.take("autoincrement");
            let numbered = if draft.autoincrement {
                " AUTOINCREMENT"
            } else {
                ""
            };
            // `INTEGER PRIMARY KEY DESC` does not name the row's own number, as it would in a key of the table.
            let own = if order.is_empty() {
                ""
            } else {
                " WITHIN THE COLUMN"
            };
            let text = format!("PRIMARY KEY ({quoted}{order}{numbered}){conflict}{own}");
            self.push(
                name,
                ConstraintKind::PrimaryKey,
                text,
                vec![column.clone()],
                Some(column),
            );
        } else if self.take("not") {
            if self.take("deferrable") {
                self.deferrable("NOT DEFERRABLE");
                return;
            }
            self.take("null");
            draft.not_null = Some(self.conflict());
        } else if self.take("null") {
            self.conflict();
        } else if self.take("unique") {
            let text = format!("UNIQUE ({quoted}){}", self.conflict());
            self.push(
                name,
                ConstraintKind::Unique,
                text,
                vec![column.clone()],
                Some(column),
            );
        } else if self.take("check") {
            let text = format!(
                "CHECK {}{}",
                Sql::of_words(self.parenthesized()),
                self.conflict()
            );
            self.push(name, ConstraintKind::Check, text, Vec::new(), Some(column));
        } else if self.take("default") {
            draft.default = Some(self.default());
        } else if self.take("collate") {
            draft.collation = Some(self.name().as_str().to_owned());
        } else if self.is("references") {
            self.references(
                name,
                &format!("FOREIGN KEY ({quoted})"),
                vec![column.clone()],
                Some(column),
            );
        } else if self.take("deferrable") {
            self.deferrable("DEFERRABLE");
        } else if self.is("generated") || self.is("as") {
            draft.generated = Some(self.generated());
        } else {
            // Nothing that the grammar knows; go on with what follows.
            self.at += 1;
        }
    }

    fn default(&mut self) -> Sql {
        if self.peek().is_some_and(|word| word.text == "(") {
            let words = self.parenthesized();
            return match words {
                // A single literal means the same without its parentheses.
                [_, word, _] if !word.text.starts_with(['"', '`', '[']) => Sql::of_words(&[*word]),
                _ => Sql::of_words(words),
            };
        }
        let begin = self.at;
        let signed = self.take_text("-") || self.take_text("+");
        self.at += 1;
        let words = &self.words[begin..self.at.min(self.words.len())];
        match words {
            // What would be a name elsewhere is text here.
            [word] if !signed && word.text.starts_with(['"', '`', '[']) => {
                Sql::printed(format!("'{}'", word.name().replace('\'', "''")))
            }
            _ => Sql::of_words(words),
        }
    }

    fn generated(&mut self) -> Generated {
        self.take("generated");
        self.take("always");
        self.take("as");
        let expression = Sql::of_words(self.parenthesized());
        let stored = self.take("stored");
        self.take("virtual");
        Generated { expression, stored }
    }

    /// ` ON CONFLICT …`, unless it is what would happen anyway.
    fn conflict(&mut self) -> String {
        if !self.is("on") {
            return String::new();
        }
        self.at += 2;
        match self.next().map(|word| word.text.to_ascii_uppercase()) {
            Some(action) if action != "ABORT" => format!(" ON CONFLICT {action}"),
            _ => String::new(),
        }
    }

    /// `REFERENCES table (columns) ON …`, after what it is that refers.
    fn references(
        &mut self,
        name: Option<Name>,
        from: &str,
        columns: Vec<Name>,
        of_column: Option<&Name>,
    ) {
        self.take("references");
        let table = self.name();
        let mut text = format!("{from} REFERENCES {}", table.quoted(Sqlite));
        if self.peek().is_some_and(|word| word.text == "(") {
            text += &format!(" {}", Sql::of_words(self.parenthesized()));
        }
        let mut actions = BTreeMap::new();
        loop {
            if self.take("on") {
                let event = self
                    .next()
                    .map(|word| word.text.to_ascii_uppercase())
                    .unwrap_or_default();
                let first = self
                    .next()
                    .map(|word| word.text.to_ascii_uppercase())
                    .unwrap_or_default();
                let action = match first.as_str() {
                    "SET" | "NO" => {
                        let second = self.next().map(|word| word.text.to_ascii_uppercase());
                        format!("{first} {}", second.unwrap_or_default())
                    }
                    _ => first,
                };
                actions.insert(event, action);
            } else if self.take("match") {
                // SQLite reads it and does nothing about it.
                self.at += 1;
            } else {
                break;
            }
        }
        for (event, action) in actions {
            if action != "NO ACTION" {
                text += &format!(" ON {event} {action}");
            }
        }
        self.parsed.constraints.push(Constraint {
            name,
            kind: ConstraintKind::ForeignKey,
            definition: read(&text),
            columns,
            refers_to: Some(table),
            of_column: of_column.cloned(),
        });
        if self.take("deferrable") {
            self.deferrable("DEFERRABLE");
        } else if self.is("not")
            && self
                .words
                .get(self.at + 1)
                .is_some_and(|word| word.is("deferrable"))
        {
            self.at += 2;
            self.deferrable("NOT DEFERRABLE");
        }
    }

    /// What follows `DEFERRABLE`, for the foreign key read last. Only `DEFERRABLE INITIALLY DEFERRED` does anything.
    fn deferrable(&mut self, begun: &str) {
        let deferred =
            self.take("initially") && self.next().is_some_and(|word| word.is("deferred"));
        let last = self.parsed.constraints.last_mut();
        if let Some(key) = last.filter(|_| deferred && begun == "DEFERRABLE") {
            key.definition = read(&format!("{} DEFERRABLE INITIALLY DEFERRED", key.definition));
        }
    }

    /// The constraints of the table; commas between them may be missing.
    fn table_constraints(&mut self) {
        while self.begins_constraint() {
            let name = self.take("constraint").then(|| self.name());
            if self.take("primary") {
                self.take("key");
                self.key(name, "PRIMARY KEY", ConstraintKind::PrimaryKey);
            } else if self.take("unique") {
                self.key(name, "UNIQUE", ConstraintKind::Unique);
            } else if self.take("check") {
                let text = format!(
                    "CHECK {}{}",
                    Sql::of_words(self.parenthesized()),
                    self.conflict()
                );
                self.push(name, ConstraintKind::Check, text, Vec::new(), None);
            } else if self.take("foreign") {
                self.take("key");
                let list = self.parenthesized();
                let from = format!("FOREIGN KEY {}", Sql::of_words(list));
                self.references(name, &from, names(list), None);
            }
        }
    }

    fn key(&mut self, name: Option<Name>, title: &str, kind: ConstraintKind) {
        let list = self.parenthesized();
        let words: Vec<_> = list
            .iter()
            .copied()
            .filter(|word| !word.is("asc"))
            .collect();
        let text = format!("{title} {}{}", Sql::of_words(&words), self.conflict());
        let columns = names(list);
        if list.iter().any(|word| word.is("autoincrement"))
            && let Some(column) = columns.first()
            && let Some(column) = self
                .parsed
                .columns
                .iter_mut()
                .find(|other| other.name == *column)
        {
            column.identity = Some("AUTOINCREMENT".to_owned());
        }
        self.push(name, kind, text, columns, None);
    }

    fn push(
        &mut self,
        name: Option<Name>,
        kind: ConstraintKind,
        text: String,
        columns: Vec<Name>,
        of: Option<&Name>,
    ) {
        self.parsed.constraints.push(Constraint {
            name,
            kind,
            definition: read(&text),
            columns,
            refers_to: None,
            of_column: of.cloned(),
        });
    }

    fn options(&mut self) {
        while let Some(word) = self.next() {
            if word.is("strict") {
                self.parsed.options.insert("strict".into(), "STRICT".into());
            } else if word.is("rowid") {
                self.parsed
                    .options
                    .insert("rowid".into(), "WITHOUT ROWID".into());
            }
        }
    }
}

/// The names that a list of columns begins its elements with.
fn names(list: &[Word<'_>]) -> Vec<Name> {
    let mut found = Vec::new();
    for pair in list.windows(2) {
        if matches!(pair[0].text, "(" | ",") {
            found.push(Name::caseless(&pair[1].name()));
        }
    }
    found
}

/// SQL that is put together here, compared like any other.
fn read(text: &str) -> Sql {
    Sql::of_words(&words(text, Sqlite))
}

impl Draft {
    fn definition(&self, data_type: &Sql) -> Sql {
        let mut parts = vec![data_type.to_string()];
        if let Some(conflict) = &self.not_null {
            parts.push(format!("NOT NULL{conflict}"));
        }
        if let Some(default) = &self.default {
            parts.push(format!("DEFAULT {default}"));
        }
        if let Some(collation) = &self.collation {
            parts.push(format!("COLLATE {}", quote(collation, Sqlite)));
        }
        if let Some(Generated { expression, stored }) = &self.generated {
            let kept = if *stored { " STORED" } else { "" };
            parts.push(format!("GENERATED ALWAYS AS {expression}{kept}"));
        }
        parts.retain(|part| !part.is_empty());
        read(&parts.join(" "))
    }
}
