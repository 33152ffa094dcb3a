//! Reads environments and what each says about databases, services and resources.

use super::checks;
use crate::manifest::{
    Acceptance, NoReturnRule, OnFailure, ParityRule, Resource, UndoRule,
    format::address,
    moment::date,
    table::{At, Table},
    written::{
        Allow, Environment, EnvironmentDatabase, EnvironmentResource, EnvironmentService, Name,
    },
};

pub(super) fn environments(root: &Table<'_>) -> Vec<Environment> {
    let tables = root.tables("environments").into_iter();
    tables
        .map(|(name, table)| environment(name, &table))
        .collect()
}

fn environment(name: Name, table: &Table<'_>) -> Environment {
    // A way in that is refused is no reason to say that there is none.
    let says = |key| table.says(key);
    let has_way_in = table.is_broken() || ["branch", "after", "used_by"].into_iter().any(says);
    Environment {
        name,
        description: table.plain("description"),
        purpose: table.plain("purpose"),
        url: table.plain("url"),
        audience: values(table.texts("audience")),
        aliases: table.texts("aliases").unwrap_or_default(),
        group: table.text("group"),
        branch: table.text("branch"),
        after: table.texts("after").unwrap_or_default(),
        mirrors: table.text("mirrors"),
        parity: parity(table),
        accept: table.list("accept").iter().filter_map(acceptance).collect(),
        by_hand: values(table.texts("by_hand")),
        used_by: table.texts("used_by").unwrap_or_default(),
        has_way_in,
        allow: allow(table),
        test: checks::tests(table),
        smoke: checks::smoke(table),
        sign_off: checks::sign_offs(table),
        watch: checks::watch(table),
        on_failure: on_failure(table),
        keep_warm: table.duration("keep_warm"),
        undo: undo(table),
        no_return: no_return(table),
        keep_safe_back: keep_safe_back(table),
        require: values(table.texts("require")),
        config: table.variables("config"),
        secrets: table.plain("secrets"),
        recipients: table.texts("recipients").unwrap_or_default(),
        overrides: table.text("overrides"),
        databases: databases(table),
        services: services(table),
        resources: table
            .tables("resources")
            .into_iter()
            .map(|(name, table)| resource(name, &table))
            .collect(),
    }
}

fn allow(environment: &Table<'_>) -> Allow {
    let Some(table) = environment.table("allow") else {
        return Allow::default();
    };
    Allow {
        deploy: table.texts("deploy"),
        rollback: table.texts("rollback"),
        lock: table.texts("lock"),
        list_secrets: table.texts("list_secrets"),
        read_secrets: table.texts("read_secrets"),
        write_secrets: table.texts("write_secrets"),
    }
}

fn parity(environment: &Table<'_>) -> Option<At<ParityRule>> {
    let table = environment.table("parity")?;
    let min = u8::try_from(table.integer("min")).ok()?;
    Some(At::new(ParityRule { min }, table.span))
}

/// What is accepted; `None` where a part of it is missing, which has been told.
fn acceptance(table: &Table<'_>) -> Option<At<Acceptance>> {
    let difference = table.text("difference");
    let (reason, owner) = (table.plain("reason"), table.plain("owner"));
    let until = table.plain("until").and_then(|text| date(&text).ok());
    let difference = difference?;
    let acceptance = Acceptance {
        difference: difference.value,
        reason: reason?,
        owner: owner?,
        until: until?,
    };
    Some(At::new(acceptance, difference.span))
}

fn on_failure(table: &Table<'_>) -> Option<OnFailure> {
    table
        .text("on_failure")
        .map(|word| match word.value.as_str() {
            "rollback" => OnFailure::Rollback,
            _ => OnFailure::Hold,
        })
}

fn undo(table: &Table<'_>) -> UndoRule {
    match table.text("undo") {
        Some(word) if word.value == "automatic" => UndoRule::Automatic,
        _ => UndoRule::Ask,
    }
}

fn no_return(table: &Table<'_>) -> Option<NoReturnRule> {
    table
        .text("no_return")
        .map(|word| match word.value.as_str() {
            "ask" => NoReturnRule::Ask,
            _ => NoReturnRule::Allow,
        })
}

fn keep_safe_back(table: &Table<'_>) -> Option<u8> {
    let many = table
        .says("keep_safe_back")
        .then(|| table.integer("keep_safe_back"))?;
    u8::try_from(many).ok()
}

fn databases(environment: &Table<'_>) -> Vec<EnvironmentDatabase> {
    let read = |(name, table): (Name, Table<'_>)| EnvironmentDatabase {
        name,
        same_as: table.text("same_as"),
    };
    environment
        .tables("databases")
        .into_iter()
        .map(read)
        .collect()
}

fn services(environment: &Table<'_>) -> Vec<EnvironmentService> {
    let read = |(name, table): (Name, Table<'_>)| EnvironmentService {
        name,
        listen: table
            .text("listen")
            .and_then(|text| Some(At::new(address(&text.value).ok()?, text.span))),
        config: table.variables("config"),
    };
    environment
        .tables("services")
        .into_iter()
        .map(read)
        .collect()
}

fn resource(name: Name, table: &Table<'_>) -> EnvironmentResource {
    let said = [
        "title",
        "description",
        "kind",
        "id",
        "link",
        "owner",
        "config",
        "endpoint",
    ];
    EnvironmentResource {
        name,
        from: table.text("from"),
        shared: table
            .boolean("shared")
            .filter(|shared| shared.value)
            .map(|shared| shared.span),
        beside: said
            .into_iter()
            .find_map(|key| Some((key, table.written(key)?))),
        resource: Resource {
            title: table.plain("title"),
            description: table.plain("description"),
            kind: table.plain("kind"),
            id: table.plain("id"),
            link: table.plain("link"),
            owner: table.plain("owner"),
            config: values(table.texts("config")),
            from: None,
            endpoint: table.plain("endpoint"),
        },
    }
}

fn values(texts: Option<Vec<Name>>) -> Vec<String> {
    let texts = texts.unwrap_or_default();
    texts.into_iter().map(|text| text.value).collect()
}
