//! How one schema differs from another: which objects, and which parts of them. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{
    Schema, Table,
    model::Kind,
    parts::{Part, PartOf},
};

/// What is there on one side only, or otherwise on the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The objects that differ, by kind and name.
    pub objects: Vec<ObjectDifference>,
    /// Tables with the same columns in another order. No difference by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reordered: Vec<Reordered>,
}

impl Difference {
    /// Whether the two hold the same. The order of columns does not count.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The difference as seen from the other side.
    #[must_use]
    pub fn swapped(self) -> Difference {
        let mut objects = self.objects;
        for object in &mut objects {
            object.change = match object.change {
                Change::Missing => Change::Unexpected,
                Change::Unexpected => Change::Missing,
                Change::Different => Change::Different,
            };
            for detail in &mut object.details {
                std::mem::swap(&mut detail.expected, &mut detail.found);
            }
        }
        let mut reordered = self.reordered;
        for table in &mut reordered {
            std::mem::swap(&mut table.expected, &mut table.found);
        }
        Difference { objects, reordered }
    }
}

/// How an object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is expected, and not there.
    Missing,
    /// It is there, and not expected.
    Unexpected,
    /// It is there otherwise than expected.
    Different,
}

/// An object that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDifference {
    /// What it is.
    pub kind: Kind,
    /// Its name, with its namespace and what tells it from others.
    pub name: String,
    /// How it differs.
    pub change: Change,
    /// The parts that differ; all of them when it is there on one side only.
    pub details: Vec<Detail>,
}

/// A part of an object, on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// Which part.
    pub part: Part,
    /// Its name; empty where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// The columns that a table has on both sides, in different orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reordered {
    /// The table.
    pub table: String,
    /// The order that it should have.
    pub expected: Vec<String>,
    /// The order that it has.
    pub found: Vec<String>,
}

/// How `found` differs from `expected`.
pub fn diff(expected: &Schema, found: &Schema) -> Difference {
    let (mut left, mut right) = (expected.parts(), found.parts());
    // A name is shown as it is expected, if it is.
    let mut keys: BTreeSet<_> = left.keys().cloned().collect();
    keys.extend(right.keys().filter(|key| !left.contains_key(key)).cloned());
    let mut objects = Vec::new();
    for key in keys {
        let (before, after) = (left.remove(&key), right.remove(&key));
        let change = match (&before, &after) {
            (Some(_), None) => Change::Missing,
            (None, _) => Change::Unexpected,
            (Some(_), Some(_)) => Change::Different,
        };
        let details = details(before.unwrap_or_default(), after.unwrap_or_default());
        if !details.is_empty() {
            objects.push(ObjectDifference {
                kind: key.kind,
                name: key.title(),
                change,
                details,
            });
        }
    }
    let reordered = reordered(expected, found);
    Difference { objects, reordered }
}

/// The parts that are not on both sides alike.
fn details(before: Vec<PartOf>, after: Vec<PartOf>) -> Vec<Detail> {
    let mut sides: BTreeMap<_, (Option<PartOf>, Option<PartOf>)> = BTreeMap::new();
    for part in before {
        let key = (part.part, part.name.clone());
        sides.entry(key).or_default().0 = Some(part);
    }
    for part in after {
        let key = (part.part, part.name.clone());
        sides.entry(key).or_default().1 = Some(part);
    }
    let mut details = Vec::new();
    for (before, after) in sides.into_values() {
        let normal = |side: &Option<PartOf>| side.as_ref().map(|part| part.normal.clone());
        let either = before.as_ref().or(after.as_ref());
        let Some(either) = either.filter(|_| normal(&before) != normal(&after)) else {
            continue;
        };
        details.push(Detail {
            part: either.part,
            name: either.shown.clone(),
            expected: before.map(|part| part.written),
            found: after.map(|part| part.written),
        });
    }
    details
}

fn reordered(expected: &Schema, found: &Schema) -> Vec<Reordered> {
    let both = expected
        .tables
        .iter()
        .filter_map(|(name, table)| Some((table, found.tables.get(name)?)));
    both.filter_map(|(before, after)| {
        let (expected, found) = (common(before, after), common(after, before));
        let same = |list: &[String]| -> Vec<String> {
            list.iter().map(|name| name.to_lowercase()).collect()
        };
        (same(&expected) != same(&found)).then(|| Reordered {
            table: before.name.to_string(),
            expected,
            found,
        })
    })
    .collect()
}

/// The columns that another table has too.
fn common(table: &Table, other: &Table) -> Vec<String> {
    table
        .columns
        .iter()
        .filter(|column| other.column(&column.name).is_some())
        .map(|column| column.name.to_string())
        .collect()
}

/// A block for each object: its name, then `- ` what was expected and `+ ` what was found.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for object in &self.objects {
            if !std::mem::take(&mut first) {
                writeln!(f)?;
            }
            write!(f, "{object}")?;
        }
        for table in &self.reordered {
            if !std::mem::take(&mut first) {
                writeln!(f)?;
            }
            writeln!(
                f,
                "table {}: its columns stand in another order, which is no difference",
                table.table
            )?;
            writeln!(f, "- {}", table.expected.join(", "))?;
            writeln!(f, "+ {}", table.found.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for ObjectDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            Change::Missing => "missing",
            Change::Unexpected => "unexpected",
            Change::Different => "different",
        };
        writeln!(f, "{} {}: {change}", self.kind, self.name)?;
        for detail in self
            .details
            .iter()
            .filter(|detail| detail.part != Part::Existence)
        {
            for (sign, side) in [("-", &detail.expected), ("+", &detail.found)] {
                if let Some(text) = side {
                    lines(f, sign, &detail.title(), text)?;
                }
            }
        }
        Ok(())
    }
}

impl Detail {
    /// What precedes its text.
    fn title(&self) -> String {
        match (self.part, self.name.as_str()) {
            // What has no name says itself what it is.
            (Part::Definition, _) | (_, "") => String::new(),
            (part, name) => format!("{part} {name}: "),
        }
    }
}

/// A text under its sign, on as many lines as it has.
fn lines(f: &mut fmt::Formatter<'_>, sign: &str, title: &str, text: &str) -> fmt::Result {
    let mut title = title;
    for line in text.trim_end().lines() {
        writeln!(f, "{}", format!("{sign} {title}{line}").trim_end())?;
        title = "";
    }
    if text.trim().is_empty() {
        writeln!(f, "{sign} {}", title.trim_end_matches(": "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_map, prelude::*, sample::select};

    use super::*;
    use crate::{
        classify::Dialect,
        schema::{Name, Object, ObjectKey, Sql, sqlite},
    };

    fn schema(tables: &[(&str, &str)], views: &[(&str, &str)]) -> Schema {
        let mut schema = Schema::empty(Dialect::Sqlite);
        for (name, columns) in tables {
            let name = Name::caseless(name);
            let table = sqlite::table(name.clone(), &format!("CREATE TABLE {name} ({columns})"));
            schema.tables.insert(name, table);
        }
        for (name, query) in views {
            let key = ObjectKey::new(Kind::View, Name::caseless(name));
            let object = Object::new(key.clone(), Sql::written(query, Dialect::Sqlite));
            schema.objects.insert(key, object);
        }
        schema
    }

    #[test]
    fn every_part_is_told_on_its_own() {
        let expected = schema(
            &[("t", "a INT, b TEXT, CHECK (a > 0), CONSTRAINT c UNIQUE (a)")],
            &[("v", "SELECT 1")],
        );
        let found = schema(
            &[
                ("T", "b text, A BIGINT, CONSTRAINT c UNIQUE (b)"),
                ("u", "x"),
            ],
            &[("v", "SELECT  1")],
        );
        let difference = diff(&expected, &found);
        assert_eq!(
            difference.to_string(),
            "table t: different
- column a: INT
+ column a: BIGINT
- unique constraint c: UNIQUE (a)
+ unique constraint c: UNIQUE (b)
- CHECK (a > 0)

table u: unexpected
+ column x

table t: its columns stand in another order, which is no difference
- a, b
+ b, A
"
        );
        let json = serde_json::to_value(&difference).unwrap();
        assert_eq!(
            json["objects"][0],
            serde_json::json!({
                "kind": "table", "name": "t", "change": "different",
                "details": [
                    { "part": "column", "name": "a", "expected": "INT", "found": "BIGINT" },
                    { "part": "unique", "name": "c", "expected": "UNIQUE (a)", "found": "UNIQUE (b)" },
                    { "part": "check", "expected": "CHECK (a > 0)" },
                ],
            })
        );
        assert_eq!(
            serde_json::from_value::<Difference>(json).unwrap(),
            difference
        );
    }

    #[test]
    fn what_is_there_twice_is_there_once_and_one_name_may_be_two() {
        let once = schema(&[("t", "a, CHECK (a > 0)")], &[]);
        let twice = schema(&[("t", "a CHECK (a > 0), CHECK (a > 0)")], &[]);
        assert_eq!(once, twice);
        let both = schema(
            &[(
                "t",
                "a, CONSTRAINT c CHECK (a > 0), CONSTRAINT c CHECK (a < 9)",
            )],
            &[],
        );
        let one = schema(&[("t", "a, CONSTRAINT c CHECK (a > 0)")], &[]);
        assert!(!diff(&one, &both).is_empty());
        assert_ne!(one.fingerprint(), both.fingerprint());
    }

    fn schemas() -> impl Strategy<Value = Schema> {
        let columns = select(vec![
            "a",
            "a INT",
            "a, b",
            "b, a",
            "a, CHECK (a > 0)",
            "a CHECK (a>0)",
            "A, b PRIMARY KEY",
        ]);
        let queries = select(vec!["SELECT 1", "select 1", "SELECT 2"]);
        (
            btree_map(select(vec!["t", "u", "w"]), columns, 0..4),
            btree_map(select(vec!["v", "x"]), queries, 0..3),
        )
            .prop_map(|(tables, views)| {
                let tables: Vec<_> = tables.into_iter().collect();
                let views: Vec<_> = views.into_iter().collect();
                schema(&tables, &views)
            })
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_agrees_with_fingerprints(left in schemas(), right in schemas()) {
            prop_assert!(diff(&left, &left).is_empty());
            prop_assert_eq!(diff(&left, &left).to_string(), "");
            let difference = diff(&left, &right);
            prop_assert_eq!(difference.is_empty(), left == right);
            prop_assert_eq!(difference.is_empty(), left.fingerprint() == right.fingerprint());
            // Letters' case is that of the side which is named first, and means nothing.
            let lower = |difference: &Difference| difference.to_string().to_lowercase();
            prop_assert_eq!(lower(&difference.swapped()), lower(&diff(&right, &left)));
        }
    }
}
