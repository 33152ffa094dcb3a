//! Reads the keys of configuration, and whose keys open secret files.

use super::values;
use crate::{
    config::Type,
    manifest::{
        Handed, Recipient,
        table::{At, Table},
        written::{ConfigKey, Name},
    },
};

pub(super) fn keys(root: &Table<'_>) -> Vec<ConfigKey> {
    let tables = root.tables("config").into_iter();
    tables.map(|(name, table)| key(name, &table)).collect()
}

fn key(name: Name, table: &Table<'_>) -> ConfigKey {
    let word = table.plain("type");
    let handed = match table.plain("as").as_deref() {
        Some("file") => Handed::File,
        _ => Handed::Variable,
    };
    ConfigKey {
        name,
        value_type: word.and_then(|word| Type::named(&word)).unwrap_or_default(),
        description: table.plain("description"),
        required: table.boolean("required"),
        default: table.scalar("default"),
        example: table.scalar("example"),
        values: table.written("values").map(|span| {
            let allowed = table.texts("values");
            At::new(values(allowed), span)
        }),
        secret: table.boolean("secret").is_some_and(|said| said.value),
        services: table.texts("services"),
        handed,
        previous: table.text("previous"),
    }
}

pub(super) fn recipients(root: &Table<'_>) -> Vec<(Name, Recipient)> {
    let read = |(name, table): (Name, Table<'_>)| {
        let recipient = Recipient {
            age: table.plain("age").unwrap_or_default(),
            person: table.plain("person").map(|person| person.to_lowercase()),
        };
        (name, recipient)
    };
    root.tables("recipients").into_iter().map(read).collect()
}
