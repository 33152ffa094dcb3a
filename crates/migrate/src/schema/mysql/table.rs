//! The text of `SHOW CREATE TABLE`, taken apart: a column, a key or a check in each of its parts, then options.

use std::collections::BTreeMap;

use crate::{
    classify::Dialect::Mysql,
    schema::{
        Column, Constraint, ConstraintKind, Index, Name, Sql, Table,
        model::Generated,
        sql::{Word, words},
    },
};

/// Takes the text apart.
pub(crate) fn parse(name: Name, text: &str) -> Table {
    let words = words(text, Mysql);
    let mut table = Table {
        name,
        columns: Vec::new(),
        constraints: Vec::new(),
        indexes: BTreeMap::new(),
        options: BTreeMap::new(),
        definition: Some(text.to_owned()),
    };
    let begin = words
        .iter()
        .position(|word| word.text == "(")
        .map_or(words.len(), |at| at + 1);
    let mut from = begin;
    let mut depth = 1_usize;
    let mut at = begin;
    while let Some(word) = words.get(at) {
        match word.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && word.text == "," {
            add(&mut table, text, &words[from..at]);
            from = at + 1;
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    options(&mut table, text, &words[at.min(words.len())..]);
    table
}

/// The text that some words are.
fn slice<'a>(text: &'a str, words: &[Word<'_>]) -> &'a str {
    match (words.first(), words.last()) {
        (Some(first), Some(last)) => &text[first.start..last.end()],
        _ => "",
    }
}

fn add(table: &mut Table, text: &str, words: &[Word<'_>]) {
    let Some(first) = words.first() else {
        return;
    };
    let is = |index: usize, keyword: &str| words.get(index).is_some_and(|word| word.is(keyword));
    if first.text.starts_with('`') {
        table.columns.push(column(text, words));
    } else if is(0, "primary") {
        constraint(table, text, words, None, ConstraintKind::PrimaryKey);
    } else if is(0, "unique") {
        let name = words.get(2).map(|word| Name::caseless(&word.name()));
        constraint(table, text, words, name, ConstraintKind::Unique);
    } else if is(0, "constraint") {
        let name = words.get(1).map(|word| Name::caseless(&word.name()));
        let kind = if is(2, "foreign") {
            ConstraintKind::ForeignKey
        } else {
            ConstraintKind::Check
        };
        constraint(table, text, &words[2..], name, kind);
    } else if is(0, "key") || is(0, "index") || is(1, "key") || is(1, "index") {
        let at = 1 + usize::from(is(1, "key") || is(1, "index"));
        let name = Name::caseless(&words.get(at).map(Word::name).unwrap_or_default());
        let definition = Sql::printed(slice(text, words));
        table
            .indexes
            .insert(name.clone(), Index { name, definition });
    } else {
        table
            .options
            .insert(slice(text, words).to_lowercase(), String::new());
    }
}

fn constraint(
    table: &mut Table,
    text: &str,
    words: &[Word<'_>],
    name: Option<Name>,
    kind: ConstraintKind,
) {
    let refers = words.iter().position(|word| word.is("references"));
    // The list that a key begins with.
    let begin = words
        .iter()
        .position(|word| word.text == "(")
        .map_or(words.len(), |at| at + 1);
    let listed = words[begin..].iter().take_while(|word| word.text != ")");
    let columns = match kind {
        ConstraintKind::Check => Vec::new(),
        _ => listed
            .filter(|word| word.text.starts_with('`'))
            .map(|word| Name::caseless(&word.name()))
            .collect(),
    };
    table.constraints.push(Constraint {
        name,
        kind,
        definition: Sql::printed(slice(text, words)),
        columns,
        refers_to: refers
            .and_then(|at| words.get(at + 1))
            .map(|word| Name::exact(&word.name())),
        of_column: None,
    });
}

/// Keywords that follow a column's type.
const AFTER_TYPE: [&str; 14] = [
    "character",
    "collate",
    "not",
    "null",
    "default",
    "auto_increment",
    "on",
    "comment",
    "generated",
    "check",
    "invisible",
    "as",
    "virtual",
    "stored",
];

fn column(text: &str, words: &[Word<'_>]) -> Column {
    let name = Name::caseless(&words[0].name());
    let rest = &words[1..];
    let top = at_top(rest);
    let after = |index: usize| AFTER_TYPE.iter().any(|keyword| rest[index].is(keyword));
    let end = top
        .iter()
        .copied()
        .find(|index| after(*index))
        .unwrap_or(rest.len());
    let find = |keyword: &str| top.iter().copied().find(|index| rest[*index].is(keyword));
    let value = |begin: usize| {
        // Up to the next attribute.
        let end = top
            .iter()
            .copied()
            .find(|index| *index > begin && (after(*index) || rest[*index].is("on")));
        slice(text, &rest[begin..end.unwrap_or(rest.len())])
    };
    let expression = |begin: usize| {
        let end = top
            .iter()
            .copied()
            .find(|index| *index > begin)
            .unwrap_or(rest.len());
        Sql::printed(slice(text, &rest[begin..end]))
    };
    let generated = find("generated").map(|at| Generated {
        // GENERATED ALWAYS AS (…) STORED
        expression: expression((at + 3).min(rest.len())),
        stored: find("stored").is_some() || find("persistent").is_some(),
    });
    let null = find("null");
    Column {
        name,
        data_type: Sql::printed(slice(text, &rest[..end])),
        nullable: !null.is_some_and(|at| at > 0 && rest[at - 1].is("not")),
        default: find("default").map(|at| Sql::printed(value((at + 1).min(rest.len())))),
        generated,
        identity: find("auto_increment").map(|_| "AUTO_INCREMENT".to_owned()),
        collation: find("collate")
            .and_then(|at| rest.get(at + 1))
            .map(Word::name),
        definition: Sql::printed(slice(text, rest)),
    }
}

/// The places of words that are in no parentheses; an opening one counts, what is in it does not.
fn at_top(words: &[Word<'_>]) -> Vec<usize> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if word.text == ")" {
            depth = depth.saturating_sub(1);
            continue;
        }
        if depth == 0 {
            found.push(index);
        }
        depth += usize::from(word.text == "(");
    }
    found
}

/// `NAME=value` one after the other, and what partitions the table.
fn options(table: &mut Table, text: &str, words: &[Word<'_>]) {
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        if rest[0].is("partition") || rest[0].text.starts_with("/*") {
            table
                .options
                .insert("partition".into(), slice(text, rest).to_owned());
            return;
        }
        let Some(equals) = rest.iter().position(|word| word.text == "=") else {
            table
                .options
                .insert(slice(text, rest).to_lowercase(), String::new());
            return;
        };
        let name = slice(text, &rest[..equals]).to_uppercase();
        let value = rest
            .get(equals + 1)
            .map(|word| word.text)
            .unwrap_or_default();
        if name != "AUTO_INCREMENT" {
            table.options.insert(name, value.to_owned());
        }
        at += equals + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_taken_apart() {
        let text = "CREATE TABLE `t` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `a,b` varchar(40) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'x, (' COMMENT 'not null',
  `half` decimal(10,2) GENERATED ALWAYS AS (`id` / 2) STORED,
  `at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  PRIMARY KEY (`id`),
  UNIQUE KEY `both` (`id`,`half`),
  KEY `begin` (`a,b`(10)),
  FULLTEXT KEY `words` (`a,b`),
  CONSTRAINT `other` FOREIGN KEY (`id`) REFERENCES `u` (`x`) ON DELETE CASCADE,
  CONSTRAINT `small` CHECK (`id` < 5)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='a = b'
 PARTITION BY HASH (`id`)
PARTITIONS 4";
        let table = parse(Name::exact("t"), text);
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| {
                (
                    column.name.as_str(),
                    column.data_type.as_str(),
                    column.nullable,
                )
            })
            .collect();
        assert_eq!(
            columns,
            [
                ("id", "int(11)", false),
                ("a,b", "varchar(40)", true),
                ("half", "decimal(10,2)", true),
                ("at", "timestamp", false)
            ]
        );
        assert_eq!(table.columns[0].identity.as_deref(), Some("AUTO_INCREMENT"));
        assert_eq!(
            table.columns[1].default.as_ref().unwrap().as_str(),
            "'x, ('"
        );
        assert_eq!(table.columns[1].collation.as_deref(), Some("latin1_bin"));
        let generated = table.columns[2].generated.as_ref().unwrap();
        assert_eq!(
            (generated.expression.as_str(), generated.stored),
            ("(`id` / 2)", true)
        );
        assert_eq!(
            table.columns[3].default.as_ref().unwrap().as_str(),
            "current_timestamp()"
        );
        let keys: Vec<_> = table
            .constraints
            .iter()
            .map(|key| (key.kind, key.columns.len()))
            .collect();
        assert_eq!(
            keys,
            [
                (ConstraintKind::PrimaryKey, 1),
                (ConstraintKind::Unique, 2),
                (ConstraintKind::ForeignKey, 1),
                (ConstraintKind::Check, 0)
            ]
        );
        assert_eq!(
            table.constraints[2].refers_to.as_ref().unwrap().as_str(),
            "u"
        );
        assert_eq!(table.indexes.len(), 2);
        let options: Vec<_> = table
            .options
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            options,
            [
                "COLLATE=utf8mb4_general_ci",
                "COMMENT='a = b'",
                "DEFAULT CHARSET=utf8mb4",
                "ENGINE=InnoDB",
                "partition=PARTITION BY HASH (`id`)\nPARTITIONS 4"
            ]
        );
    }
}
