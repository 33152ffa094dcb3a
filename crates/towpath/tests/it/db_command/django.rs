//! Django: applications of the project's, and those that come with Django and have no files in the repository.

use std::path::PathBuf;

use super::{at, project, release, told};
use crate::{
    place::PYTHON,
    project::Project,
    stand_ins::{postgres::Postgres, server::packages},
};

const MANAGE: &str = "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n\
    from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n";

const SETTINGS: &str = r#"import os
from urllib.parse import urlsplit, unquote

url = urlsplit(os.environ["DATABASE_URL"])
if url.scheme == "sqlite":
    DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.path}
else:
    DATABASE = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": url.username,
        "PASSWORD": unquote(url.password),
        "NAME": url.path[1:],
    }
DATABASES = {"default": DATABASE}
INSTALLED_APPS = ["django.contrib.contenttypes", "guests", "polls"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of a test"
"#;

const GUESTS: &str = "# towpath: expand because nothing was there before
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel('Guest', [('id', models.BigAutoField(primary_key=True)), ('name', models.TextField())]),
    ]
";

const MOOD: &str = "from django.db import migrations, models


# towpath: expand because older releases leave it out
class Migration(migrations.Migration):
    dependencies = [('guests', '0001_initial'), ('polls', '0001_initial')]
    operations = [migrations.AddField('Guest', 'mood', models.TextField(null=True))]
";

const POLLS: &str = "# towpath: expand because nothing was there before
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('guests', '0001_initial')]
    operations = [
        migrations.CreateModel('Poll', [
            ('id', models.BigAutoField(primary_key=True)),
            ('guest', models.ForeignKey('guests.Guest', models.CASCADE)),
        ]),
    ]
";

const NAMELESS: &str = "from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('guests', '0002_mood')]
    operations = [migrations.RemoveField('Guest', 'name')]
";

fn django(engine: &str) -> Option<Project> {
    let python: PathBuf = packages(&PYTHON)?.join("bin/python");
    let python = python.display();
    let project = project(
        engine,
        &format!(
            "migrations = \"*/migrations/0*.py\"\nmigrate = \"{python} manage.py migrate --no-input\"\n\
             status = \"{python} manage.py showmigrations --plan\"\n"
        ),
    );
    project.write("manage.py", MANAGE);
    project.write("settings.py", SETTINGS);
    project.write(".gitignore", "__pycache__\n");
    for application in ["guests", "polls"] {
        project.write(&format!("{application}/__init__.py"), "");
        project.write(&format!("{application}/migrations/__init__.py"), "");
    }
    project.write("guests/migrations/0001_initial.py", GUESTS);
    Some(project)
}

/// From the first release over the second and back to the first, and to a third from which there is no way back.
fn there_and_back(project: &Project, columns: impl Fn() -> String) {
    release(project, "1");
    project
        .towpath("deploy stg", 0)
        .says(&["applied guests.0001_initial"]);
    assert_eq!(columns(), "id,name");
    assert_eq!(told(project), [vec!["guests.0001_initial"], vec![]]);

    project.write("polls/migrations/0001_initial.py", POLLS);
    project.write("guests/migrations/0002_mood.py", MOOD);
    project.towpath("db plan stg", 0).shows(&[
        "1 migration applied",
        "  guests.0002_mood: expand, because older releases leave it out  (nothing undoes it)\n",
        "  polls.0001_initial: expand",
    ]);
    release(project, "2");
    project
        .towpath("deploy stg", 0)
        .says(&["applied 2 migrations, after a snapshot"]);
    assert_eq!(columns(), "id,mood,name");
    project
        .towpath("status", 0)
        .shows(&["staging      v2 ✓  v1 "]);
    // The first release runs on what the second has made: code alone goes back.
    project.towpath("rollback stg", 0);
    assert_eq!(columns(), "id,mood,name");
    project.towpath("rollback stg --to v2", 0);

    project.write("guests/migrations/0003_nameless.py", NAMELESS);
    project.towpath("db plan stg", 0).shows(&[
        "guests.0003_nameless: says nothing of older releases",
        "afterwards, no release that lacks guests.0003_nameless can be returned to",
    ]);
    release(project, "3");
    project.towpath("deploy stg", 0);
    assert_eq!(columns(), "id,mood");
    project
        .towpath("rollback stg", 3)
        .says(&["guests.0003_nameless"]);
}

#[test]
fn django_migrates_sqlite() {
    let Some(project) = django("sqlite") else {
        return;
    };
    let columns = |project: &Project| {
        let all = ["id", "mood", "name"];
        let sql = [
            "SELECT count(*) FROM pragma_table_info('guests_guest') WHERE name = 'id'",
            "SELECT count(*) FROM pragma_table_info('guests_guest') WHERE name = 'mood'",
            "SELECT count(*) FROM pragma_table_info('guests_guest') WHERE name = 'name'",
        ];
        let there = all.into_iter().zip(sql);
        let there = there.filter(|(_, sql)| project.number("staging", sql) == 1);
        there.map(|(name, _)| name).collect::<Vec<_>>().join(",")
    };
    there_and_back(&project, || columns(&project));

    // Nothing is made only to look: Django would make the file.
    project.towpath("db lint", 1).shows(&[
        "guests/migrations/0003_nameless.py: declares nothing",
        "begin it with `# towpath: … because …`",
    ]);
    assert!(!project.data().join("databases/production").exists());
    // By hand, and what a tool's migrations cannot have.
    project.towpath("db migrate stg --dry-run", 0);
    for (line, text) in [
        (
            "db undo stg",
            "could not undo what was applied to main of staging",
        ),
        (
            "db capture more --environment stg",
            "could not capture what was changed in main of staging",
        ),
    ] {
        let ran = project.towpath(line, 3);
        ran.says(&["db::of-tool", text, "the project's own tool"]);
    }
    project
        .towpath("db drift stg", 5)
        .shows(&["the project's own tool applies them", "alembic check"]);
    project.write(
        "guests/migrations/0004_more.py",
        NAMELESS.replace("0002_mood", "0003_nameless").replace(
            "RemoveField('Guest', 'name')",
            "RunSQL('CREATE TABLE more (id int)')",
        ),
    );
    project
        .towpath("db migrate stg", 0)
        .says(&["copied main of staging", "applied guests.0004_more"]);
    assert_eq!(project.number("staging", "SELECT count(*) FROM more"), 0);
    assert_eq!(told(&project)[0].len(), 5);
}

#[tokio::test]
async fn django_migrates_postgresql() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let Some(project) = django("postgres") else {
        return;
    };
    at(&project, &server.url("ferry"));
    server.create("ferry");
    there_and_back(&project, || {
        let sql = "SELECT string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns
                   WHERE table_name = 'guests_guest'";
        server.sql("ferry", sql).trim().to_owned()
    });
    // Where the database is, is nowhere told.
    let journal = std::fs::read(project.data().join("journal.db")).unwrap();
    let password = b"open%2Fsesame";
    assert!(!journal.windows(password.len()).any(|part| part == password));
}
