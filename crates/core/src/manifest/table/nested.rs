//! Reads tables, tables by name, and lists of tables.

use toml::{
    Spanned,
    de::{DeString, DeValue},
};

use super::{At, Table, Value, words::join};
use crate::manifest::{
    format::Format,
    keys::{Kind, TableSpec},
};

impl<'a> Table<'a> {
    /// A table, if it is written.
    pub(in crate::manifest) fn table(&self, name: &str) -> Option<Table<'a>> {
        let Kind::Table(spec) = self.key(name).kind else {
            unreachable!("`{name}` is read as what it is")
        };
        let place = self.place_of(name);
        self.wanted(name)
            .map(|value| Table::open(value, spec, place, self.report))
    }

    /// A table that is not written, to read its defaults from.
    pub(in crate::manifest) fn absent(&self, name: &str) -> Table<'a> {
        let Kind::Table(spec) = self.key(name).kind else {
            unreachable!("`{name}` is read as what it is")
        };
        self.empty(spec)
    }

    fn empty(&self, spec: &'static TableSpec) -> Table<'a> {
        Table {
            spec,
            entries: None,
            place: String::new(),
            span: self.span.clone(),
            report: self.report,
        }
    }

    /// Tables by name, in the text's order; all of them, so that references to a broken one are not also refused.
    pub(in crate::manifest) fn tables(&self, name: &str) -> Vec<(At<String>, Table<'a>)> {
        let key = self.key(name);
        let Kind::Tables(format, spec) = key.kind else {
            unreachable!("`{name}` is read as what it is")
        };
        let place = self.place_of(name);
        let open = |(key, value): (&'a Spanned<DeString<'a>>, &'a Value<'a>)| {
            let named = key.get_ref().clone().into_owned();
            if let Err(fault) = format.check(&named) {
                self.fault(&key.span(), fault);
            }
            let place = join(&place, &named);
            let table = Table::open(value, spec, place, self.report);
            (At::new(named, key.span()), table)
        };
        self.entries_of(name).into_iter().map(open).collect()
    }

    /// The entries of a table whose keys are free.
    fn entries_of(&self, name: &str) -> Vec<(&'a Spanned<DeString<'a>>, &'a Value<'a>)> {
        let Some(value) = self.wanted(name) else {
            return Vec::new();
        };
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong_type(self.key(name), value);
            return Vec::new();
        };
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    /// A list of tables.
    pub(in crate::manifest) fn list(&self, name: &str) -> Vec<Table<'a>> {
        let key = self.key(name);
        let Kind::List(spec) = key.kind else {
            unreachable!("`{name}` is read as what it is")
        };
        let open = |item| Table::open(item, spec, self.place_of(name), self.report);
        self.items(name).iter().map(open).collect()
    }

    /// A list of commands, each a text, read beside an absent table, or a table.
    pub(in crate::manifest) fn commands(&self, name: &str) -> Vec<(Option<String>, Table<'a>)> {
        let key = self.key(name);
        let Kind::Commands(spec) = key.kind else {
            unreachable!("`{name}` is read as what it is")
        };
        let read = |item: &'a Value<'a>| match item.get_ref() {
            DeValue::String(text) => self
                .formatted(Format::Filled, text.clone().into_owned(), item.span())
                .map(|line| (Some(line.value), self.empty(spec))),
            DeValue::Table(_) => {
                let table = Table::open(item, spec, self.place_of(name), self.report);
                Some((None, table))
            }
            _ => {
                self.wrong_type(key, item);
                None
            }
        };
        self.items(name).iter().filter_map(read).collect()
    }

    fn items(&self, name: &str) -> &'a [Value<'a>] {
        let Some(value) = self.wanted(name) else {
            return &[];
        };
        match value.get_ref().as_array() {
            Some(items) => items,
            None => {
                self.wrong_type(self.key(name), value);
                &[]
            }
        }
    }

    /// Values by the names of variables, as the texts that processes get.
    pub(in crate::manifest) fn variables(&self, name: &str) -> Vec<(At<String>, At<String>)> {
        let read = |(key, value): (&'a Spanned<DeString<'a>>, &'a Value<'a>)| {
            if let Err(fault) = Format::Variable.check(key.get_ref()) {
                self.fault(&key.span(), fault);
            }
            let named = At::new(key.get_ref().clone().into_owned(), key.span());
            self.variable(value)
                .map(|text| (named, At::new(text, value.span())))
        };
        self.entries_of(name).into_iter().filter_map(read).collect()
    }
}
