//! The tables and keys of `towpath.toml`: the one list from which the parser, its defaults and the JSON Schema are made.

use super::format::Format;
use crate::config::Type;

/// A table: what may be written in it.
#[derive(Debug)]
pub(super) struct TableSpec {
    /// Its name among the schema's definitions.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) doc: &'static str,
    /// Its keys.
    pub(super) keys: &'static [Key],
    /// Sets of keys of which exactly one is written.
    pub(super) one_of: &'static [&'static [&'static str]],
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
    /// A value of it, as it is written.
    pub(super) example: &'static str,
    pub(super) doc: &'static str,
}

/// What a key's value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A text.
    Text(Format),
    /// A list of texts.
    Texts(Format),
    /// A length of time, longer than nothing.
    Duration,
    /// A length of time, which may be nothing.
    DurationOrZero,
    /// A whole number, from one to another.
    Integer(i64, i64),
    /// A number from 0 to 1.
    Ratio,
    /// Yes or no.
    Boolean,
    /// A text, an integer or a boolean, taken as the text that a process gets.
    Scalar,
    /// A table.
    Table(&'static TableSpec),
    /// Tables by name.
    Tables(Format, &'static TableSpec),
    /// A list of tables.
    List(&'static TableSpec),
    /// A list of commands, each a text or such a table.
    Commands(&'static TableSpec),
    /// Texts, integers and booleans by the names of variables.
    Variables,
}

/// What a key that is not written means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Absent {
    /// It must be written.
    Refused,
    /// Nothing, or as its description says.
    Nothing,
    /// This text.
    Text(&'static str),
    /// These texts.
    Texts(&'static [&'static str]),
    /// This number.
    Integer(i64),
}

const fn key(
    name: &'static str,
    kind: Kind,
    absent: Absent,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        name,
        kind,
        absent,
        example,
        doc,
    }
}

use Absent::{Nothing, Refused};
use Kind::{
    Boolean, Commands, Duration, DurationOrZero, Integer, List, Ratio, Scalar, Table, Tables, Text,
    Texts, Variables,
};

const NAME: Kind = Text(Format::Name);
const NAMES: Kind = Texts(Format::Name);
const PROSE: Kind = Text(Format::Prose);
const COMMAND: Kind = Text(Format::Filled);

#[rustfmt::skip]
pub(super) static ROOT: TableSpec = TableSpec {
    name: "manifest",
    doc: "What a team's environments are, and how a commit travels through them to production.",
    keys: &[
        key("project", Table(&PROJECT), Refused, r#"{ name = "guestbook" }"#, "The project itself."),
        key("groups", Tables(Format::Name, &GROUP), Nothing, r#"{ production = { aliases = ["prod"] } }"#, "Groups of environments, by name."),
        key("roles", Tables(Format::Name, &ROLE), Nothing, r#"{ leader = { members = ["lee@acme.test"] } }"#, "Who holds which role, by name. Without any role, the machine's user may do everything."),
        key("services", Tables(Format::Name, &SERVICE), Nothing, r#"{ web = { start = "./web" } }"#, "The processes that the project runs, by name."),
        key("databases", Tables(Format::Name, &DATABASE), Nothing, r#"{ main = { migrations = "migrations" } }"#, "The data that they keep, by name."),
        key("config", Tables(Format::Variable, &CONFIG_KEY), Nothing, r#"{ LOG_LEVEL = { default = "info" } }"#, "The keys of configuration and secrets, by the names of their variables. Once there is one, every key must be declared here."),
        key("recipients", Tables(Format::Name, &RECIPIENT), Nothing, r#"{ dana = { age = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm", person = "dana@acme.test" } }"#, "Whose keys open secret files, by name."),
        key("environments", Tables(Format::Name, &ENVIRONMENT), Nothing, r#"{ staging = { branch = "develop" } }"#, "The environments, by name, in the order in which people see them."),
        key("freezes", List(&FREEZE), Nothing, r#"[{ name = "weekend", weekly = "Fri 16:00 - Mon 08:00" }]"#, "Windows in which nothing is deployed."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static PROJECT: TableSpec = TableSpec {
    name: "project",
    doc: "The project itself.",
    keys: &[
        key("name", NAME, Refused, r#""guestbook""#, "Its name."),
        key("description", PROSE, Nothing, r#""The book that visitors sign""#, "What it is."),
        key("cache", Texts(Format::Path), Absent::Texts(&["target"]), r#"["target", "node_modules"]"#, "Directories that survive between builds and are never part of an artifact."),
        key("build_within", Duration, Absent::Text("30m"), r#""20m""#, "How long a build may take."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static GROUP: TableSpec = TableSpec {
    name: "group",
    doc: "A group of environments.",
    keys: &[
        key("description", PROSE, Nothing, r#""Environments that serve software to end users""#, "What it is for."),
        key("aliases", NAMES, Nothing, r#"["prod"]"#, "Other names that people type."),
        key("config", Variables, Nothing, r#"{ LOG_LEVEL = "warn" }"#, "Configuration of all its environments, unless they say otherwise."),
        key("homes", Tables(Format::Name, &HOME), Nothing, r#"{ apps = { title = "Apps & DB", environments = ["production"] } }"#, "Accounts or projects at a cloud that hold its environments, by name."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static HOME: TableSpec = TableSpec {
    name: "home",
    doc: "An account or project at a cloud that holds environments of a group, or a part of them.",
    keys: &[
        key("title", PROSE, Nothing, r#""Production Static""#, "What people call it."),
        key("description", PROSE, Nothing, r#""Static images and assets""#, "What is in it."),
        key("kind", Text(Format::Filled), Nothing, r#""aws""#, "The vendor's product."),
        key("id", Text(Format::Filled), Nothing, r#""123456789012""#, "The vendor's identifier."),
        key("link", Text(Format::Link), Nothing, r#""https://console.aws.amazon.com""#, "Where people look at it."),
        key("environments", NAMES, Nothing, r#"["production"]"#, "The environments that it holds, by name or alias."),
        key("part_of", NAME, Nothing, r#""organisation""#, "The home of the same group that it is nested in."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ROLE: TableSpec = TableSpec {
    name: "role",
    doc: "Who holds a role.",
    keys: &[
        key("members", Texts(Format::Email), Nothing, r#"["dana@acme.test"]"#, "E-mail addresses."),
        key("idp_groups", Texts(Format::Filled), Nothing, r#"["developers"]"#, "Groups of the identity provider; they count where a server authenticates people."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static SERVICE: TableSpec = TableSpec {
    name: "service",
    doc: "A process that the project runs. PORT and the environment's config arrive as variables.",
    keys: &[
        key("build", COMMAND, Nothing, r#""cargo build --release""#, "The command that builds it, run in a clean work tree."),
        key("artifact", Text(Format::Path), Nothing, r#""target/release/guestbook""#, "The file or directory that the build makes."),
        key("start", COMMAND, Refused, r#""./guestbook""#, "The command that runs it, beside its artifact."),
        key("health", Table(&HEALTH), Nothing, r#"{ path = "/healthz" }"#, "How to tell that it works. Without it, a service is healthy that accepts connections."),
        key("instances", Integer(1, 64), Absent::Integer(1), r#"2"#, "How many copies run."),
        key("stop_within", DurationOrZero, Absent::Text("10s"), r#""10s""#, "How long it may take to end by itself when stopped."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static HEALTH: TableSpec = TableSpec {
    name: "health",
    doc: "How to tell that a service works.",
    keys: &[
        key("path", Text(Format::UrlPath), Nothing, r#""/healthz""#, "The path to GET, answered by a status from 200 to 399. Without it, a connection is enough."),
        key("within", Duration, Absent::Text("20s"), r#""20s""#, "How long a new instance may take until it is healthy."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static DATABASE: TableSpec = TableSpec {
    name: "database",
    doc: "A database that services keep.",
    keys: &[
        key("engine", Text(Format::Engine), Absent::Text("sqlite"), r#""sqlite""#, "Which engine it is; \"mysql\" means MariaDB as well. Where a server is, the environment's configuration says under the name `url`."),
        key("layout", Text(Format::Choice(&["sqlx", "golang-migrate", "dbmate", "goose", "flyway", "refinery", "diesel", "command"])), Absent::Text("sqlx"), r#""goose""#, "The tool by whose rules the migrations lie in their directory; \"command\" where the project's own tool applies them."),
        key("migrations", Text(Format::Path), Nothing, r#""migrations""#, "The directory of its migrations; with `layout = \"command\"` also a pattern of their files, such as \"*/migrations/0*.py\"."),
        key("migrate", Text(Format::Filled), Nothing, r#""python manage.py migrate""#, "With `layout = \"command\"`, the command that applies the migrations."),
        key("status", Text(Format::Filled), Nothing, r#""python manage.py showmigrations --plan""#, "With `layout = \"command\"`, the command that tells which migrations are applied."),
        key("applied", Text(Format::Pattern), Nothing, r#""-> (\\w+)""#, "A regular expression that finds what `status` tells as applied: each group holds names, with white space between them. Without it, lines that begin with `[X]` or `up`, and what Knex lists as completed."),
        key("pending", Text(Format::Pattern), Nothing, r#""(?s)not yet been applied:\\n(.*?)\\n\\n""#, "Instead of `applied`, for a tool that tells only what is not applied: finds that; every other migration counts as applied."),
        key("migrate_within", Duration, Absent::Text("10m"), r#""2h""#, "With `layout = \"command\"`, how long `migrate` and `status` may take together in a deployment."),
        key("url", Text(Format::Variable), Absent::Text("DATABASE_URL"), r#""DATABASE_URL""#, "The variable in which services find its URL."),
        key("snapshot", Boolean, Nothing, "false", "Whether it is copied before migrations change it; unless said, yes."),
        key("keep_snapshots", Integer(1, 1000), Absent::Integer(10), "30", "How many snapshots of it are kept in the data directory: with a new one, the oldest are removed, but never those that a running deployment or the last one took."),
        key("lock_timeout", Duration, Absent::Text("3s"), r#""3s""#, "How long a statement of a migration may wait for a lock on a server, while everybody else waits behind it; then it is tried again."),
        key("statement_timeout", Duration, Absent::Text("15m"), r#""15m""#, "How long a statement of a migration may take on a PostgreSQL server."),
        key("seed", COMMAND, Nothing, r#""./scripts/seed.sh""#, "The command, run by `sh -c`, that fills a developer's own database after `towpath db reset` has made it anew."),
        key("seed_within", Duration, Absent::Text("10m"), r#""10m""#, "How long that may take."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static CONFIG_KEY: TableSpec = TableSpec {
    name: "config_key",
    doc: "A key of configuration, or a secret.",
    keys: &[
        key("type", Text(Format::Choice(&Type::NAMES)), Absent::Text("string"), r#""port""#, "What its value must be."),
        key("description", PROSE, Nothing, r#""How much is logged""#, "What it is for."),
        key("required", Boolean, Nothing, "false", "Whether every environment must have a value; unless said, yes."),
        key("default", Scalar, Nothing, "8080", "Its value where no environment says another."),
        key("example", Scalar, Nothing, r#""https://acme.test""#, "A value for people who have to find one."),
        key("values", Texts(Format::Prose), Nothing, r#"["debug", "info", "warn"]"#, "What an enum may be."),
        key("secret", Boolean, Nothing, "true", "Whether it is a secret: its value is in the environments' secret files or kept elsewhere, never in the manifest."),
        key("services", NAMES, Nothing, r#"["web"]"#, "The services that get it; without it, all."),
        key("as", Text(Format::Choice(&["variable", "file"])), Absent::Text("variable"), r#""file""#, "How services get it: as a variable, or as a file in the directory that CREDENTIALS_DIRECTORY names; the variable then holds the file's path."),
        key("previous", Text(Format::Variable), Nothing, r#""SESSION_KEY_PREVIOUS""#, "The variable that holds the value before, while a rotation is under way and both are valid."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static RECIPIENT: TableSpec = TableSpec {
    name: "recipient",
    doc: "Somebody, or something, whose key opens secret files.",
    keys: &[
        key("age", Text(Format::Recipient), Refused, r#""age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm""#, "The public key; `towpath secret keygen` makes a pair."),
        key("person", Text(Format::Email), Nothing, r#""dana@acme.test""#, "Whose it is; without it, a machine's or an agent's."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ENVIRONMENT: TableSpec = TableSpec {
    name: "environment",
    doc: "An environment. At least one of branch, after and used_by says how releases come to it.",
    keys: &[
        key("description", PROSE, Nothing, r#""Where QA and the team try what is merged""#, "What it is."),
        key("purpose", PROSE, Nothing, r#""Integration tests and final validation""#, "What it is for."),
        key("url", Text(Format::Link), Nothing, r#""https://staging.acme.test""#, "Where people open it."),
        key("audience", Texts(Format::Filled), Nothing, r#"["end users"]"#, "Who uses what runs here, in words, such as \"end users\"; `used_by` names roles."),
        key("aliases", NAMES, Nothing, r#"["stg", "stage"]"#, "Other names that people type."),
        key("group", NAME, Nothing, r#""development""#, "The group it belongs to."),
        key("branch", Text(Format::Branch), Nothing, r#""develop""#, "The branch, or pattern of branches, that feeds it."),
        key("after", NAMES, Nothing, r#"["staging"]"#, "Environments in which a release must be verified first."),
        key("mirrors", NAME, Nothing, r#""production""#, "The environment that it mirrors."),
        key("parity", Table(&PARITY), Nothing, r#"{ min = 95 }"#, "How closely it must be mirrored by the environments that releases come from."),
        key("accept", List(&ACCEPTANCE), Nothing, r#"[{ difference = "services.web.instances", reason = "half the load", owner = "platform", until = "2027-03-31" }]"#, "What is accepted here for a time: differences from the environment it mirrors, and what it shares with the development group."),
        key("by_hand", Texts(Format::Filled), Nothing, r#"["Create a pull request for review."]"#, "What people do here beside what Towpath does, in order."),
        key("used_by", NAMES, Nothing, r#"["developer", "qa"]"#, "Roles of the people who use it; unless `allow` says otherwise, they may deploy to it and roll it back."),
        key("allow", Table(&ALLOW), Nothing, r#"{ rollback = ["operator"] }"#, "Which roles may do what, where it is not `used_by`."),
        key("test", Commands(&TEST), Nothing, r#"["./check.sh"]"#, "Commands that test the deployed release, in order."),
        key("smoke", List(&SMOKE), Nothing, r#"[{ get = "/" }]"#, "Requests made right after the rollout, in order."),
        key("sign_off", List(&SIGN_OFF), Nothing, r#"[{ name = "qa", role = "qa" }]"#, "Signatures that a release needs, in order."),
        key("watch", Table(&WATCH), Nothing, r#"{ for = "10m", probes = [{ get = "/" }] }"#, "What is watched after the rollout."),
        key("on_failure", Text(Format::Choice(&["rollback", "hold"])), Nothing, r#""rollback""#, "What happens when something fails after traffic has moved: \"rollback\" (the default in the group named or aliased production or prod) or \"hold\" (elsewhere)."),
        key("keep_warm", DurationOrZero, Absent::Text("10m"), r#""10m""#, "How long the release before stays ready to take the traffic back."),
        key("undo", Text(Format::Choice(&["ask", "automatic"])), Absent::Text("ask"), r#""ask""#, "When down-migrations are run: \"ask\", only when a person rolls back, or \"automatic\", also by itself after a failure."),
        key("no_return", Text(Format::Choice(&["ask", "allow"])), Nothing, r#""ask""#, "Whether somebody has to accept a deployment that passes a point of no return: \"ask\" (the default in the group named or aliased production or prod) or \"allow\" (elsewhere)."),
        key("keep_safe_back", Integer(0, 4), Nothing, "2", "How many verified releases, beside what is live or warm, must stay possible to return to by code alone: a migration that takes away what one of them needs is refused. Without it, nothing is promised."),
        key("require", Texts(Format::Choice(&["rollback-proven", "no-drift"])), Nothing, r#"["rollback-proven", "no-drift"]"#, "What must be so before a release comes here: \"rollback-proven\", that `towpath rehearse` went from it to the release before, and forward to it again; \"no-drift\", that the databases hold what their applied migrations make."),
        key("config", Variables, Nothing, r#"{ LOG_LEVEL = "debug" }"#, "Configuration, handed to services and commands as variables; for a secret, a reference to where it is kept."),
        key("secrets", Text(Format::Path), Nothing, r#""secrets/staging.yaml""#, "Its secret file, in the SOPS format; `secrets/NAME.yaml` unless said."),
        key("recipients", NAMES, Nothing, r#"["dana", "staging-agent"]"#, "Recipients whose keys open its secret file."),
        key("overrides", Text(Format::Path), Nothing, r#"".env.local""#, "A developer's own dotenv file, which git does not track, whose values win; `.env.local` for the environment named or aliased `local`, none for others. Never in production."),
        key("databases", Tables(Format::Name, &ENVIRONMENT_DATABASE), Nothing, r#"{ main = { same_as = "development" } }"#, "What this environment says about a database, by name."),
        key("services", Tables(Format::Name, &ENVIRONMENT_SERVICE), Nothing, r#"{ web = { listen = "127.0.0.1:8080" } }"#, "What this environment says about a service, by name."),
        key("resources", Tables(Format::ResourceName, &RESOURCE), Nothing, r#"{ identity = { kind = "okta", id = "stg-auth-123" } }"#, "Vendors' things that it uses, by name."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static PARITY: TableSpec = TableSpec {
    name: "parity",
    doc: "How closely an environment must be mirrored before a release may come to it.",
    keys: &[
        key("min", Integer(0, 100), Refused, "95", "The lowest score, in percent, of each environment that mirrors it and that releases come from."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ACCEPTANCE: TableSpec = TableSpec {
    name: "acceptance",
    doc: "Something that is not as it should be, and is accepted for a time.",
    keys: &[
        key("difference", Text(Format::Difference), Refused, r#""services.web.instances""#, "What is accepted, as `towpath parity` and `towpath check` name it; `*` stands for any run of characters."),
        key("reason", Text(Format::Filled), Refused, r#""Half the load is enough for tests""#, "Why."),
        key("owner", Text(Format::Filled), Refused, r#""platform""#, "Who answers for it: a role, a team or a person."),
        key("until", Text(Format::Date), Refused, r#""2027-03-31""#, "The last day on which it is accepted."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ALLOW: TableSpec = TableSpec {
    name: "allow",
    doc: "Which roles may do what in an environment.",
    keys: &[
        key("deploy", NAMES, Nothing, r#"["developer"]"#, "Roles that may deploy to it, promote into it, retry and cancel."),
        key("rollback", NAMES, Nothing, r#"["operator"]"#, "Roles that may roll it back."),
        key("lock", NAMES, Nothing, r#"["operator"]"#, "Roles that may lock it, hold it, and release either."),
        key("list_secrets", NAMES, Nothing, r#"["developer"]"#, "Roles that may see which secrets it has, and since when."),
        key("read_secrets", NAMES, Nothing, r#"["operator"]"#, "Roles that may read its secrets, and run commands with them."),
        key("write_secrets", NAMES, Nothing, r#"["operator"]"#, "Roles that may set, rotate and remove its secrets, and say whose keys open them."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static TEST: TableSpec = TableSpec {
    name: "test",
    doc: "A command that tests the deployed release; exit status 0 passes, any other fails.",
    keys: &[
        key("run", COMMAND, Refused, r#""./check.sh""#, "The command, run by `sh -c` in a clean work tree of the release's commit."),
        key("within", Duration, Absent::Text("15m"), r#""15m""#, "How long it may take."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static SMOKE: TableSpec = TableSpec {
    name: "smoke",
    doc: "A request and the answer it should get.",
    keys: &[
        key("get", Text(Format::UrlPath), Refused, r#""/healthz""#, "The path to GET."),
        key("expect", Integer(100, 599), Absent::Integer(200), r#"200"#, "The status expected."),
        key("contains", Text(Format::Filled), Nothing, r#""Guestbook""#, "A text that the body must contain."),
        key("within", Duration, Absent::Text("5s"), r#""5s""#, "How long the answer may take."),
        key("service", NAME, Nothing, r#""web""#, "The service to ask; not needed where there is only one."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static SIGN_OFF: TableSpec = TableSpec {
    name: "sign_off",
    doc: "A signature that a release needs.",
    keys: &[
        key("name", NAME, Refused, r#""qa""#, "Its name."),
        key("role", NAME, Refused, r#""qa""#, "Who may sign."),
        key("within", Duration, Absent::Text("7d"), r#""7d""#, "How long it is waited for."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static WATCH: TableSpec = TableSpec {
    name: "watch",
    doc: "What is watched after the rollout, and for how long.",
    keys: &[
        key("for", Duration, Refused, r#""10m""#, "How long."),
        key("probes", List(&PROBE), Nothing, r#"[{ get = "/", every = "5s" }]"#, "What is asked again and again."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static PROBE: TableSpec = TableSpec {
    name: "probe",
    doc: "One thing asked again and again: a request (get), the share of failed requests (error_ratio), or a command.",
    keys: &[
        key("get", Text(Format::UrlPath), Nothing, r#""/""#, "The path to GET."),
        key("expect", Integer(100, 599), Absent::Integer(200), r#"200"#, "The status expected; with get."),
        key("contains", Text(Format::Filled), Nothing, r#""Guestbook""#, "A text that the body must contain; with get."),
        key("error_ratio", Ratio, Nothing, r#"0.01"#, "The highest share of a service's requests that may fail between two looks, from 0 to 1."),
        key("command", COMMAND, Nothing, r#""./look.sh""#, "A command; exit status 0 passes."),
        key("within", Duration, Absent::Text("5s"), r#""5s""#, "How long the answer or the command may take; with get or command."),
        key("service", NAME, Nothing, r#""web""#, "The service to ask, with get or error_ratio; not needed where there is only one."),
        key("every", Duration, Absent::Text("5s"), r#""5s""#, "How often."),
        key("max_failures", Integer(1, 10_000), Absent::Integer(3), r#"3"#, "How many failures in a row mean that the release is bad."),
    ],
    one_of: &[&["get"], &["error_ratio"], &["command"]],
};

#[rustfmt::skip]
pub(super) static ENVIRONMENT_DATABASE: TableSpec = TableSpec {
    name: "environment_database",
    doc: "What an environment says about a database.",
    keys: &[
        key("same_as", NAME, Nothing, r#""development""#, "It is the database of this other environment."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ENVIRONMENT_SERVICE: TableSpec = TableSpec {
    name: "environment_service",
    doc: "What an environment says about a service.",
    keys: &[
        key("listen", Text(Format::Address), Nothing, r#""127.0.0.1:8080""#, "Where end users reach it; without it, at a free loopback port that stays its own."),
        key("config", Variables, Nothing, r#"{ WORKERS = 4 }"#, "Configuration that only this service gets here."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static RESOURCE: TableSpec = TableSpec {
    name: "resource",
    doc: "A vendor's thing that an environment uses.",
    keys: &[
        key("description", PROSE, Nothing, r#""Authenticates our end users""#, "What it does for the environment."),
        key("kind", Text(Format::Filled), Nothing, r#""okta""#, "The vendor's product, such as \"okta\"."),
        key("id", Text(Format::Filled), Nothing, r#""prd-id-123""#, "The vendor's identifier."),
        key("link", Text(Format::Link), Nothing, r#""https://acme.okta.com""#, "Where people look at it."),
        key("title", PROSE, Nothing, r#""Sign-in""#, "What people call it, such as \"Outgoing mail\"."),
        key("owner", Text(Format::Filled), Nothing, r#""platform""#, "Who looks after it: a role, a team or a person."),
        key("config", Texts(Format::Variable), Nothing, r#"["OKTA_TOKEN"]"#, "The keys of configuration and secrets that belong to it."),
        key("from", NAME, Nothing, r#""staging""#, "The environment that it is shared with and that declares it, under the same name; nothing else is said here then."),
        key("shared", Boolean, Nothing, "true", "Likewise, where only one other environment declares it: instead of `from`."),
        key("endpoint", Text(Format::Endpoint), Nothing, r#""http://127.0.0.1:4566""#, "Where `towpath doctor` asks for it, instead of at the vendor's own address."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static FREEZE: TableSpec = TableSpec {
    name: "freeze",
    doc: "A window in which nothing is deployed: once (from, until) or every week (weekly). It covers all environments unless it names some.",
    keys: &[
        key("name", NAME, Refused, r#""year-end""#, "Its name."),
        key("reason", PROSE, Nothing, r#""Nobody is here""#, "Why."),
        key("environments", NAMES, Nothing, r#"["production"]"#, "Environments that it covers, by name or alias."),
        key("groups", NAMES, Nothing, r#"["production"]"#, "Groups that it covers, by name or alias."),
        key("zone", Text(Format::Zone), Absent::Text("UTC"), r#""Europe/Berlin""#, "The IANA time zone in which its times are written."),
        key("from", Text(Format::Moment), Nothing, r#""2026-12-20T00:00""#, "Its first moment, such as \"2026-12-20T00:00\"."),
        key("until", Text(Format::Moment), Nothing, r#""2027-01-03T08:00""#, "The first moment after it."),
        key("weekly", Text(Format::Week), Nothing, r#""Fri 16:00 - Mon 08:00""#, "Every week, such as \"Fri 16:00 - Mon 08:00\"."),
    ],
    one_of: &[&["from", "until"], &["weekly"]],
};

impl TableSpec {
    /// The key of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}
