//! Databases that the project's own tool migrates: Django, Alembic and Knex as they are, and a tool of a few lines for what real
//! ones seldom do.

mod alembic;
mod django;
mod knex;
mod scripts;

use crate::project::Project;

/// A project whose database is migrated by a tool; its keys as the manifest has them.
fn project(engine: &str, keys: &str) -> Project {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "[databases.main]\nmigrations = \"migrations\"\n",
        &format!("[databases.main]\nengine = \"{engine}\"\nlayout = \"command\"\n{keys}"),
    );
    project.change(
        "towpath.toml",
        "test     = [\"sh check.sh\"]\nsign_off = [{ name = \"qa\", role = \"qa\" }, { name = \"acceptance\", role = \"leader\" }]\n",
        "allow = { read_secrets = [\"developer\"] }\n",
    );
    project.git("rm --quiet --cached -r migrations");
    std::fs::remove_dir_all(project.clone().join("migrations")).unwrap();
    project
}

/// Where a database on a server is: a value that lies in a file beside the repository.
fn at(project: &Project, url: &str) {
    let file = project.path("url");
    std::fs::write(&file, url).unwrap();
    let value = format!(
        "[environments.staging.config]\nDATABASE_URL = \"file://{}\"\n",
        file.display()
    );
    project.change("towpath.toml", "[environments.staging.config]\n", &value);
}

/// Commits a release that is another than those before.
fn release(project: &Project, version: &str) {
    project.write("version", version);
    project.commit(version);
}

/// The names of what is applied in staging, and of what is not.
fn told(project: &Project) -> [Vec<String>; 2] {
    let shown: serde_json::Value = project.towpath("db status stg --json", 0).json();
    ["applied", "pending"].map(|key| {
        let all = shown["databases"][0][key].as_array().unwrap().iter();
        let names = all.map(|one| one["name"].as_str().unwrap().to_owned());
        names.collect()
    })
}
