//! Statements that the parser does not read, known by the words they begin with.
//!
//! Only those whose first words settle what they do. Everything else that does not parse stays unknown.

use sqlparser::{
    ast::{Ident, ObjectName},
    tokenizer::Span,
};

use super::{
    Dialect, actions, create,
    created::{Created, Kind},
    drop,
    effect::Findings,
    settings,
    split::{self, Piece, Token},
};

/// Reads a statement by its first words; false when they do not settle what it does.
pub(super) fn read(
    dialect: Dialect,
    created: &mut Created,
    piece: &Piece<'_>,
    found: &mut Findings,
) -> bool {
    let words = Words::of(piece, dialect);
    if new_table(dialect, created, piece, found) {
        return true;
    }
    match dialect {
        Dialect::Postgres => {
            postgres(&words, found)
                || objects(&words, created, found)
                || actions::read(created, piece, found)
        }
        Dialect::Sqlite => sqlite(&words, created, found),
        Dialect::Mysql => mysql(&words, created, found),
    }
}

/// A statement's tokens without space and comments.
struct Words<'a>(Vec<Token<'a>>);

impl<'a> Words<'a> {
    fn of(piece: &Piece<'a>, dialect: Dialect) -> Words<'a> {
        // A body may follow; the words that matter come first.
        const ENOUGH: usize = 64;
        let tokens = split::tokens(piece.text, dialect)
            .filter(|token| !matches!(token.kind, split::Kind::Space | split::Kind::Comment));
        Words(tokens.take(ENOUGH).collect())
    }

    fn begin(&self, words: &str) -> bool {
        let mut tokens = self.0.iter();
        words
            .split(' ')
            .all(|word| tokens.next().is_some_and(|token| token.is(word)))
    }

    fn have(&self, word: &str) -> bool {
        self.0.iter().any(|token| token.is(word))
    }

    /// The name that begins here, with its schema.
    fn name(&self, mut index: usize) -> ObjectName {
        let mut parts = object(self.at(index)).0;
        while self.at(index + 1) == "." {
            index += 2;
            parts.extend(object(self.at(index)).0);
        }
        ObjectName(parts)
    }

    fn at(&self, index: usize) -> &'a str {
        self.0.get(index).map_or("", |token| token.text)
    }
}

/// `CREATE TABLE name (…` with something in it that the parser does not know. The table is new all the same; a
/// partition is not read here, because it locks its table.
fn new_table(
    dialect: Dialect,
    created: &mut Created,
    piece: &Piece<'_>,
    found: &mut Findings,
) -> bool {
    let tokens: Vec<Token<'_>> = split::tokens(piece.text, dialect)
        .filter(|token| !matches!(token.kind, split::Kind::Space | split::Kind::Comment))
        .collect();
    let mut rest = tokens.as_slice();
    let mut skip = |words: &[&str]| {
        let is =
            rest.len() >= words.len() && rest.iter().zip(words).all(|(one, word)| one.is(word));
        rest = if is { &rest[words.len()..] } else { rest };
        is
    };
    if !skip(&["create"]) {
        return false;
    }
    let _ = skip(&["temp"]) || skip(&["temporary"]) || skip(&["unlogged"]);
    if !skip(&["table"]) {
        return false;
    }
    let perhaps_there = skip(&["if", "not", "exists"]);
    let [name, open, ..] = rest else {
        return false;
    };
    let count = |text: &str| tokens.iter().filter(|token| token.text == text).count();
    // What is not closed may hold more than the table.
    let has = |word: &str| tokens.iter().any(|token| token.is(word));
    let writes = has("insert") || has("update") || has("delete");
    let queries = has("select") || (writes && has_with(&tokens));
    if open.text != "(" || count("(") != count(")") || queries {
        return false;
    }
    if !perhaps_there {
        created.add(Kind::Table, &object(name.text));
    }
    found.expand("it is new, and no running code uses it");
    true
}

/// Whether a WITH stands outside of all parentheses, where a query may begin with it.
fn has_with(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    tokens.iter().any(|token| {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is("with")
    })
}

fn postgres(words: &Words<'_>, found: &mut Findings) -> bool {
    let concurrently = words.have("concurrently");
    if words.begin("reindex") {
        found.expand("an index changes no answers");
        if !concurrently {
            found
                .blocking("nobody writes the table while its indexes are built anew")
                .remedy("REINDEX … CONCURRENTLY, in a migration of its own that opens with `-- no-transaction`");
        }
    } else if words.begin("refresh materialized view") {
        found.data("the view's rows are computed anew");
        if !concurrently {
            found
                .blocking("nobody reads the view meanwhile")
                .remedy("REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on it");
        }
    } else if words.begin("lock") {
        found.expand("a lock until the end of the transaction");
        found.blocking("others wait for the table until the migration ends");
    } else if words.begin("cluster") || words.begin("vacuum full") {
        found.expand("how rows are stored, and not what they are");
        found.blocking("the table is rewritten, and nobody reads or writes it meanwhile");
    } else if words.begin("vacuum") && !words.have("full") || words.begin("analyze") {
        found.expand("how rows are stored and looked for, and not what they are");
    } else if words.begin("drop index concurrently") {
        let name = 3 + if words.begin("drop index concurrently if exists") {
            2
        } else {
            0
        };
        drop::index(Dialect::Postgres, words.at(name), true, found);
    } else if words.begin("create statistics")
        || words.begin("create publication")
        || words.begin("create function")
        || words.begin("create procedure")
    {
        found.expand("it is new, and no running code uses it");
    } else if words.begin("create or replace function")
        || words.begin("create or replace procedure")
    {
        create::replaced_body(&words.name(4), found);
    } else if words.begin("drop statistics") {
        found.expand("how rows are looked for, and not what they are");
    } else if words.begin("alter trigger") {
        found.expand("no statement names a trigger");
    } else if words.begin("do") {
        found
            .unknown("a block of code that is not looked into")
            .remedy("read the block, and declare what it does");
    } else if words.begin("alter table") && words.have("detach") && words.have("partition") {
        found.contract("old code that reads the whole table no longer sees the partition's rows");
        if !concurrently {
            found
                .blocking("the table is locked for everybody, behind whoever reads it now")
                .remedy("DETACH PARTITION … CONCURRENTLY");
        }
    } else {
        return false;
    }
    true
}

/// Sequences and routines, which the parser does not alter.
fn objects(words: &Words<'_>, created: &mut Created, found: &mut Findings) -> bool {
    let temporary = words.begin("create temp sequence") || words.begin("create temporary sequence");
    if words.begin("create sequence") || temporary {
        let name = if temporary { 3 } else { 2 };
        if !words.begin("create sequence if not exists") {
            created.add(Kind::Sequence, &words.name(name));
        }
        found.expand("it is new, and no running code uses it");
        return true;
    }
    if words.begin("alter sequence") {
        let name = if words.begin("alter sequence if exists") {
            4
        } else {
            2
        };
        let name = words.name(name);
        return alter_sequence(words, &name, created, found);
    }
    let routine = ["function", "procedure", "routine", "aggregate"]
        .iter()
        .any(|kind| words.begin("alter") && words.0.get(1).is_some_and(|word| word.is(kind)));
    if !routine {
        return false;
    }
    // After the arguments, whose types may have any name.
    let closed = words.0.iter().rposition(|token| token.text == ")");
    let after = &words.0[closed.map_or(2, |closed| closed + 1)..];
    let has = |word: &str| after.iter().any(|token| token.is(word));
    if has("rename") || has("schema") {
        found
            .contract(format!("old code that calls {} is refused", words.name(2)))
            .remedy("create it under the new name beside the old one, and drop the old one in a later release");
    } else if has("owner") {
        found.contract("a role that had its rights by owning it loses them");
    } else {
        return false;
    }
    true
}

fn alter_sequence(
    words: &Words<'_>,
    name: &ObjectName,
    created: &mut Created,
    found: &mut Findings,
) -> bool {
    let any = |list: &[&str]| list.iter().any(|word| words.have(word));
    if created.has(Kind::Sequence, name) {
        if any(&["rename", "schema"]) {
            created.remove(Kind::Sequence, name);
        }
        found.expand(format!(
            "this file created {name}, and no running code uses it"
        ));
    } else if any(&["rename", "schema"]) {
        found
            .contract(format!("old code that counts with {name} by its name is refused"))
            .remedy("columns that count with it follow the new name: if no code names it, declare `expand`");
    } else if any(&["owner"]) {
        found.contract("a role that had its rights by owning the sequence loses them");
    } else if any(&["increment", "minvalue", "maxvalue", "cycle", "as"]) {
        found.contract(format!("old code gets other numbers from {name}, or none"));
    } else if any(&["restart"]) {
        found.data("a sequence counts from another number on");
    } else if any(&["owned", "cache", "start"]) {
        found.expand("how the sequence is kept, and not what it counts");
    } else {
        return false;
    }
    true
}

fn sqlite(words: &Words<'_>, created: &Created, found: &mut Findings) -> bool {
    if words.begin("reindex") || words.begin("vacuum") && !words.have("into") {
        found.expand("how rows are stored and looked for, and not what they are");
        found.blocking("other writers wait until it is done");
    } else if words.begin("analyze") {
        found.expand("how rows are looked for, and not what they are");
    } else if words.begin("pragma") {
        let name = if words.at(2) == "." { 3 } else { 1 };
        let sets = matches!(words.at(name + 1), "=" | "(");
        settings::pragma(words.at(name), sets, found);
    } else if words.begin("create virtual table") {
        found.expand("it is new, and no running code uses it");
    } else if is_trigger(words) {
        trigger(words, created, found);
    } else {
        return false;
    }
    true
}

fn mysql(words: &Words<'_>, created: &Created, found: &mut Findings) -> bool {
    if is_trigger(words) {
        trigger(words, created, found);
    } else if words.begin("create procedure") || words.begin("create function") {
        found.expand("it is new, and no running code uses it");
    } else if words.begin("create fulltext index") || words.begin("create spatial index") {
        found.expand("an index changes no answers");
        found.blocking("nobody writes the table while this kind of index is built");
    } else if words.begin("create event") {
        found.unknown("it runs by itself a body that is not looked into");
    } else if words.begin("optimize table") || words.begin("optimize no_write_to_binlog table") {
        found.expand("how rows are stored, and not what they are");
        found.blocking("the table is rebuilt; others wait for it where it cannot be done in place");
    } else if words.begin("analyze table") {
        found.expand("how rows are looked for, and not what they are");
    } else {
        return false;
    }
    true
}

/// `CREATE [TEMP] TRIGGER`, or MySQL's with a definer; never a replaced one, of which nothing is known.
fn is_trigger(words: &Words<'_>) -> bool {
    words.begin("create trigger")
        || words.begin("create temp trigger")
        || words.begin("create temporary trigger")
        || (words.begin("create definer") && words.have("trigger"))
}

/// The table's name follows the first ON.
fn trigger(words: &Words<'_>, created: &Created, found: &mut Findings) {
    let on = words.0.iter().position(|token| token.is("on"));
    let name = on.map_or("", |on| words.at(on + 1));
    let qualified = on.is_some_and(|on| words.at(on + 2) == ".");
    let table = object(name);
    let own = !qualified && created.has(Kind::Table, &table);
    create::body_of_trigger(&table, own, found);
}

/// A name as it is written, in quotes or without.
fn object(name: &str) -> ObjectName {
    let quotes = ['"', '`', '[', ']'];
    ObjectName::from(vec![Ident {
        value: name.trim_matches(quotes).to_owned(),
        quote_style: name.chars().next().filter(|first| quotes.contains(first)),
        span: Span::empty(),
    }])
}
