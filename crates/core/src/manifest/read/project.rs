//! Reads the project itself, its groups, roles, services and databases.

use super::values;
use crate::manifest::{
    Database, DatabaseEngine, HealthCheck, Home, MigrationLayout, MigrationTool, Service,
    table::{At, Table},
    written::{Group, Name, Project, Role, WrittenDatabase, WrittenHome},
};

pub(super) fn project(root: &Table<'_>) -> Project {
    let Some(table) = root.table("project") else {
        return Project {
            name: String::new(),
            description: None,
            cache: Vec::new(),
            build_within: std::time::Duration::ZERO,
        };
    };
    Project {
        name: table.plain("name").unwrap_or_default(),
        description: table.plain("description"),
        cache: values(table.texts("cache")),
        build_within: table.duration("build_within"),
    }
}

pub(super) fn groups(root: &Table<'_>) -> Vec<Group> {
    let read = |(name, table): (Name, Table<'_>)| Group {
        name,
        description: table.plain("description"),
        aliases: table.texts("aliases").unwrap_or_default(),
        config: table.variables("config"),
        homes: table
            .tables("homes")
            .into_iter()
            .map(|(name, table)| home(name, &table))
            .collect(),
    };
    root.tables("groups").into_iter().map(read).collect()
}

fn home(name: Name, table: &Table<'_>) -> WrittenHome {
    WrittenHome {
        name,
        environments: table.texts("environments").unwrap_or_default(),
        part_of: table.text("part_of"),
        home: Home {
            title: table.plain("title"),
            description: table.plain("description"),
            kind: table.plain("kind"),
            id: table.plain("id"),
            link: table.plain("link"),
            environments: Vec::new(),
            part_of: None,
        },
    }
}

pub(super) fn roles(root: &Table<'_>) -> Vec<Role> {
    let read = |(name, table): (Name, Table<'_>)| {
        let mut members = values(table.texts("members"));
        for member in &mut members {
            *member = member.to_lowercase();
        }
        Role {
            name,
            has_people: table.is_broken() || table.says("members") || table.says("idp_groups"),
            members: distinct(members),
            idp_groups: distinct(values(table.texts("idp_groups"))),
        }
    };
    root.tables("roles").into_iter().map(read).collect()
}

/// The texts, each once, in their order.
fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts
        .into_iter()
        .filter(|text| seen.insert(text.clone()))
        .collect()
}

pub(super) fn services(root: &Table<'_>) -> Vec<(Name, Service)> {
    let tables = root.tables("services").into_iter();
    tables
        .map(|(name, table)| (name, service(&table)))
        .collect()
}

fn service(table: &Table<'_>) -> Service {
    Service {
        build: table.plain("build"),
        artifact: table.plain("artifact"),
        start: table.plain("start").unwrap_or_default(),
        health: health(table),
        instances: u16::try_from(table.integer("instances")).unwrap_or(1),
        stop_within: table.duration("stop_within"),
    }
}

fn health(service: &Table<'_>) -> HealthCheck {
    let written = service.table("health");
    let table = written.unwrap_or_else(|| service.absent("health"));
    HealthCheck {
        path: table.plain("path"),
        within: table.duration("within"),
    }
}

pub(super) fn databases(root: &Table<'_>) -> Vec<WrittenDatabase> {
    let read = |(name, table): (Name, Table<'_>)| {
        let engine = table.text("engine").and_then(|word| {
            let mut all = DatabaseEngine::ALL.into_iter();
            all.find(|engine| engine.as_str() == word.value)
        });
        let layout = table.text("layout").and_then(|word| {
            let mut all = MigrationLayout::ALL.into_iter();
            all.find(|layout| layout.as_str() == word.value)
        });
        let url = table
            .text("url")
            .unwrap_or_else(|| At::new(String::new(), table.span.clone()));
        let keys = ["migrations", "migrate", "status", "applied", "pending"];
        let places = keys.map(|key| table.text(key).map(|text| (key, text.span)));
        let within = table.written("migrate_within");
        let within = within.map(|span| ("migrate_within", span));
        let migrate_within = table.duration("migrate_within");
        let tool = match layout {
            Some(MigrationLayout::Command) => Some(MigrationTool {
                migrate: table.plain("migrate").unwrap_or_default(),
                status: table.plain("status").unwrap_or_default(),
                applied: table.plain("applied"),
                pending: table.plain("pending"),
                within: migrate_within,
            }),
            _ => None,
        };
        WrittenDatabase {
            name,
            url: url.span,
            tool: places.into_iter().chain([within]).flatten().collect(),
            header: table.span.clone(),
            database: Database {
                engine: engine.unwrap_or_default(),
                layout: layout.unwrap_or_default(),
                migrations: table.plain("migrations"),
                tool,
                url: url.value,
                snapshot: table.boolean("snapshot").is_none_or(|said| said.value),
                keep_snapshots: u16::try_from(table.integer("keep_snapshots")).unwrap_or(u16::MAX),
                lock_timeout: table.duration("lock_timeout"),
                statement_timeout: table.duration("statement_timeout"),
                seed: table.plain("seed"),
                seed_within: table.duration("seed_within"),
            },
        }
    };
    root.tables("databases").into_iter().map(read).collect()
}
