//! Alembic: revisions that are named by what has no order, and a status that is made of its history.

use super::{project, release, told};
use crate::{place::PYTHON, stand_ins::server::packages};

const ENVIRONMENT: &str = "import os
import sqlalchemy
from alembic import context

url = os.environ['DATABASE_URL'].replace('sqlite://', 'sqlite:///', 1)
with sqlalchemy.create_engine(url).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
";

fn revision(project: &crate::project::Project, id: &str, before: &str, about: &str, sql: &str) {
    project.write(
        &format!("alembic/versions/{id}_{about}.py"),
        format!(
            "\"\"\"{about}\"\"\"\n# towpath: expand because older releases leave it alone\nfrom alembic import op\n\n\
             revision = '{id}'\ndown_revision = {before}\n\n\ndef upgrade():\n    op.execute(\"{sql}\")\n\n\ndef downgrade():\n    pass\n"
        ),
    );
}

#[test]
fn alembic_migrates_sqlite() {
    let Some(directory) = packages(&PYTHON) else {
        return;
    };
    let alembic = format!("{} -m alembic", directory.join("bin/python").display());
    let project = project(
        "sqlite",
        &format!(
            "migrations = \"alembic/versions/*.py\"\nmigrate = \"{alembic} upgrade head\"\n\
             status = \"\"\"h=$({alembic} history -i) && echo \"$h\" | sed -n '/(current)/,$p'\"\"\"\napplied = '-> (\\w+)'\n"
        ),
    );
    project.write("alembic.ini", "[alembic]\nscript_location = alembic\n");
    project.write("alembic/env.py", ENVIRONMENT);
    project.write(".gitignore", "__pycache__\n");
    revision(
        &project,
        "f1469f20abd5",
        "None",
        "guests",
        "CREATE TABLE guests (name TEXT)",
    );
    release(&project, "1");
    project
        .towpath("deploy stg", 0)
        .says(&["applied f1469f20abd5_guests"]);

    revision(
        &project,
        "0eefbeefbeef",
        "'f1469f20abd5'",
        "mood",
        "ALTER TABLE guests ADD COLUMN mood TEXT",
    );
    assert_eq!(
        told(&project),
        [vec!["f1469f20abd5_guests"], vec!["0eefbeefbeef_mood"]]
    );
    release(&project, "2");
    project
        .towpath("deploy stg", 0)
        .says(&["applied 0eefbeefbeef_mood, after a snapshot"]);
    assert_eq!(
        project.number("staging", "SELECT count(mood) FROM guests"),
        0
    );
    assert_eq!(
        told(&project)[0],
        ["f1469f20abd5_guests", "0eefbeefbeef_mood"]
    );
}
