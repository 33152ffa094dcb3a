//! What the project's repository holds, release by release.

use super::{Project, service};

const MANIFEST: &str = r#"[project]
name  = "ferry"
cache = ["cache"]

[groups.production]
aliases = ["prod"]

[groups.development]

[roles]
developer = { members = ["dana@acme.test"] }
qa        = { members = ["quinn@acme.test"] }
leader    = { members = ["lee@acme.test"] }
operator  = { members = ["olive@acme.test"] }

[services.web]
build       = "sh build.sh"
artifact    = "dist"
start       = "exec dist/web"
stop_within = "2s"
health      = { path = "/healthz", within = "20s" }

[databases.main]
migrations = "migrations"

[environments.staging]
aliases  = ["stg", "stage"]
group    = "development"
branch   = "develop"
used_by  = ["developer", "qa", "leader"]
smoke    = [{ get = "/healthz" }]
test     = ["sh check.sh"]
sign_off = [{ name = "qa", role = "qa" }, { name = "acceptance", role = "leader" }]

[environments.staging.config]
EFFECTS = "ROOT/effects"

[environments.production]
aliases = ["prd"]
group   = "production"
branch  = "main"
after   = ["staging"]
used_by = ["operator"]
smoke   = [{ get = "/healthz" }]

[environments.production.config]
EFFECTS = "ROOT/effects"

[environments.production.watch]
for    = "300ms"
probes = [{ get = "/", every = "100ms", max_failures = 2 }]
"#;

/// The build waits while there is a file `gate` beside the repository.
const BUILD: &str = r#"set -eu
echo "build $(cat version)" >> "ROOT/effects"
while [ -e "ROOT/gate" ]; do sleep 0.02; done
mkdir -p dist
cp "SERVICE" dist/web
cp behaviour dist/behaviour
echo "$(cat version)" >> cache/versions
"#;

/// The test waits while there is a file `test-gate` beside the repository.
const CHECK: &str = r#"set -eu
echo "test $TOWPATH_ENVIRONMENT $TOWPATH_RELEASE" >> "$EFFECTS"
while [ -e "ROOT/test-gate" ]; do sleep 0.02; done
"SERVICE" get "$TOWPATH_URL/"
"#;

impl Project {
    pub(super) fn write_first_release(&self) {
        let root = self.root.display().to_string();
        let service = service::executable().display().to_string();
        let filled = |text: &str| text.replace("ROOT", &root).replace("SERVICE", &service);
        self.write("towpath.toml", filled(MANIFEST));
        self.write("build.sh", filled(BUILD));
        self.write("check.sh", filled(CHECK));
        self.write("version", "1");
        self.write("behaviour", "good\n");
        self.write(
            "migrations/0001_trips.sql",
            "CREATE TABLE trips (number INTEGER PRIMARY KEY, said TEXT NOT NULL);\n\
             INSERT INTO trips (said) VALUES ('one');\n",
        );
    }

    /// Commits the second release: it has a migration that also adds a row.
    pub fn commit_second(&self) -> String {
        self.write("version", "2");
        self.write(
            "migrations/0002_tide.sql",
            "-- towpath: expand because older releases ignore the column\n\
             ALTER TABLE trips ADD COLUMN tide TEXT;\n\
             INSERT INTO trips (said, tide) VALUES ('two', 'high');\n",
        );
        self.commit("2: the tide")
    }

    /// Commits the third release: it starts, and then answers its users with 500.
    pub fn commit_third(&self) -> String {
        self.write("version", "3");
        self.write("behaviour", "bad\n");
        self.write(
            "migrations/0003_moon.sql",
            "-- towpath: expand because older releases ignore the table\n\
             CREATE TABLE moons (number INTEGER PRIMARY KEY);\n\
             INSERT INTO moons (number) VALUES (3);\n",
        );
        // Nothing in staging looks at what users see.
        self.change(
            "check.sh",
            "get \"$TOWPATH_URL/\"",
            "get \"$TOWPATH_URL/healthz\"",
        );
        self.commit("3: a leak")
    }
}
