//! A table of MySQL that changes: what of it, by which statements, and what is told of its rows.

use std::collections::BTreeSet;

use crate::{
    classify::Dialect::Mysql,
    schema::{
        Column, Constraint, ConstraintKind, Index, Name, Table,
        capture::{Steps, order::mentioned},
    },
};

/// What changes of a table that is on both sides.
pub(super) struct Change<'a> {
    pub(super) before: &'a Table,
    pub(super) after: &'a Table,
    /// Columns that keep their name and are defined otherwise.
    pub(super) modified: BTreeSet<&'a Name>,
    /// Of these, the ones that are dropped and added again, since what computes a value cannot be modified.
    remade: BTreeSet<&'a Name>,
}

impl<'a> Change<'a> {
    pub(super) fn of(before: &'a Table, after: &'a Table) -> Change<'a> {
        let recoded = charset(before) != charset(after);
        let both = before
            .columns
            .iter()
            .filter_map(|old| Some((old, after.column(&old.name)?)));
        let modified = both.filter(|(old, new)| {
            // Without a character set of its own, a text has the table's.
            old.definition != new.definition || recoded && is_text(new) && new.generated.is_none()
        });
        let modified: Vec<_> = modified.collect();
        let computed = |(old, new): &&(&Column, &Column)| {
            old.definition != new.definition && (old.generated.is_some() || new.generated.is_some())
        };
        Change {
            before,
            after,
            remade: modified
                .iter()
                .filter(computed)
                .map(|(old, _)| &old.name)
                .collect(),
            modified: modified.iter().map(|(old, _)| &old.name).collect(),
        }
    }

    fn names(&self, text: &str) -> bool {
        let names: BTreeSet<String> = self
            .remade
            .iter()
            .map(|name| name.key().to_owned())
            .collect();
        !mentioned(text, Mysql, &names).is_empty()
    }

    pub(super) fn keeps(&self, constraint: &Constraint) -> bool {
        let has = |table: &Table| {
            table
                .constraints
                .iter()
                .any(|other| same(other, constraint))
        };
        has(self.before) && has(self.after) && !self.names(constraint.definition.as_str())
    }

    pub(super) fn keeps_index(&self, index: &Index) -> bool {
        let has = |table: &Table| table.indexes.get(&index.name) == Some(index);
        has(self.before) && has(self.after) && !self.names(index.definition.as_str())
    }

    /// Everything but foreign keys.
    pub(super) fn write(&self, steps: &mut Steps) {
        let table = self.after.name.quoted(Mysql);
        let mut alter = |parts: Vec<String>| {
            if !parts.is_empty() {
                steps.run(format!(
                    "ALTER TABLE {table}\n    {}",
                    parts.join(",\n    ")
                ));
            }
        };
        let checks = |table: &'a Table| {
            table
                .constraints
                .iter()
                .filter(|key| key.kind == ConstraintKind::Check)
        };
        let gone = checks(self.before).filter(|check| !self.keeps(check));
        alter(
            gone.filter_map(|check| {
                Some(format!(
                    "DROP CONSTRAINT {}",
                    check.name.as_ref()?.quoted_alone(Mysql)
                ))
            })
            .collect(),
        );
        let remade = self
            .remade
            .iter()
            .map(|name| format!("DROP COLUMN {}", name.quoted_alone(Mysql)));
        let (first, keys): (Vec<_>, Vec<_>) = self
            .dropped_keys()
            .into_iter()
            .partition(|(text, _)| self.names(text));
        let first = first.into_iter().map(|(_, part)| part);
        alter(first.chain(remade).collect());
        alter(options(self.before, self.after));
        let mut parts: Vec<String> = keys.into_iter().map(|(_, part)| part).collect();
        parts.extend(self.columns());
        parts.extend(self.added_keys());
        alter(parts);
        let new = checks(self.after).filter(|check| !self.keeps(check));
        alter(new.map(|check| format!("ADD {}", defined(check))).collect());
        self.tell(steps);
    }

    /// Keys and indexes that go, by their definitions.
    fn dropped_keys(&self) -> Vec<(String, String)> {
        let keys = self
            .before
            .constraints
            .iter()
            .filter(|key| !self.keeps(key));
        let keys = keys.filter_map(|key| {
            let part = match key.kind {
                ConstraintKind::PrimaryKey => "DROP PRIMARY KEY".to_owned(),
                ConstraintKind::Unique => {
                    format!("DROP KEY {}", key.name.as_ref()?.quoted_alone(Mysql))
                }
                _ => return None,
            };
            Some((key.definition.to_string(), part))
        });
        let indexes = self
            .before
            .indexes
            .values()
            .filter(|index| !self.keeps_index(index));
        let indexes = indexes.map(|index| {
            let part = format!("DROP KEY {}", index.name.quoted_alone(Mysql));
            (index.definition.to_string(), part)
        });
        keys.chain(indexes).collect()
    }

    fn added_keys(&self) -> Vec<String> {
        let key = |key: &&Constraint| {
            matches!(
                key.kind,
                ConstraintKind::PrimaryKey | ConstraintKind::Unique
            )
        };
        let keys = self
            .after
            .constraints
            .iter()
            .filter(key)
            .filter(|key| !self.keeps(key));
        let indexes = self
            .after
            .indexes
            .values()
            .filter(|index| !self.keeps_index(index));
        let keys = keys.map(|key| format!("ADD {}", key.definition));
        keys.chain(indexes.map(|index| format!("ADD {}", index.definition)))
            .collect()
    }

    fn columns(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let gone = self
            .before
            .columns
            .iter()
            .filter(|column| self.after.column(&column.name).is_none());
        parts.extend(gone.map(|column| format!("DROP COLUMN {}", column.name.quoted_alone(Mysql))));
        let is_new = |column: &Column| {
            self.before.column(&column.name).is_none() || self.remade.contains(&column.name)
        };
        for (index, column) in self.after.columns.iter().enumerate() {
            let text = written(column);
            if is_new(column) {
                let last = self.after.columns[index..].iter().all(is_new);
                let place = match index
                    .checked_sub(1)
                    .map(|before| &self.after.columns[before])
                {
                    _ if last => String::new(),
                    Some(before) => format!(" AFTER {}", before.name.quoted_alone(Mysql)),
                    None => " FIRST".to_owned(),
                };
                parts.push(format!("ADD COLUMN {text}{place}"));
            } else if self.modified.contains(&column.name) {
                parts.push(format!("MODIFY COLUMN {text}"));
            }
        }
        parts
    }

    fn tell(&self, steps: &mut Steps) {
        let key = self.after.key();
        let added = self
            .after
            .columns
            .iter()
            .any(|column| self.before.column(&column.name).is_none());
        for old in &self.before.columns {
            let name = &old.name;
            let Some(new) = self.after.column(name) else {
                steps.note(&key, format!("the values of `{name}` are lost"));
                if added {
                    steps.note(
                        &key,
                        format!(
                            "if `{name}` was renamed, write `ALTER TABLE … RENAME COLUMN …` instead: that cannot be told from dropping one and adding another"
                        ),
                    );
                }
                continue;
            };
            if self.remade.contains(name) {
                steps.note(
                    &key,
                    format!(
                        "`{name}` is dropped and added again: what it held is lost or computed anew"
                    ),
                );
            } else if old.data_type != new.data_type
                || charset(self.before) != charset(self.after) && is_text(new)
            {
                steps.note(
                    &key,
                    format!("the values of `{name}` are converted, and outside the strict mode cut off where they do not fit; check them"),
                );
            }
            if old.nullable && !new.nullable {
                steps.note(
                    &key,
                    format!("`{name}` becomes NOT NULL: this fails while a row has NULL in it"),
                );
            }
        }
        for column in &self.after.columns {
            let new = self.before.column(&column.name).is_none() && column.generated.is_none();
            if new && !column.nullable && column.default.is_none() && column.identity.is_none() {
                steps.note(
                    &key,
                    format!("`{}` is NOT NULL without a default: rows that are there get zero or an empty text", column.name),
                );
            }
        }
        for name in unwritten(self.before, self.after) {
            steps.note(
                &key,
                format!("its option `{name}` changes, which is not written"),
            );
        }
    }
}

fn same(a: &Constraint, b: &Constraint) -> bool {
    a.kind == b.kind && a.name == b.name && a.definition == b.definition
}

/// The character set and collation that a table gives to its columns.
fn charset(table: &Table) -> (Option<&String>, Option<&String>) {
    (
        table.options.get("DEFAULT CHARSET"),
        table.options.get("COLLATE"),
    )
}

fn is_text(column: &Column) -> bool {
    let data_type = column.data_type.as_str();
    ["char", "varchar", "text", "enum", "set"]
        .iter()
        .any(|name| data_type.contains(name))
        && !column.definition.as_str().contains(" CHARACTER SET ")
}

/// A column as in a `CREATE TABLE`.
pub(super) fn written(column: &Column) -> String {
    format!("{} {}", column.name.quoted_alone(Mysql), column.definition)
}

/// A constraint as in a `CREATE TABLE`.
pub(super) fn defined(constraint: &Constraint) -> String {
    let named = matches!(
        constraint.kind,
        ConstraintKind::Check | ConstraintKind::ForeignKey
    );
    match constraint.name.as_ref().filter(|_| named) {
        Some(name) => format!(
            "CONSTRAINT {} {}",
            name.quoted_alone(Mysql),
            constraint.definition
        ),
        None => constraint.definition.to_string(),
    }
}

/// Options that change, as parts of an `ALTER TABLE`. What is no longer said goes back to what it is by itself.
fn options(before: &Table, after: &Table) -> Vec<String> {
    let changed = |(name, value): &(&String, &String)| {
        !value.is_empty() && before.options.get(*name) != Some(*value)
    };
    let mut parts: Vec<String> = after
        .options
        .iter()
        .filter(changed)
        .filter(|(name, _)| name.as_str() != "partition" && !is_charset(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if charset(before) != charset(after) {
        let part = |name: &str| Some(format!("{name}={}", after.options.get(name)?));
        parts.push(
            [part("DEFAULT CHARSET"), part("COLLATE")]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    for name in before
        .options
        .keys()
        .filter(|name| !after.options.contains_key(*name))
    {
        match name.as_str() {
            "COMMENT" => parts.push("COMMENT=''".into()),
            "ROW_FORMAT" => parts.push("ROW_FORMAT=DEFAULT".into()),
            "KEY_BLOCK_SIZE" => parts.push("KEY_BLOCK_SIZE=0".into()),
            _ => {}
        }
    }
    parts
}

fn is_charset(name: &str) -> bool {
    matches!(name, "DEFAULT CHARSET" | "COLLATE")
}

/// Options that change and are not in [`options`].
fn unwritten<'a>(before: &'a Table, after: &'a Table) -> Vec<&'a String> {
    let names: BTreeSet<&String> = before.options.keys().chain(after.options.keys()).collect();
    let changed = names
        .into_iter()
        .filter(|name| before.options.get(*name) != after.options.get(*name));
    let unwritten = |name: &&String| match after.options.get(*name) {
        Some(value) => value.is_empty() || name.as_str() == "partition",
        None => {
            !matches!(name.as_str(), "COMMENT" | "ROW_FORMAT" | "KEY_BLOCK_SIZE")
                && !is_charset(name)
        }
    };
    changed.filter(unwritten).collect()
}
