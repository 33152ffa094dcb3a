//! A column added to a table that is in use: whether old code may still insert, and whether rows are rewritten.

use sqlparser::ast::{ColumnDef, ColumnOption, GeneratedAs, GeneratedExpressionMode};

use super::{
    Dialect,
    effect::Findings,
    types::{self, Default},
};

/// What a column's definition asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) not_null: bool,
    pub(super) default: Option<Default>,
    /// Whether SQLite takes the default for a new column.
    constant: bool,
    pub(super) primary: bool,
    pub(super) unique: bool,
    pub(super) references: bool,
    pub(super) checked: bool,
    /// Serial, identity or auto increment: the database numbers the rows.
    pub(super) numbered: bool,
    generated: bool,
    stored: bool,
}

impl Asked {
    pub(super) fn of<'a>(
        column: &ColumnDef,
        options: impl Iterator<Item = &'a ColumnOption>,
    ) -> Asked {
        let mut asked = Asked::by_options(options);
        asked.numbered |= types::is_serial(&column.data_type);
        asked
    }

    pub(super) fn by_options<'a>(options: impl Iterator<Item = &'a ColumnOption>) -> Asked {
        let mut asked = Asked {
            not_null: false,
            default: None,
            constant: true,
            primary: false,
            unique: false,
            references: false,
            checked: false,
            numbered: false,
            generated: false,
            stored: false,
        };
        for option in options {
            asked.read(option);
        }
        asked
    }

    fn read(&mut self, option: &ColumnOption) {
        match option {
            ColumnOption::NotNull => self.not_null = true,
            ColumnOption::Default(expression) => {
                self.default = Some(types::default(expression));
                self.constant = types::is_constant(expression);
            }
            ColumnOption::PrimaryKey(_) => self.primary = true,
            ColumnOption::Unique(_) => self.unique = true,
            ColumnOption::ForeignKey(_) => self.references = true,
            ColumnOption::Check(_) => self.checked = true,
            ColumnOption::Identity(_) => self.numbered = true,
            ColumnOption::DialectSpecific(tokens) => {
                self.numbered |= tokens.iter().any(|token| {
                    let word = token.to_string();
                    word.eq_ignore_ascii_case("auto_increment")
                        || word.eq_ignore_ascii_case("autoincrement")
                });
            }
            ColumnOption::Generated {
                generation_expr,
                generation_expr_mode,
                generated_as,
                ..
            } => match generation_expr {
                Some(_) => {
                    self.generated = true;
                    self.stored = *generation_expr_mode == Some(GeneratedExpressionMode::Stored)
                        || *generated_as == GeneratedAs::ExpStored;
                }
                None => self.numbered = true,
            },
            _ => {}
        }
    }

    /// Whether a row that leaves the column out has a value for it.
    fn has_value(&self) -> bool {
        self.numbered
            || self.generated
            || matches!(self.default, Some(Default::Same | Default::PerRow))
    }
}

/// `ADD COLUMN` to a table that is in use.
pub(super) fn add(dialect: Dialect, column: &ColumnDef, found: &mut Findings) {
    let asked = Asked::of(column, column.options.iter().map(|option| &option.option));
    let name = &column.name.value;
    if (asked.not_null || asked.primary) && !asked.has_value() {
        found
            .contract(format!("old code that inserts without `{name}` is refused"))
            .remedy("give it a constant default, or add it without NOT NULL and demand it in a later release");
    } else {
        found.expand(match dialect {
            Dialect::Postgres => "old code does not see the new column",
            // Both refuse an insert with fewer values than columns.
            Dialect::Sqlite | Dialect::Mysql => {
                "old code that names its columns does not see the new one"
            }
        });
    }
    if (asked.unique || asked.primary) && !asked.numbered && asked.default == Some(Default::Same) {
        found
            .contract(format!(
                "every row without `{name}` has the same value, and a second one is refused"
            ))
            .remedy("leave out the default, or the uniqueness");
    }
    match dialect {
        Dialect::Postgres => postgres(&asked, found),
        Dialect::Sqlite => sqlite(&asked, found),
        Dialect::Mysql => mysql(&asked, found),
    }
}

/// From version 11 a default that is one value for all rows is kept beside the table; any other is written into each
/// row under an ACCESS EXCLUSIVE lock, and so are stored generated columns (manual, ALTER TABLE, notes).
fn postgres(asked: &Asked, found: &mut Findings) {
    if asked.numbered || asked.stored || asked.default == Some(Default::PerRow) {
        found
            .blocking("the table is rewritten to give each row its value, and nobody reads or writes it meanwhile")
            .remedy("add the column without it, set the default in a second statement, and fill the rows in batches");
    }
    if asked.unique || asked.primary {
        found
            .blocking("an index is built while nobody reads or writes the table")
            .remedy("add the column alone, build the index CONCURRENTLY, and add the constraint USING INDEX");
    }
    if asked.checked || (asked.references && asked.has_value()) {
        found
            .blocking("every row is checked while others wait for the table")
            .remedy("add the column alone, then the constraint NOT VALID, and validate it in a later migration");
    }
}

/// SQLite's lang_altertable lists what a new column cannot be; it refuses and changes nothing.
fn sqlite(asked: &Asked, found: &mut Findings) {
    if asked.primary || asked.unique || asked.stored {
        found
            .expand("SQLite refuses to add a column that is a key, unique or stored")
            .remedy("add a plain column, and a unique index in a statement of its own");
    }
    if !asked.constant {
        found
            .expand("SQLite refuses a default that is computed when the table has rows")
            .remedy("use a constant default, or none and fill the rows");
    }
}

/// MySQL adds a column at once from 8.0.12, except one that it must fill in (manual, online DDL operations).
fn mysql(asked: &Asked, found: &mut Findings) {
    if asked.numbered {
        found.blocking("the rows are numbered while nobody writes the table");
    } else if asked.stored || asked.default == Some(Default::PerRow) {
        found
            .blocking(
                "the table is copied to give each row its value, and nobody writes it meanwhile",
            )
            .remedy("add the column with a constant default or none, and fill the rows in batches");
    }
    if asked.checked {
        found.blocking("the table is copied to check its rows, and nobody writes it meanwhile");
    }
}
