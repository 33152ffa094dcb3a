//! One statement that changes the rows of a table, and how it is said of a range of the table's key alone.
//!
//! The range is put into the statement's text beside its own condition. That the text then says just that, and nothing
//! else, is compared with what the parser made of both.

mod words;

use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Delete, Expr, FromTable, GroupByExpr, Ident, Insert,
    JoinOperator, ObjectName, ObjectNamePart, Query, Select, SetExpr, Statement, TableFactor,
    TableObject, TableWithJoins, Update, UpdateTableFromKind,
};

use super::{
    Dialect, on_a_stack_of_its_own,
    parse::parse,
    split::{Piece, split},
};
use words::{cut, looks_at_all, reads};

const FORM: &str = "it is not one UPDATE, DELETE, or INSERT … SELECT";
const TABLE: &str = "the rows it goes over are not those of one table";
const READS_ITSELF: &str = "it reads the table that it changes, of which a part is changed by then";
const WHOLE: &str = "it looks at all rows at once: GROUP BY, DISTINCT, ORDER BY, LIMIT, a union, an aggregate or a window";
const ANSWERS: &str = "it answers with rows";
const UNREAD: &str = "it cannot be read, so that nobody can tell its ranges";

/// A statement that can be run over ranges of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backfill<'a> {
    /// The table whose rows it goes over, as it is written.
    pub(crate) table: String,
    /// The parts of its name, without quotes: the schema's, where it is there, and its own.
    pub(crate) parts: Vec<String>,
    /// What its columns are called by in the statement.
    pub(crate) qualifier: String,
    /// The columns of it that get values, without quotes.
    pub(crate) assigned: Vec<String>,
    /// The parts of the name of the table that it changes, where that is another.
    pub(crate) into: Option<Vec<String>>,
    /// The line of its first word, from 1.
    pub(crate) line: usize,
    /// The statement as it is written.
    pub(crate) text: &'a str,
    /// What comes before its condition, the condition, and what comes after it.
    head: &'a str,
    condition: Option<&'a str>,
    tail: &'a str,
}

impl<'a> Backfill<'a> {
    /// Reads a script that is to be run in ranges, or says why it cannot be.
    pub(crate) fn read(sql: &'a str, dialect: Dialect) -> Result<Backfill<'a>, &'static str> {
        on_a_stack_of_its_own(|| read(sql, dialect)).unwrap_or(Err(UNREAD))
    }

    /// The statement for a range of rows, which is SQL that follows `WHERE`.
    pub(crate) fn within(&self, range: &str) -> String {
        let Backfill { head, tail, .. } = self;
        match self.condition {
            // Behind a condition may stand a comment, which the end of its line ends.
            Some(condition) => format!("{head} WHERE ({range}) AND ({condition}\n) {tail}"),
            None => format!("{head} WHERE ({range}) {tail}"),
        }
    }
}

fn read(sql: &str, dialect: Dialect) -> Result<Backfill<'_>, &'static str> {
    let mut pieces = split(sql, dialect);
    let (Some(piece), None) = (pieces.next(), pieces.next()) else {
        return Err(FORM);
    };
    let mut statement = parse(&piece, dialect).map_err(|_| UNREAD)?;
    let (table, assigned) = match &statement {
        Statement::Update(update) => update_of(update)?,
        Statement::Delete(delete) => delete_of(delete)?,
        Statement::Insert(insert) => insert_of(insert)?,
        _ => return Err(FORM),
    };
    let (name, qualifier) = named(table)?;
    let parts = parts(name)?;
    let own = parts.last().map_or("", String::as_str);
    let is_into = |insert| {
        into(insert).is_none_or(|into| {
            into.last()
                .is_none_or(|name| name.eq_ignore_ascii_case(own))
        })
    };
    let reads_into = |insert| {
        let into = into(insert).and_then(|mut into| into.pop());
        into.is_some_and(|into| reads(&piece, dialect, &into) > 0)
    };
    match &statement {
        Statement::Insert(insert) if is_into(insert) || reads_into(insert) => {
            return Err(READS_ITSELF);
        }
        Statement::Insert(_) if looks_at_all(&piece, dialect) => return Err(WHOLE),
        Statement::Insert(_) => {}
        Statement::Delete(_) if reads(&piece, dialect, own) > 1 => return Err(READS_ITSELF),
        Statement::Update(_) if reads(&piece, dialect, own) > 0 => return Err(READS_ITSELF),
        _ => {}
    }
    let (head, condition, tail) = cut(&piece, dialect);
    let backfill = Backfill {
        table: name.to_string(),
        into: match &statement {
            Statement::Insert(insert) => into(insert),
            _ => None,
        },
        parts,
        qualifier,
        assigned,
        line: piece.line,
        text: piece.text,
        head,
        condition,
        tail,
    };
    prove(&backfill, &mut statement, dialect)?;
    Ok(backfill)
}

/// That the text with a range in it is the statement with that range beside its condition.
fn prove(
    backfill: &Backfill<'_>,
    statement: &mut Statement,
    dialect: Dialect,
) -> Result<(), &'static str> {
    const RANGE: &str = "towpath_range";
    let text = backfill.within(RANGE);
    let piece = Piece {
        line: 1,
        text: &text,
    };
    let said = parse(&piece, dialect).map_err(|_| UNREAD)?;
    let place = match statement {
        Statement::Update(update) => &mut update.selection,
        Statement::Delete(delete) => &mut delete.selection,
        Statement::Insert(insert) => {
            match insert.source.as_deref_mut().map(|query| &mut *query.body) {
                Some(SetExpr::Select(select)) => &mut select.selection,
                _ => return Err(FORM),
            }
        }
        _ => return Err(FORM),
    };
    let range = Expr::Nested(Box::new(Expr::Identifier(Ident::new(RANGE))));
    *place = Some(match place.take() {
        None => range,
        Some(condition) => Expr::BinaryOp {
            left: Box::new(range),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(condition))),
        },
    });
    match said == *statement {
        true => Ok(()),
        false => Err(UNREAD),
    }
}

type Found<'s> = (&'s TableFactor, Vec<String>);

fn update_of(update: &Update) -> Result<Found<'_>, &'static str> {
    let Update {
        table,
        assignments,
        from,
        returning,
        output,
        order_by,
        limit,
        ..
    } = update;
    if returning.is_some() || output.is_some() {
        return Err(ANSWERS);
    }
    if !order_by.is_empty() || limit.is_some() {
        return Err(WHOLE);
    }
    if !table.joins.is_empty() || matches!(from, Some(UpdateTableFromKind::BeforeSet(_))) {
        return Err(TABLE);
    }
    let mut assigned = Vec::new();
    for assignment in assignments {
        let targets = match &assignment.target {
            AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
            AssignmentTarget::Tuple(names) => names.as_slice(),
        };
        for target in targets {
            assigned.extend(parts(target)?.pop());
        }
    }
    Ok((&table.relation, assigned))
}

fn delete_of(delete: &Delete) -> Result<Found<'_>, &'static str> {
    let Delete {
        tables,
        from,
        using,
        returning,
        output,
        order_by,
        limit,
        ..
    } = delete;
    if returning.is_some() || output.is_some() {
        return Err(ANSWERS);
    }
    if !order_by.is_empty() || limit.is_some() {
        return Err(WHOLE);
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = from;
    match from.as_slice() {
        [TableWithJoins { relation, joins }]
            if joins.is_empty() && tables.is_empty() && using.is_none() =>
        {
            Ok((relation, Vec::new()))
        }
        _ => Err(TABLE),
    }
}

fn insert_of(insert: &Insert) -> Result<Found<'_>, &'static str> {
    if insert.returning.is_some() || insert.output.is_some() {
        return Err(ANSWERS);
    }
    let Query {
        with,
        body,
        order_by,
        limit_clause,
        fetch,
        locks,
        ..
    } = insert.source.as_deref().ok_or(FORM)?;
    if order_by.is_some() || limit_clause.is_some() || fetch.is_some() {
        return Err(WHOLE);
    }
    if with.is_some() || !locks.is_empty() {
        return Err(FORM);
    }
    let select = match body.as_ref() {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { .. } => return Err(WHOLE),
        _ => return Err(FORM),
    };
    let Select {
        distinct,
        from,
        group_by,
        having,
        named_window,
        qualify,
        into,
        ..
    } = select.as_ref();
    let groups = !matches!(group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    if distinct.is_some()
        || groups
        || having.is_some()
        || qualify.is_some()
        || !named_window.is_empty()
    {
        return Err(WHOLE);
    }
    let [TableWithJoins { relation, joins }] = from.as_slice() else {
        return Err(TABLE);
    };
    // Every row of the answer has one of the table: the others would come with each range.
    let keeps = joins.iter().all(|join| {
        matches!(
            join.join_operator,
            JoinOperator::Join(_)
                | JoinOperator::Inner(_)
                | JoinOperator::Left(_)
                | JoinOperator::LeftOuter(_)
                | JoinOperator::CrossJoin(_)
                | JoinOperator::StraightJoin(_)
        )
    });
    if !keeps || into.is_some() {
        return Err(TABLE);
    }
    Ok((relation, Vec::new()))
}

/// A table's name, and what its columns are called by.
fn named(table: &TableFactor) -> Result<(&ObjectName, String), &'static str> {
    let TableFactor::Table {
        name,
        alias,
        args: None,
        version: None,
        with_ordinality: false,
        partitions,
        sample: None,
        ..
    } = table
    else {
        return Err(TABLE);
    };
    if !partitions.is_empty() {
        return Err(TABLE);
    }
    let own = name.0.last().map(ToString::to_string).ok_or(TABLE)?;
    let alias = alias.as_ref().map(|alias| alias.name.to_string());
    Ok((name, alias.unwrap_or(own)))
}

fn parts(name: &ObjectName) -> Result<Vec<String>, &'static str> {
    let part = |part: &ObjectNamePart| part.as_ident().map(|ident| ident.value.clone());
    name.0.iter().map(part).collect::<Option<_>>().ok_or(TABLE)
}

/// The table that rows are added to.
fn into(insert: &Insert) -> Option<Vec<String>> {
    match &insert.table {
        TableObject::TableName(name) => parts(name).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 3] = [Dialect::Postgres, Dialect::Sqlite, Dialect::Mysql];

    fn within(sql: &str, dialect: Dialect) -> String {
        let read = Backfill::read(sql, dialect).unwrap_or_else(|why| panic!("{sql}: {why}"));
        read.within("t.id > 5").replace('\n', " ")
    }

    #[test]
    fn a_range_stands_beside_the_condition() {
        for dialect in ALL {
            let cases = [
                (
                    "-- towpath: data, batch = 10\nUPDATE t SET x = x + 1;",
                    "UPDATE t SET x = x + 1 WHERE (t.id > 5) ",
                ),
                (
                    "update t set x = (select max(y) from o where o.id = t.id) where a or b -- why",
                    "update t set x = (select max(y) from o where o.id = t.id)  WHERE (t.id > 5) AND ( a or b ) ",
                ),
                (
                    "DELETE FROM t WHERE a = 'WHERE' OR b IN (SELECT c FROM o WHERE d)",
                    "DELETE FROM t  WHERE (t.id > 5) AND ( a = 'WHERE' OR b IN (SELECT c FROM o WHERE d) ) ",
                ),
                (
                    "INSERT INTO o (a, b) SELECT t.a, count_of(t.b) FROM t LEFT JOIN p ON p.id = t.p WHERE t.a > 0",
                    "INSERT INTO o (a, b) SELECT t.a, count_of(t.b) FROM t LEFT JOIN p ON p.id = t.p  WHERE (t.id > 5) AND ( t.a > 0 ) ",
                ),
                (
                    "INSERT INTO o SELECT id, (SELECT count(*) FROM p) FROM t",
                    "INSERT INTO o SELECT id, (SELECT count(*) FROM p) FROM t WHERE (t.id > 5) ",
                ),
            ];
            for (sql, expected) in cases {
                assert_eq!(within(sql, dialect), expected, "{dialect:?}");
            }
        }
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            assert_eq!(
                within(
                    "UPDATE t AS a SET x = o.y FROM o WHERE o.id = a.id",
                    dialect
                ),
                "UPDATE t AS a SET x = o.y FROM o  WHERE (t.id > 5) AND ( o.id = a.id ) "
            );
            assert_eq!(
                within(
                    "INSERT INTO o SELECT * FROM t WHERE true ON CONFLICT DO NOTHING",
                    dialect
                ),
                "INSERT INTO o SELECT * FROM t  WHERE (t.id > 5) AND ( true  ) ON CONFLICT DO NOTHING"
            );
        }
        assert_eq!(
            within(
                "INSERT INTO o SELECT * FROM t ON DUPLICATE KEY UPDATE a = 1",
                Dialect::Mysql
            ),
            "INSERT INTO o SELECT * FROM t  WHERE (t.id > 5) ON DUPLICATE KEY UPDATE a = 1"
        );
    }

    #[test]
    fn a_table_is_called_by_its_alias() {
        let read = |sql| Backfill::read(sql, Dialect::Postgres).unwrap();
        let plain = read("UPDATE app.\"Boats\" SET x = 1, (y, z) = (2, 3)");
        assert_eq!(plain.table, "app.\"Boats\"");
        assert_eq!(plain.parts, ["app", "Boats"]);
        assert_eq!(plain.qualifier, "\"Boats\"");
        assert_eq!(plain.assigned, ["x", "y", "z"]);
        assert_eq!(read("UPDATE boats AS b SET x = 1").qualifier, "b");
        assert_eq!(read("DELETE FROM boats b WHERE x").qualifier, "b");
    }

    #[test]
    fn what_ranges_would_change_the_meaning_of_is_refused() {
        let cases = [
            ("", FORM),
            ("UPDATE t SET x = 1; UPDATE t SET y = 1", FORM),
            ("SELECT 1", FORM),
            ("INSERT INTO t VALUES (1)", FORM),
            ("CREATE TABLE t (id int)", FORM),
            ("TRUNCATE t", FORM),
            ("WITH a AS (SELECT 1) UPDATE t SET x = 1", FORM),
            ("UPDATE t SET x = (SELECT max(x) FROM t)", READS_ITSELF),
            (
                "UPDATE t SET x = 1 WHERE id IN (SELECT id FROM o, \"T\")",
                READS_ITSELF,
            ),
            (
                "UPDATE t SET x = 1 WHERE EXISTS (SELECT 1 FROM o JOIN app.t AS u ON u.id = o.id)",
                READS_ITSELF,
            ),
            (
                "DELETE FROM t WHERE id < (SELECT max(id) FROM t)",
                READS_ITSELF,
            ),
            ("INSERT INTO t SELECT * FROM t", READS_ITSELF),
            (
                "INSERT INTO o SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM o WHERE o.id = t.id)",
                READS_ITSELF,
            ),
            (
                "INSERT INTO app.o SELECT t.id FROM t LEFT JOIN app.\"o\" AS p ON p.id = t.id",
                READS_ITSELF,
            ),
            ("INSERT INTO o SELECT count(*) FROM t", WHOLE),
            (
                "INSERT INTO o SELECT a, row_number() OVER (ORDER BY a) FROM t",
                WHOLE,
            ),
            ("INSERT INTO o SELECT regr_slope(a, b) FROM t", WHOLE),
            ("INSERT INTO o SELECT \"count\"(*) FROM t", WHOLE),
            (
                "INSERT INTO o SELECT ours(a) FILTER (WHERE a > 0) FROM t",
                WHOLE,
            ),
            (
                "INSERT INTO o SELECT ours(0.5) WITHIN GROUP (ORDER BY a) FROM t",
                WHOLE,
            ),
            ("INSERT INTO o SELECT a FROM t GROUP BY a", WHOLE),
            ("INSERT INTO o SELECT DISTINCT a FROM t", WHOLE),
            ("INSERT INTO o SELECT a FROM t ORDER BY a", WHOLE),
            ("INSERT INTO o SELECT a FROM t LIMIT 5", WHOLE),
            ("INSERT INTO o SELECT a FROM t UNION SELECT 1", WHOLE),
            (
                "INSERT INTO o SELECT a FROM u RIGHT JOIN t ON t.id = u.id",
                TABLE,
            ),
            ("INSERT INTO o SELECT a FROM (SELECT 1 AS a) AS s", TABLE),
            ("INSERT INTO o SELECT a FROM t, u", TABLE),
            ("UPDATE t SET x = ", UNREAD),
        ];
        for (sql, expected) in cases {
            assert_eq!(
                Backfill::read(sql, Dialect::Postgres).err(),
                Some(expected),
                "{sql}"
            );
        }
        for sql in [
            "UPDATE t SET x = 1 RETURNING id",
            "DELETE FROM t RETURNING id",
        ] {
            assert_eq!(
                Backfill::read(sql, Dialect::Postgres).err(),
                Some(ANSWERS),
                "{sql}"
            );
        }
        for sql in [
            "UPDATE t SET x = 1 ORDER BY id LIMIT 5",
            "DELETE FROM t LIMIT 5",
        ] {
            assert_eq!(
                Backfill::read(sql, Dialect::Mysql).err(),
                Some(WHOLE),
                "{sql}"
            );
        }
        let joined = "UPDATE t JOIN o ON o.id = t.id SET t.x = 1";
        assert_eq!(Backfill::read(joined, Dialect::Mysql).err(), Some(TABLE));
    }
}
