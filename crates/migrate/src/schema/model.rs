//! The value of a schema: objects by name, each in parts that can be compared, with the SQL that makes it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    Name, Sql,
    parts::{Part, PartOf, unique},
};
use crate::{classify::Dialect, digest};

/// Everything that a database holds but rows. Two are equal when there is no [difference](crate::schema::diff).
#[derive(Debug, Clone, Serialize)]
pub struct Schema {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// Its tables.
    pub tables: BTreeMap<Name, Table>,
    /// Everything else.
    pub objects: BTreeMap<ObjectKey, Object>,
}

impl Schema {
    /// A schema without anything.
    pub fn empty(dialect: Dialect) -> Schema {
        Schema {
            dialect,
            tables: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// SHA-256 of what it holds: the same for schemas without a [difference](crate::schema::diff).
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for (key, parts) in self.parts() {
            for part in parts {
                // Lengths, so that no text can pass for two.
                let (name, sql) = (&part.name, &part.normal);
                text += &format!(
                    "{key}\t{:?}\t{}:{name}\t{}:{sql}\n",
                    part.part,
                    name.len(),
                    sql.len()
                );
            }
        }
        digest::sha256(text.as_bytes())
    }

    /// Every object with what makes it up, in the order of kinds and names.
    pub(crate) fn parts(&self) -> BTreeMap<ObjectKey, Vec<PartOf>> {
        let tables = self
            .tables
            .values()
            .map(|table| (table.key(), table.parts()));
        let objects = self
            .objects
            .iter()
            .map(|(key, object)| (key.clone(), object.parts()));
        tables.chain(objects).collect()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Schema) -> bool {
        self.dialect == other.dialect && self.parts() == other.parts()
    }
}

impl Eq for Schema {}

/// What kind of object something is. In the order in which differences are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A namespace of PostgreSQL, which calls it schema.
    Namespace,
    /// An extension of PostgreSQL.
    Extension,
    /// An enumeration.
    Enumeration,
    /// A domain, a composite type or a range.
    Type,
    /// A sequence that is not a column's identity.
    Sequence,
    /// A table with rows of its own.
    Table,
    /// A table that a module of SQLite keeps.
    VirtualTable,
    /// A view.
    View,
    /// A view with rows of its own.
    MaterializedView,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// An aggregate function.
    Aggregate,
    /// A trigger.
    Trigger,
    /// A rule of PostgreSQL on a table or view.
    Rule,
    /// A policy on a table's rows.
    Policy,
    /// A scheduled event of MySQL.
    Event,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Namespace => "namespace",
            Kind::Extension => "extension",
            Kind::Enumeration => "enumeration",
            Kind::Type => "type",
            Kind::Sequence => "sequence",
            Kind::Table => "table",
            Kind::VirtualTable => "virtual table",
            Kind::View => "view",
            Kind::MaterializedView => "materialized view",
            Kind::Function => "function",
            Kind::Procedure => "procedure",
            Kind::Aggregate => "aggregate",
            Kind::Trigger => "trigger",
            Kind::Rule => "rule",
            Kind::Policy => "policy",
            Kind::Event => "event",
        })
    }
}

/// What an object is called, and what it is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// What tells it from others of its name: the types of a function's arguments, the table that a trigger is on where
    /// names of triggers are the tables' own.
    pub apart: String,
}

impl ObjectKey {
    pub(crate) fn new(kind: Kind, name: Name) -> ObjectKey {
        let apart = String::new();
        ObjectKey { kind, name, apart }
    }

    /// Its name, with what tells it from others.
    pub fn title(&self) -> String {
        match self.kind {
            Kind::Function | Kind::Procedure | Kind::Aggregate => {
                format!("{}({})", self.name, self.apart)
            }
            _ if self.apart.is_empty() => self.name.to_string(),
            _ => format!("{} on {}", self.name.as_str(), self.apart),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.title())
    }
}

impl Serialize for ObjectKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A table.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// Its name.
    pub name: Name,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// Its keys and checks, in the order in which they are kept.
    pub constraints: Vec<Constraint>,
    /// Its indexes, without those that a constraint makes.
    pub indexes: BTreeMap<Name, Index>,
    /// What else is said of it: `strict`, `engine`, `partition by`, ….
    pub options: BTreeMap<String, String>,
    /// The statement that makes it, where the engine keeps one.
    pub definition: Option<String>,
}

impl Table {
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::new(Kind::Table, self.name.clone())
    }

    /// The column of this name.
    pub fn column(&self, name: &Name) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == *name)
    }

    fn parts(&self) -> Vec<PartOf> {
        let columns = self
            .columns
            .iter()
            .map(|column| PartOf::of(Part::Column, &column.name, &column.definition));
        let constraints = self.constraints.iter().map(Constraint::part);
        let indexes = self
            .indexes
            .values()
            .map(|index| PartOf::of(Part::Index, &index.name, &index.definition));
        let options = self.options.iter().map(|(name, value)| PartOf {
            part: Part::Option,
            name: name.clone(),
            shown: name.clone(),
            written: value.clone(),
            normal: value.clone(),
        });
        // A table without any part is there all the same.
        let existence = [PartOf::existence(&self.name)].into_iter();
        unique(
            existence
                .chain(columns)
                .chain(constraints)
                .chain(indexes)
                .chain(options)
                .collect(),
        )
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: Name,
    /// Its type, as SQL; empty where SQLite has none.
    #[serde(rename = "type")]
    pub data_type: Sql,
    /// Whether it may be NULL, by its own declaration.
    pub nullable: bool,
    /// What it is where nothing is given, as SQL.
    pub default: Option<Sql>,
    /// What it is computed from.
    pub generated: Option<Generated>,
    /// How it numbers its rows: `AUTO_INCREMENT`, `GENERATED ALWAYS AS IDENTITY`, ….
    pub identity: Option<String>,
    /// How its text is compared, where that is not the default.
    pub collation: Option<String>,
    /// All of it as in a `CREATE TABLE`, without its name and what is a [`Constraint`].
    pub definition: Sql,
}

/// What a column is computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generated {
    /// The expression.
    pub expression: Sql,
    /// Whether the value is kept with the row.
    pub stored: bool,
}

/// What a constraint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstraintKind {
    /// `PRIMARY KEY`
    PrimaryKey,
    /// `UNIQUE`
    Unique,
    /// `EXCLUDE`
    Exclusion,
    /// `CHECK`
    Check,
    /// `FOREIGN KEY`
    ForeignKey,
}

/// A key or a check of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Constraint {
    /// Its name, where it has one.
    pub name: Option<Name>,
    /// What it asks for.
    pub kind: ConstraintKind,
    /// All of it as in a `CREATE TABLE`, as a constraint of the table and without its name.
    pub definition: Sql,
    /// The columns that a key consists of.
    pub columns: Vec<Name>,
    /// The table that it refers to.
    pub refers_to: Option<Name>,
    /// The column in whose definition it is written.
    pub of_column: Option<Name>,
}

impl Constraint {
    fn part(&self) -> PartOf {
        let part = match self.kind {
            ConstraintKind::PrimaryKey => Part::PrimaryKey,
            ConstraintKind::Unique => Part::Unique,
            ConstraintKind::Exclusion => Part::Exclusion,
            ConstraintKind::Check => Part::Check,
            ConstraintKind::ForeignKey => Part::ForeignKey,
        };
        match &self.name {
            Some(name) => PartOf::of(part, name, &self.definition),
            // One without a name is what it says. Of primary keys there is but one.
            None => PartOf {
                part,
                name: match part {
                    Part::PrimaryKey => String::new(),
                    _ => self.definition.normal().to_owned(),
                },
                shown: String::new(),
                written: self.definition.to_string(),
                normal: self.definition.normal().to_owned(),
            },
        }
    }
}

/// An index that is not a constraint's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Index {
    /// Its name.
    pub name: Name,
    /// The statement that makes it, or in MySQL the line of the table that does.
    pub definition: Sql,
}

/// Anything but a table.
#[derive(Debug, Clone, Serialize)]
pub struct Object {
    /// What and where it is.
    pub key: ObjectKey,
    /// The table or view that it is on: a trigger's, a rule's, a policy's; the one whose column owns a sequence.
    pub on: Option<Name>,
    /// The statement that makes it.
    pub definition: Sql,
    /// An enumeration's values, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// A materialized view's indexes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<Name, Index>,
    /// What a replacement must leave as it is, or be made anew: a function's result and the names of its arguments, a
    /// view's columns.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shape: String,
}

impl Object {
    pub(crate) fn new(key: ObjectKey, definition: Sql) -> Object {
        Object {
            key,
            on: None,
            definition,
            labels: Vec::new(),
            indexes: BTreeMap::new(),
            shape: String::new(),
        }
    }

    fn parts(&self) -> Vec<PartOf> {
        let definition = PartOf {
            part: Part::Definition,
            name: String::new(),
            shown: String::new(),
            written: self.definition.to_string(),
            normal: self.definition.normal().to_owned(),
        };
        let indexes = self
            .indexes
            .values()
            .map(|index| PartOf::of(Part::Index, &index.name, &index.definition));
        // How a trigger fires is no part of the statement that makes it.
        let state = (self.key.kind == Kind::Trigger && !self.shape.is_empty()).then(|| PartOf {
            part: Part::Option,
            name: "state".into(),
            shown: "state".into(),
            written: self.shape.clone(),
            normal: self.shape.clone(),
        });
        unique(
            [definition]
                .into_iter()
                .chain(state)
                .chain(indexes)
                .collect(),
        )
    }

    /// Whether it is the same as another of its name.
    pub(crate) fn same_as(&self, other: &Object) -> bool {
        self.parts() == other.parts()
    }
}
