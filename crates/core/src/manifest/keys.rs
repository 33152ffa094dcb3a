//! The tables and keys of `towpath.toml`: the one list from which the parser, its defaults and the JSON Schema are made.

use super::format::Format;

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

const fn key(name: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        absent,
        doc,
    }
}

use Absent::{Nothing, Refused};
use Kind::{
    Commands, Duration, DurationOrZero, Integer, List, Ratio, Table, Tables, Text, Texts, Variables,
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
        key("project", Table(&PROJECT), Refused, "The project itself."),
        key("groups", Tables(Format::Name, &GROUP), Nothing, "Groups of environments, by name."),
        key("roles", Tables(Format::Name, &ROLE), Nothing, "Who holds which role, by name. Without any role, the machine's user may do everything."),
        key("services", Tables(Format::Name, &SERVICE), Nothing, "The processes that the project runs, by name."),
        key("databases", Tables(Format::Name, &DATABASE), Nothing, "The data that they keep, by name."),
        key("environments", Tables(Format::Name, &ENVIRONMENT), Nothing, "The environments, by name, in the order in which people see them."),
        key("freezes", List(&FREEZE), Nothing, "Windows in which nothing is deployed."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static PROJECT: TableSpec = TableSpec {
    name: "project",
    doc: "The project itself.",
    keys: &[
        key("name", NAME, Refused, "Its name."),
        key("description", PROSE, Nothing, "What it is."),
        key("cache", Texts(Format::Path), Absent::Texts(&["target"]), "Directories that survive between builds and are never part of an artifact."),
        key("build_within", Duration, Absent::Text("30m"), "How long a build may take."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static GROUP: TableSpec = TableSpec {
    name: "group",
    doc: "A group of environments.",
    keys: &[
        key("description", PROSE, Nothing, "What it is for."),
        key("aliases", NAMES, Nothing, "Other names that people type."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ROLE: TableSpec = TableSpec {
    name: "role",
    doc: "Who holds a role.",
    keys: &[
        key("members", Texts(Format::Email), Nothing, "E-mail addresses."),
        key("idp_groups", Texts(Format::Filled), Nothing, "Groups of the identity provider; they count where a server authenticates people."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static SERVICE: TableSpec = TableSpec {
    name: "service",
    doc: "A process that the project runs. PORT and the environment's config arrive as variables.",
    keys: &[
        key("build", COMMAND, Nothing, "The command that builds it, run in a clean work tree."),
        key("artifact", Text(Format::Path), Nothing, "The file or directory that the build makes."),
        key("start", COMMAND, Refused, "The command that runs it, beside its artifact."),
        key("health", Table(&HEALTH), Nothing, "How to tell that it works. Without it, a service is healthy that accepts connections."),
        key("instances", Integer(1, 64), Absent::Integer(1), "How many copies run."),
        key("stop_within", DurationOrZero, Absent::Text("10s"), "How long it may take to end by itself when stopped."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static HEALTH: TableSpec = TableSpec {
    name: "health",
    doc: "How to tell that a service works.",
    keys: &[
        key("path", Text(Format::UrlPath), Nothing, "The path to GET, answered by a status from 200 to 399. Without it, a connection is enough."),
        key("within", Duration, Absent::Text("20s"), "How long a new instance may take until it is healthy."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static DATABASE: TableSpec = TableSpec {
    name: "database",
    doc: "A database that services keep.",
    keys: &[
        key("engine", Text(Format::Engine), Absent::Text("sqlite"), "Which engine it is; \"postgres\" and \"mysql\" are not yet supported."),
        key("migrations", Text(Format::Path), Nothing, "The directory of its migrations."),
        key("url", Text(Format::Variable), Absent::Text("DATABASE_URL"), "The variable in which services find its URL."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ENVIRONMENT: TableSpec = TableSpec {
    name: "environment",
    doc: "An environment. At least one of branch, after and used_by says how releases come to it.",
    keys: &[
        key("description", PROSE, Nothing, "What it is."),
        key("purpose", PROSE, Nothing, "What it is for."),
        key("url", Text(Format::Link), Nothing, "Where people open it."),
        key("audience", Texts(Format::Filled), Nothing, "Who uses what runs here, in words, such as \"end users\"; `used_by` names roles."),
        key("aliases", NAMES, Nothing, "Other names that people type."),
        key("group", NAME, Nothing, "The group it belongs to."),
        key("branch", Text(Format::Branch), Nothing, "The branch, or pattern of branches, that feeds it."),
        key("after", NAMES, Nothing, "Environments in which a release must be verified first."),
        key("mirrors", NAME, Nothing, "The environment that it mirrors."),
        key("used_by", NAMES, Nothing, "Roles of the people who use it; unless `allow` says otherwise, they may deploy to it and roll it back."),
        key("allow", Table(&ALLOW), Nothing, "Which roles may do what, where it is not `used_by`."),
        key("test", Commands(&TEST), Nothing, "Commands that test the deployed release, in order."),
        key("smoke", List(&SMOKE), Nothing, "Requests made right after the rollout, in order."),
        key("sign_off", List(&SIGN_OFF), Nothing, "Signatures that a release needs, in order."),
        key("watch", Table(&WATCH), Nothing, "What is watched after the rollout."),
        key("on_failure", Text(Format::Choice(&["rollback", "hold"])), Nothing, "What happens when something fails after traffic has moved: \"rollback\" (the default in the group named or aliased production or prod) or \"hold\" (elsewhere)."),
        key("keep_warm", DurationOrZero, Absent::Text("10m"), "How long the release before stays ready to take the traffic back."),
        key("config", Variables, Nothing, "Plain configuration, handed to services and commands as variables."),
        key("databases", Tables(Format::Name, &ENVIRONMENT_DATABASE), Nothing, "What this environment says about a database, by name."),
        key("services", Tables(Format::Name, &ENVIRONMENT_SERVICE), Nothing, "What this environment says about a service, by name."),
        key("resources", Tables(Format::ResourceName, &RESOURCE), Nothing, "Vendors' things that it uses, by name."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ALLOW: TableSpec = TableSpec {
    name: "allow",
    doc: "Which roles may do what in an environment.",
    keys: &[
        key("deploy", NAMES, Nothing, "Roles that may deploy to it, promote into it, retry and cancel."),
        key("rollback", NAMES, Nothing, "Roles that may roll it back."),
        key("lock", NAMES, Nothing, "Roles that may lock it, hold it, and release either."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static TEST: TableSpec = TableSpec {
    name: "test",
    doc: "A command that tests the deployed release; exit status 0 passes, any other fails.",
    keys: &[
        key("run", COMMAND, Refused, "The command, run by `sh -c` in a clean work tree of the release's commit."),
        key("within", Duration, Absent::Text("15m"), "How long it may take."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static SMOKE: TableSpec = TableSpec {
    name: "smoke",
    doc: "A request and the answer it should get.",
    keys: &[
        key("get", Text(Format::UrlPath), Refused, "The path to GET."),
        key("expect", Integer(100, 599), Absent::Integer(200), "The status expected."),
        key("contains", Text(Format::Filled), Nothing, "A text that the body must contain."),
        key("within", Duration, Absent::Text("5s"), "How long the answer may take."),
        key("service", NAME, Nothing, "The service to ask; not needed where there is only one."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static SIGN_OFF: TableSpec = TableSpec {
    name: "sign_off",
    doc: "A signature that a release needs.",
    keys: &[
        key("name", NAME, Refused, "Its name."),
        key("role", NAME, Refused, "Who may sign."),
        key("within", Duration, Absent::Text("7d"), "How long it is waited for."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static WATCH: TableSpec = TableSpec {
    name: "watch",
    doc: "What is watched after the rollout, and for how long.",
    keys: &[
        key("for", Duration, Refused, "How long."),
        key("probes", List(&PROBE), Nothing, "What is asked again and again."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static PROBE: TableSpec = TableSpec {
    name: "probe",
    doc: "One thing asked again and again: a request (get), the share of failed requests (error_ratio), or a command.",
    keys: &[
        key("get", Text(Format::UrlPath), Nothing, "The path to GET."),
        key("expect", Integer(100, 599), Absent::Integer(200), "The status expected; with get."),
        key("contains", Text(Format::Filled), Nothing, "A text that the body must contain; with get."),
        key("error_ratio", Ratio, Nothing, "The highest share of a service's requests that may fail between two looks, from 0 to 1."),
        key("command", COMMAND, Nothing, "A command; exit status 0 passes."),
        key("within", Duration, Absent::Text("5s"), "How long the answer or the command may take; with get or command."),
        key("service", NAME, Nothing, "The service to ask, with get or error_ratio; not needed where there is only one."),
        key("every", Duration, Absent::Text("5s"), "How often."),
        key("max_failures", Integer(1, 10_000), Absent::Integer(3), "How many failures in a row mean that the release is bad."),
    ],
    one_of: &[&["get"], &["error_ratio"], &["command"]],
};

#[rustfmt::skip]
pub(super) static ENVIRONMENT_DATABASE: TableSpec = TableSpec {
    name: "environment_database",
    doc: "What an environment says about a database.",
    keys: &[
        key("same_as", NAME, Nothing, "It is the database of this other environment."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static ENVIRONMENT_SERVICE: TableSpec = TableSpec {
    name: "environment_service",
    doc: "What an environment says about a service.",
    keys: &[
        key("listen", Text(Format::Address), Nothing, "Where end users reach it; without it, at a free loopback port that stays its own."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static RESOURCE: TableSpec = TableSpec {
    name: "resource",
    doc: "A vendor's thing that an environment uses.",
    keys: &[
        key("description", PROSE, Nothing, "What it does for the environment."),
        key("kind", Text(Format::Filled), Nothing, "The vendor's product, such as \"okta\"."),
        key("id", Text(Format::Filled), Nothing, "The vendor's identifier."),
        key("link", Text(Format::Link), Nothing, "Where people look at it."),
        key("title", PROSE, Nothing, "What people call it, such as \"Outgoing mail\"."),
        key("owner", Text(Format::Filled), Nothing, "Who looks after it: a role, a team or a person."),
        key("config", Texts(Format::Variable), Nothing, "The keys of configuration and secrets that belong to it."),
        key("from", NAME, Nothing, "The environment that it is shared with and that declares it, under the same name; nothing else is said here then."),
    ],
    one_of: &[],
};

#[rustfmt::skip]
pub(super) static FREEZE: TableSpec = TableSpec {
    name: "freeze",
    doc: "A window in which nothing is deployed: once (from, until) or every week (weekly). It covers all environments unless it names some.",
    keys: &[
        key("name", NAME, Refused, "Its name."),
        key("reason", PROSE, Nothing, "Why."),
        key("environments", NAMES, Nothing, "Environments that it covers, by name or alias."),
        key("groups", NAMES, Nothing, "Groups that it covers, by name or alias."),
        key("zone", Text(Format::Zone), Absent::Text("UTC"), "The IANA time zone in which its times are written."),
        key("from", Text(Format::Moment), Nothing, "Its first moment, such as \"2026-12-20T00:00\"."),
        key("until", Text(Format::Moment), Nothing, "The first moment after it."),
        key("weekly", Text(Format::Week), Nothing, "Every week, such as \"Fri 16:00 - Mon 08:00\"."),
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
