//! sqlx's migrator on servers; with SQLite it is `sqlx_interop` that tries it.

use sqlx::{
    Database, MySqlPool, PgPool, Pool,
    migrate::{Migrate, Migrator},
};
use towpath_migrate::Layout;

use super::{
    Engine, Site, Tool, Written, the_tool_comes_second, the_tool_reverts, we_come_second, we_undo,
};

struct Sqlx;

/// What the migrator is to do.
enum Work {
    Up,
    Down,
    Count,
}

impl Sqlx {
    async fn run(site: &Site<'_>, work: Work) -> usize {
        if site.url.starts_with("postgres:") {
            let pool = PgPool::connect(&site.url).await.unwrap();
            work_on(&pool, site, work).await
        } else {
            let pool = MySqlPool::connect(&site.url).await.unwrap();
            work_on(&pool, site, work).await
        }
    }
}

async fn work_on<D>(pool: &Pool<D>, site: &Site<'_>, work: Work) -> usize
where
    D: Database,
    D::Connection: Migrate,
{
    let migrator = Migrator::new(site.folder()).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let applied = connection.list_applied_migrations("_sqlx_migrations").await;
    let applied = applied.unwrap_or_default().len();
    drop(connection);
    let ups = migrator
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration());
    let versions: Vec<_> = ups.map(|migration| migration.version).collect();
    match work {
        Work::Up => migrator.run(pool).await.unwrap(),
        Work::Down => {
            let before = versions[applied - 2];
            migrator.undo(pool, before).await.unwrap();
        }
        Work::Count => return versions.len() - applied,
    }
    0
}

impl Tool for Sqlx {
    const LAYOUT: Layout = Layout::Sqlx;

    fn files(&self, migration: &Written) -> Vec<(String, String)> {
        let name = format!("202601{:02}_{}", migration.day, migration.name);
        vec![
            (format!("{name}.up.sql"), migration.up.clone()),
            (format!("{name}.down.sql"), migration.down.clone()),
        ]
    }

    async fn up(&self, site: &Site<'_>) {
        Sqlx::run(site, Work::Up).await;
    }

    async fn pending(&self, site: &Site<'_>) -> usize {
        Sqlx::run(site, Work::Count).await
    }

    async fn down(&self, site: &Site<'_>) -> Option<()> {
        Sqlx::run(site, Work::Down).await;
        Some(())
    }
}

async fn share(engine: &Engine) {
    we_come_second(&Sqlx, engine).await;
    the_tool_comes_second(&Sqlx, engine).await;
    the_tool_reverts(&Sqlx, engine).await;
    we_undo(&Sqlx, engine).await;
}

#[tokio::test]
async fn sqlx_and_we_share_a_postgresql_database() {
    let Some(engine) = Engine::postgres().await else {
        return;
    };
    share(&engine).await;
}

#[tokio::test]
async fn sqlx_and_we_share_a_mariadb_database() {
    let Some(engine) = Engine::mysql().await else {
        return;
    };
    share(&engine).await;
}
