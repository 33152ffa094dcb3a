//! The manifest's values after parsing and validation: every reference resolves, every default is filled in.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::pattern;
use crate::{
    config::Type,
    names::{DatabaseName, EnvironmentName, GroupName, ProjectName, RoleName, ServiceName},
    time::as_millis,
};

/// A valid manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The project's name.
    pub project: ProjectName,
    /// What the project is.
    #[serde(default)]
    pub description: Option<String>,
    /// Directories, relative to the repository's root, that survive between builds and are never part of an artifact.
    pub cache: Vec<String>,
    /// How long a build may take.
    #[serde(with = "as_millis")]
    pub build_within: Duration,
    /// Groups of environments.
    pub groups: BTreeMap<GroupName, Group>,
    /// Who holds which role.
    pub roles: Roles,
    /// The processes that the project runs.
    pub services: BTreeMap<ServiceName, Service>,
    /// The data that they keep.
    pub databases: BTreeMap<DatabaseName, Database>,
    /// The keys of configuration and secrets. Where there is none, environments say what they like.
    #[serde(default)]
    pub config: BTreeMap<String, ConfigKey>,
    /// Whose keys open secret files, by name.
    #[serde(default)]
    pub recipients: BTreeMap<String, Recipient>,
    /// The environments, in the manifest's order.
    pub environments: Vec<Environment>,
    /// Windows in which nothing is deployed.
    pub freezes: Vec<Freeze>,
}

/// Roles by name. Without any role, the machine's user may do everything.
pub type Roles = BTreeMap<RoleName, Role>;

/// A group of environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What it is for.
    pub description: Option<String>,
    /// Other names that people type.
    pub aliases: Vec<String>,
    /// Configuration of all its environments, unless they say otherwise.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Accounts or projects at a cloud that hold its environments, by name.
    #[serde(default)]
    pub homes: BTreeMap<String, Home>,
}

/// A key of configuration, or a secret, as it is declared once for all environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigKey {
    /// What its value must be.
    pub value_type: Type,
    /// What it is for.
    pub description: Option<String>,
    /// Whether every environment must have a value.
    pub required: bool,
    /// Its value where no environment says another.
    pub default: Option<String>,
    /// A value for people who have to find one.
    pub example: Option<String>,
    /// What an enum may be.
    pub values: Vec<String>,
    /// Whether it is a secret.
    pub secret: bool,
    /// The services that get it; `None` is all.
    pub services: Option<Vec<ServiceName>>,
    /// How services get it.
    pub handed: Handed,
    /// The variable that holds the value before, while a rotation is under way.
    pub previous: Option<String>,
}

/// How a service gets a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handed {
    /// As a variable.
    #[default]
    Variable,
    /// As a file, whose path the variable holds.
    File,
}

/// Somebody, or something, whose key opens secret files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The public key of an age pair.
    pub age: String,
    /// Whose it is, in lower case; `None` for a machine or an agent.
    pub person: Option<String>,
}

/// An account or project at a cloud that holds environments of a group, or a part of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Home {
    /// What people call it.
    pub title: Option<String>,
    /// What is in it.
    pub description: Option<String>,
    /// The vendor's product.
    pub kind: Option<String>,
    /// The vendor's identifier.
    pub id: Option<String>,
    /// Where people look at it.
    pub link: Option<String>,
    /// The environments that it holds.
    pub environments: Vec<EnvironmentName>,
    /// The home of the same group that it is nested in.
    pub part_of: Option<String>,
}

/// Who holds a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// E-mail addresses, in lower case.
    pub members: Vec<String>,
    /// Groups of the identity provider; they count only where a server authenticates people.
    pub idp_groups: Vec<String>,
}

/// A process that the project runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The command that builds it, run in a clean work tree.
    pub build: Option<String>,
    /// The file or directory that the build makes, relative to the repository's root.
    pub artifact: Option<String>,
    /// The command that runs it, beside its artifact.
    pub start: String,
    /// How to tell that it works. Without it, a service counts as healthy while it runs and accepts connections.
    pub health: HealthCheck,
    /// How many copies run.
    pub instances: u16,
    /// How long it may take to end by itself when stopped.
    #[serde(with = "as_millis")]
    pub stop_within: Duration,
}

/// How to tell that a service works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The path to GET, answered by a status from 200 to 399; `None` only connects.
    pub path: Option<String>,
    /// How long a new instance may take until it is healthy.
    #[serde(with = "as_millis")]
    pub within: Duration,
}

/// A database that services keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Which engine it is.
    pub engine: DatabaseEngine,
    /// The tool by whose rules the migrations lie there.
    #[serde(default)]
    pub layout: MigrationLayout,
    /// The directory of its migrations, relative to the repository's root; or a pattern of them, with a tool.
    pub migrations: Option<String>,
    /// The project's own tool; there where it applies the migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<MigrationTool>,
    /// The variable in which services find its URL.
    pub url: String,
    /// Whether it is copied before migrations change it.
    #[serde(default = "yes")]
    pub snapshot: bool,
    /// How many snapshots of it are kept.
    #[serde(default = "keep_snapshots")]
    pub keep_snapshots: u16,
    /// How long a statement of a migration may wait for a lock on a server, while everybody else waits behind it.
    #[serde(default = "lock_timeout", with = "as_millis")]
    pub lock_timeout: Duration,
    /// How long a statement of a migration may take on a server that can be told.
    #[serde(default = "statement_timeout", with = "as_millis")]
    pub statement_timeout: Duration,
    /// The command that fills a developer's own database when it is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// How long that may take.
    #[serde(default = "seed_within", with = "as_millis")]
    pub seed_within: Duration,
}

// What was recorded before there were these keys.

fn yes() -> bool {
    true
}

fn keep_snapshots() -> u16 {
    10
}

fn lock_timeout() -> Duration {
    Duration::from_secs(3)
}

fn statement_timeout() -> Duration {
    Duration::from_mins(15)
}

fn migrate_within() -> Duration {
    Duration::from_mins(10)
}

fn seed_within() -> Duration {
    Duration::from_mins(10)
}

/// The commands of a project's own tool, and how what it tells is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationTool {
    /// Applies the migrations.
    pub migrate: String,
    /// Tells which are applied.
    pub status: String,
    /// A regular expression that finds those that are applied.
    pub applied: Option<String>,
    /// One that finds those that are not: all others are.
    pub pending: Option<String>,
    /// How long a deployment lets it migrate, and tell.
    #[serde(default = "migrate_within", with = "as_millis")]
    pub within: Duration,
}

/// A tool that migrates databases, and how it has its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationLayout {
    /// sqlx and its CLI.
    #[default]
    Sqlx,
    /// golang-migrate.
    GolangMigrate,
    /// dbmate.
    Dbmate,
    /// goose.
    Goose,
    /// Flyway.
    Flyway,
    /// refinery.
    Refinery,
    /// Diesel and its CLI.
    Diesel,
    /// The project's own tool applies them.
    Command,
}

impl MigrationLayout {
    /// Every one.
    pub const ALL: [MigrationLayout; 8] = [
        MigrationLayout::Sqlx,
        MigrationLayout::GolangMigrate,
        MigrationLayout::Dbmate,
        MigrationLayout::Goose,
        MigrationLayout::Flyway,
        MigrationLayout::Refinery,
        MigrationLayout::Diesel,
        MigrationLayout::Command,
    ];

    /// The tool's name, as the manifest has it.
    pub fn as_str(self) -> &'static str {
        match self {
            MigrationLayout::Sqlx => "sqlx",
            MigrationLayout::GolangMigrate => "golang-migrate",
            MigrationLayout::Dbmate => "dbmate",
            MigrationLayout::Goose => "goose",
            MigrationLayout::Flyway => "flyway",
            MigrationLayout::Refinery => "refinery",
            MigrationLayout::Diesel => "diesel",
            MigrationLayout::Command => "command",
        }
    }
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseEngine {
    /// A file, kept by Towpath in its data directory.
    #[default]
    Sqlite,
    /// A PostgreSQL server; where it is, the environment's configuration says.
    Postgres,
    /// A server of MySQL or MariaDB; where it is, the environment's configuration says.
    Mysql,
}

impl DatabaseEngine {
    /// Every one.
    pub const ALL: [DatabaseEngine; 3] = [
        DatabaseEngine::Sqlite,
        DatabaseEngine::Postgres,
        DatabaseEngine::Mysql,
    ];

    /// Its name, as the manifest has it.
    pub fn as_str(self) -> &'static str {
        match self {
            DatabaseEngine::Sqlite => "sqlite",
            DatabaseEngine::Postgres => "postgres",
            DatabaseEngine::Mysql => "mysql",
        }
    }

    /// Whether it is a server, of which configuration says where it is, and not a file of ours.
    pub fn is_server(self) -> bool {
        self != DatabaseEngine::Sqlite
    }
}

/// What going back may do to an environment's databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GoingBack {
    /// When down-migrations are run.
    #[serde(default)]
    pub undo: UndoRule,
    /// What is asked before what cannot be undone.
    #[serde(default)]
    pub no_return: NoReturnRule,
    /// How many verified releases, beside what is live and warm, must stay possible to return to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_safe_back: Option<u8>,
    /// Whether a release's way back must have been rehearsed before it comes here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proven: bool,
}

/// What is asked before a deployment that cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoReturnRule {
    /// Nothing.
    #[default]
    Allow,
    /// Somebody has to accept it.
    Ask,
}

/// When down-migrations are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UndoRule {
    /// When a person rolls back.
    #[default]
    Ask,
    /// Also by itself, after a failure.
    Automatic,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// What it is.
    pub description: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Where people open it.
    pub url: Option<String>,
    /// Who uses what runs here, in words.
    pub audience: Vec<String>,
    /// Other names that people type.
    pub aliases: Vec<String>,
    /// The group it belongs to.
    pub group: Option<GroupName>,
    /// The branch that feeds it.
    pub branch: Option<BranchPattern>,
    /// Environments in which a release must be verified before it is admitted here.
    pub after: Vec<EnvironmentName>,
    /// The environment that it mirrors.
    pub mirrors: Option<EnvironmentName>,
    /// How closely it must be mirrored.
    #[serde(default)]
    pub parity: Option<ParityRule>,
    /// What is accepted here for a time.
    #[serde(default)]
    pub accept: Vec<Acceptance>,
    /// What people do here beside what Towpath does, in order.
    #[serde(default)]
    pub by_hand: Vec<String>,
    /// Roles of the people who use it; unless `allow` says otherwise, they may deploy to it and roll it back.
    pub used_by: Vec<RoleName>,
    /// Who may do what; each falls back to `used_by`.
    pub allow: Allow,
    /// Commands that test the deployed release, in order.
    pub test: Vec<CommandCheck>,
    /// Requests made right after the rollout, in order.
    pub smoke: Vec<HttpCheck>,
    /// Signatures that a release needs, in order.
    pub sign_off: Vec<SignOffRule>,
    /// What is watched after the rollout.
    pub watch: Option<Watch>,
    /// What happens when something fails after traffic has moved.
    pub on_failure: OnFailure,
    /// How long the release before stays ready to take the traffic back.
    #[serde(with = "as_millis")]
    pub keep_warm: Duration,
    /// What going back may do to databases.
    #[serde(default)]
    pub going_back: GoingBack,
    /// Whether its databases must be what their applied migrations make before a release comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_drift: bool,
    /// Configuration, handed to services and commands as variables.
    pub config: BTreeMap<String, String>,
    /// Configuration that only one service gets here.
    #[serde(default)]
    pub service_config: BTreeMap<ServiceName, BTreeMap<String, String>>,
    /// Its secret file, relative to the repository's root.
    #[serde(default)]
    pub secrets: Option<String>,
    /// The names of recipients whose keys open its secret file.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// A developer's own dotenv file whose values win.
    #[serde(default)]
    pub overrides: Option<String>,
    /// Where each service listens; services that are not named here get a free loopback port that stays theirs.
    pub listen: BTreeMap<ServiceName, SocketAddr>,
    /// What this environment says about a database.
    pub databases: BTreeMap<DatabaseName, EnvironmentDatabase>,
    /// Vendors' things that it uses.
    pub resources: BTreeMap<String, Resource>,
}

/// How closely an environment must be mirrored before a release may come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParityRule {
    /// The lowest score, in percent, of each environment that mirrors it and that releases come from.
    pub min: u8,
}

/// Something that is not as it should be, and is accepted for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// What is accepted; `*` stands for any run of characters.
    pub difference: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it is accepted.
    pub until: jiff::civil::Date,
}

/// Which roles may do what in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Allow {
    /// Deploy to it, promote into it, retry and cancel.
    pub deploy: Option<Vec<RoleName>>,
    /// Roll it back.
    pub rollback: Option<Vec<RoleName>>,
    /// Lock it, hold it, and release either.
    pub lock: Option<Vec<RoleName>>,
    /// See which secrets it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_secrets: Option<Vec<RoleName>>,
    /// Read its secrets, and run commands with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_secrets: Option<Vec<RoleName>>,
    /// Set, rotate and remove its secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_secrets: Option<Vec<RoleName>>,
}

/// The branches that feed an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BranchPattern(pub String);

impl BranchPattern {
    /// Whether the pattern names this branch; `*` stands for any run of characters, slashes included.
    pub fn matches(&self, branch: &str) -> bool {
        pattern::matches(&self.0, branch)
    }

    /// The branch itself, when the pattern names exactly one.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }
}

/// A command that tests a deployed release; exit status 0 passes, any other fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandCheck {
    /// The command line, run by `sh -c` in a clean work tree of the release's commit.
    pub run: String,
    /// How long it may take.
    #[serde(with = "as_millis")]
    pub within: Duration,
}

/// A request and the answer it should get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// The path to GET.
    pub get: String,
    /// The service to ask; the only one, where there is only one.
    pub service: ServiceName,
    /// The status expected.
    pub expect: u16,
    /// A text that the body must contain.
    pub contains: Option<String>,
    /// How long the answer may take.
    #[serde(with = "as_millis")]
    pub within: Duration,
}

/// A signature that a release needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOffRule {
    /// Its name, such as `qa`.
    pub name: String,
    /// Who may sign.
    pub role: RoleName,
    /// How long it is waited for.
    #[serde(with = "as_millis")]
    pub within: Duration,
}

/// What is watched after the rollout, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// The window.
    #[serde(with = "as_millis")]
    pub window: Duration,
    /// What is asked again and again.
    pub probes: Vec<Probe>,
}

/// One thing asked again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub check: ProbeCheck,
    /// How often.
    #[serde(with = "as_millis")]
    pub every: Duration,
    /// How many failures in a row mean that the release is bad.
    pub max_failures: u32,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeCheck {
    /// A request; its status and, by `within`, its latency.
    Http(HttpCheck),
    /// The share of a service's requests at the proxy that failed since the last look.
    ErrorRatio {
        /// The service.
        service: ServiceName,
        /// The highest share that passes, from 0 to 1.
        max: f64,
    },
    /// A command.
    Command(CommandCheck),
}

impl std::fmt::Display for ProbeCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProbeCheck::Http(check) => write!(f, "GET {}", check.get),
            ProbeCheck::ErrorRatio { service, max } => {
                write!(f, "error ratio of {service} at most {max}")
            }
            ProbeCheck::Command(check) => write!(f, "`{}`", check.run),
        }
    }
}

/// What happens when something fails after traffic has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The last verified release takes the traffic back.
    Rollback,
    /// Everything stays as it is, so that people can look.
    Hold,
}

/// What an environment says about a database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnvironmentDatabase {
    /// It is the database of another environment.
    pub same_as: Option<EnvironmentName>,
}

/// A vendor's thing that an environment uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What people call it.
    pub title: Option<String>,
    /// What it does for the environment.
    pub description: Option<String>,
    /// The vendor's product, such as `okta`.
    pub kind: Option<String>,
    /// The vendor's identifier.
    pub id: Option<String>,
    /// Where people look at it.
    pub link: Option<String>,
    /// Who looks after it: a role, a team or a person.
    pub owner: Option<String>,
    /// The keys of configuration and secrets that belong to it.
    pub config: Vec<String>,
    /// The environment that declares it, where that is another one; all else is as it is said there.
    pub from: Option<EnvironmentName>,
    /// Where it is asked for, instead of at the vendor's own address.
    #[serde(default)]
    pub endpoint: Option<String>,
}

/// A window in which nothing is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Its name, such as `year-end`.
    pub name: String,
    /// Why.
    pub reason: Option<String>,
    /// The environments that it covers, groups resolved.
    pub environments: Vec<EnvironmentName>,
    /// The IANA time zone in which it is written.
    pub zone: String,
    /// When.
    pub window: FreezeWindow,
}

/// When a freeze holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FreezeWindow {
    /// Once, from a civil date and time up to another.
    Once {
        /// The first moment, in the freeze's zone.
        from: jiff::civil::DateTime,
        /// The first moment after it.
        until: jiff::civil::DateTime,
    },
    /// Every week, from a day and time up to another; it may span the week's end.
    Weekly {
        /// The first day, 1 for Monday to 7 for Sunday.
        from_day: i8,
        /// The first moment of that day.
        from: jiff::civil::Time,
        /// The last day.
        until_day: i8,
        /// The first moment after it.
        until: jiff::civil::Time,
    },
}

impl Manifest {
    /// The developer's own file whose values win in an environment, relative to the repository's root.
    pub fn override_file<'a>(&self, environment: &'a Environment) -> Option<&'a str> {
        let is_local = environment.answers_to("local") && !self.is_production(environment);
        let default = is_local.then_some(".env.local");
        environment.overrides.as_deref().or(default)
    }

    /// Finds an environment by its name or an alias, whatever the case.
    pub fn environment(&self, typed: &str) -> Option<&Environment> {
        let typed = typed.to_lowercase();
        self.environments
            .iter()
            .find(|e| e.name.as_str() == typed || e.aliases.contains(&typed))
    }

    /// The environments that a branch feeds, in the manifest's order.
    pub fn fed_by<'a>(&'a self, branch: &'a str) -> impl Iterator<Item = &'a Environment> {
        self.environments.iter().filter(move |e| {
            e.branch
                .as_ref()
                .is_some_and(|pattern| pattern.matches(branch))
        })
    }

    /// The environments that really use a database which one of them keeps.
    pub fn users_of<'a>(
        &'a self,
        database: &'a DatabaseName,
        home: &'a EnvironmentName,
    ) -> impl Iterator<Item = &'a EnvironmentName> {
        let names = self
            .environments
            .iter()
            .map(|environment| &environment.name);
        names.filter(move |name| self.database_home(name, database) == *home)
    }

    /// The environment whose database an environment really uses.
    pub fn database_home(
        &self,
        environment: &EnvironmentName,
        database: &DatabaseName,
    ) -> EnvironmentName {
        let mut home = environment.clone();
        // `same_as` has no cycles in a valid manifest; the bound keeps an invalid one from spinning.
        for _ in 0..self.environments.len() {
            match self
                .environments
                .iter()
                .find(|e| e.name == home)
                .and_then(|e| e.databases.get(database))
                .and_then(|d| d.same_as.clone())
            {
                Some(next) => home = next,
                None => break,
            }
        }
        home
    }
}

impl Environment {
    /// The file of its secrets, relative to the repository's root.
    pub fn secret_file(&self) -> String {
        let named = || format!("secrets/{}.yaml", self.name);
        self.secrets.clone().unwrap_or_else(named)
    }

    /// Whether an environment is found by this name or alias.
    pub fn answers_to(&self, typed: &str) -> bool {
        let typed = typed.to_lowercase();
        self.name.as_str() == typed || self.aliases.contains(&typed)
    }
}
