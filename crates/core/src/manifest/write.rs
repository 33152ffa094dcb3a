//! The text of a manifest, from its values: what [`parse`](super::parse) reads as the same manifest. Defaults are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    time::Duration,
};

use super::{
    Acceptance, CommandCheck, ConfigKey, Database, DatabaseEngine, Environment, Freeze,
    FreezeWindow, Group, Handed, Home, HttpCheck, Manifest, MigrationLayout, NoReturnRule,
    OnFailure, Probe, ProbeCheck, Resource, Service, SignOffRule, UndoRule, Watch,
    keys::{
        Absent, DATABASE, ENVIRONMENT, FREEZE, HEALTH, PROBE, PROJECT, SERVICE, SIGN_OFF, SMOKE,
        TEST, TableSpec,
    },
};
use crate::{config::Type, time::parse_duration};

/// A table as it is written: its path, and its keys with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The names from the root to it.
    pub(crate) path: Vec<String>,
    /// Whether it is one of a list, under a header in two brackets.
    pub(crate) is_item: bool,
    /// Lines for people that stand above it.
    pub(crate) comments: Vec<String>,
    /// Keys and values, the values as TOML.
    pub(crate) keys: Vec<(&'static str, String)>,
}

/// Writes a manifest.
///
/// ```
/// use towpath_core::manifest::{parse, write};
///
/// let text = "project = { name = \"guestbook\" }\nenvironments.production = { branch = \"main\" }\n";
/// let manifest = parse(text, "towpath.toml").expect("valid").manifest;
/// let written = write(&manifest);
/// assert_eq!(written, "[project]\nname = \"guestbook\"\n\n[environments.production]\nbranch = \"main\"\n");
/// assert_eq!(parse(&written, "towpath.toml").expect("valid").manifest, manifest);
/// ```
pub fn write(manifest: &Manifest) -> String {
    text(&sections(manifest))
}

/// The tables of a manifest, in the order in which people write them.
pub(crate) fn sections(manifest: &Manifest) -> Vec<Section> {
    let mut all = vec![project(manifest)];
    for (name, written) in &manifest.groups {
        all.extend(group(name.as_str(), written));
    }
    for (name, role) in &manifest.roles {
        let mut section = Section::at(&["roles", name.as_str()]);
        section.texts("members", &role.members, &[]);
        section.texts("idp_groups", &role.idp_groups, &[]);
        all.push(section);
    }
    for (name, written) in &manifest.services {
        all.push(service(name.as_str(), written));
    }
    for (name, written) in &manifest.databases {
        all.push(database(name.as_str(), written));
    }
    for (name, key) in &manifest.config {
        all.push(config_key(name, key));
    }
    for (name, recipient) in &manifest.recipients {
        let mut section = Section::at(&["recipients", name]);
        section.text("age", Some(&recipient.age));
        section.text("person", recipient.person.as_deref());
        all.push(section);
    }
    for written in &manifest.environments {
        environment(manifest, written, &mut all);
    }
    all.extend(
        manifest
            .freezes
            .iter()
            .map(|written| freeze(manifest, written)),
    );
    all
}

/// The tables as TOML.
pub(crate) fn text(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        if !text.is_empty() {
            text.push('\n');
        }
        for comment in &section.comments {
            let comment = comment.replace(char::is_control, " ");
            let _ = writeln!(text, "# {comment}");
        }
        let path: Vec<String> = section.path.iter().map(|part| bare(part)).collect();
        let path = path.join(".");
        let _ = match section.is_item {
            true => writeln!(text, "[[{path}]]"),
            false => writeln!(text, "[{path}]"),
        };
        for (key, value) in &section.keys {
            let _ = writeln!(text, "{key} = {}", wrapped(key, value));
        }
    }
    text
}

/// A list of texts that is too long for a line, an item a line.
fn wrapped(key: &str, value: &str) -> String {
    let inner = value
        .strip_prefix("[\"")
        .and_then(|rest| rest.strip_suffix("\"]"));
    match inner {
        // Quotes within a text have a backslash before them: this is between two of them.
        Some(inner) if key.len() + value.len() > 100 && inner.contains("\", \"") => {
            let items = inner.split("\", \"").map(|item| format!("  \"{item}\",\n"));
            format!("[\n{}]", items.collect::<String>())
        }
        _ => value.to_owned(),
    }
}

impl Section {
    fn at(path: &[&str]) -> Section {
        Section {
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            is_item: false,
            comments: Vec::new(),
            keys: Vec::new(),
        }
    }

    fn put(&mut self, key: &'static str, value: String) {
        self.keys.push((key, value));
    }

    fn text(&mut self, key: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(key, quoted(value));
        }
    }

    fn variables(&mut self, config: &BTreeMap<String, String>) {
        let pairs = config
            .iter()
            .map(|(key, value)| (key.as_str(), quoted(value)));
        let pairs: Vec<(&str, String)> = pairs.collect();
        if !pairs.is_empty() {
            self.put("config", inline(&pairs));
        }
    }

    fn texts<T: AsRef<str>>(&mut self, key: &'static str, values: &[T], default: &[&str]) {
        let is_default = values.iter().map(AsRef::as_ref).eq(default.iter().copied());
        if !is_default {
            self.put(key, list(values));
        }
    }
}

fn project(manifest: &Manifest) -> Section {
    let mut section = Section::at(&["project"]);
    section.text("name", Some(manifest.project.as_str()));
    section.text("description", manifest.description.as_deref());
    section.texts("cache", &manifest.cache, default_texts(&PROJECT, "cache"));
    section
        .keys
        .extend(duration(&PROJECT, "build_within", manifest.build_within));
    section
}

fn group(name: &str, group: &Group) -> Vec<Section> {
    let mut section = Section::at(&["groups", name]);
    section.text("description", group.description.as_deref());
    section.texts("aliases", &group.aliases, &[]);
    section.variables(&group.config);
    let homes = group.homes.iter();
    std::iter::once(section)
        .chain(homes.map(|(home_name, written)| home(name, home_name, written)))
        .collect()
}

fn home(group: &str, name: &str, home: &Home) -> Section {
    let mut section = Section::at(&["groups", group, "homes", name]);
    section.text("title", home.title.as_deref());
    section.text("description", home.description.as_deref());
    section.text("kind", home.kind.as_deref());
    section.text("id", home.id.as_deref());
    section.text("link", home.link.as_deref());
    section.texts("environments", &home.environments, &[]);
    section.text("part_of", home.part_of.as_deref());
    section
}

fn service(name: &str, service: &Service) -> Section {
    let mut section = Section::at(&["services", name]);
    section.text("build", service.build.as_deref());
    section.text("artifact", service.artifact.as_deref());
    section.text("start", Some(&service.start));
    let mut health: Vec<(&str, String)> = Vec::new();
    health.extend(service.health.path.as_deref().map(|p| ("path", quoted(p))));
    health.extend(duration(&HEALTH, "within", service.health.within));
    if !health.is_empty() {
        section.put("health", inline(&health));
    }
    if service.instances != 1 {
        section.put("instances", service.instances.to_string());
    }
    section
        .keys
        .extend(duration(&SERVICE, "stop_within", service.stop_within));
    section
}

fn database(name: &str, database: &Database) -> Section {
    let mut section = Section::at(&["databases", name]);
    if database.engine != DatabaseEngine::default() {
        section.text("engine", Some(database.engine.as_str()));
    }
    if database.layout != MigrationLayout::default() {
        section.text("layout", Some(database.layout.as_str()));
    }
    section.text("migrations", database.migrations.as_deref());
    if let Some(tool) = &database.tool {
        section.text("migrate", Some(&tool.migrate));
        section.text("status", Some(&tool.status));
        section.text("applied", tool.applied.as_deref());
        section.text("pending", tool.pending.as_deref());
        let within = duration(&DATABASE, "migrate_within", tool.within);
        section.keys.extend(within);
    }
    if default_text(&DATABASE, "url") != Some(&database.url) {
        section.text("url", Some(&database.url));
    }
    if !database.snapshot {
        section.put("snapshot", "false".into());
    }
    if database.keep_snapshots != 10 {
        section.put("keep_snapshots", database.keep_snapshots.to_string());
    }
    section.text("seed", database.seed.as_deref());
    for (key, value) in [
        ("lock_timeout", database.lock_timeout),
        ("statement_timeout", database.statement_timeout),
        ("seed_within", database.seed_within),
    ] {
        section.keys.extend(duration(&DATABASE, key, value));
    }
    section
}

fn config_key(name: &str, key: &ConfigKey) -> Section {
    let mut section = Section::at(&["config", name]);
    if key.value_type != Type::default() {
        section.text("type", Some(key.value_type.name()));
    }
    section.text("description", key.description.as_deref());
    if !key.required {
        section.put("required", "false".into());
    }
    section.text("default", key.default.as_deref());
    section.text("example", key.example.as_deref());
    section.texts("values", &key.values, &[]);
    if key.secret {
        section.put("secret", "true".into());
    }
    if let Some(services) = &key.services {
        section.put("services", list(services));
    }
    if key.handed == Handed::File {
        section.text("as", Some("file"));
    }
    section.text("previous", key.previous.as_deref());
    section
}

fn environment(manifest: &Manifest, environment: &Environment, all: &mut Vec<Section>) {
    let name = environment.name.as_str();
    let mut section = Section::at(&["environments", name]);
    let e = environment;
    section.text("description", e.description.as_deref());
    section.text("purpose", e.purpose.as_deref());
    section.text("url", e.url.as_deref());
    section.texts("audience", &e.audience, &[]);
    section.texts("aliases", &e.aliases, &[]);
    section.text("group", e.group.as_ref().map(|group| group.as_str()));
    section.text("branch", e.branch.as_ref().map(|branch| branch.0.as_str()));
    section.texts("after", &e.after, &[]);
    section.text("mirrors", e.mirrors.as_ref().map(|name| name.as_str()));
    if let Some(parity) = e.parity {
        section.put("parity", inline(&[("min", parity.min.to_string())]));
    }
    tables(&mut section, "accept", &e.accept, acceptance);
    section.texts("by_hand", &e.by_hand, &[]);
    section.texts("used_by", &e.used_by, &[]);
    let allow = [
        ("deploy", &e.allow.deploy),
        ("rollback", &e.allow.rollback),
        ("lock", &e.allow.lock),
        ("list_secrets", &e.allow.list_secrets),
        ("read_secrets", &e.allow.read_secrets),
        ("write_secrets", &e.allow.write_secrets),
    ];
    let allow: Vec<_> = allow
        .into_iter()
        .filter_map(|(key, roles)| Some((key, list(roles.as_ref()?))))
        .collect();
    if !allow.is_empty() {
        section.put("allow", inline(&allow));
    }
    tables(&mut section, "test", &e.test, command);
    tables(&mut section, "smoke", &e.smoke, |check| {
        inline(&http(&SMOKE, check))
    });
    tables(&mut section, "sign_off", &e.sign_off, sign_off);
    if let Some(watched) = &e.watch {
        section.put("watch", watch(watched));
    }
    let word = match (e.on_failure, manifest.is_production(e)) {
        (OnFailure::Rollback, false) => Some("rollback"),
        (OnFailure::Hold, true) => Some("hold"),
        _ => None,
    };
    section.text("on_failure", word);
    section
        .keys
        .extend(duration(&ENVIRONMENT, "keep_warm", e.keep_warm));
    let undo = match e.going_back.undo {
        UndoRule::Ask => None,
        UndoRule::Automatic => Some("automatic"),
    };
    section.text("undo", undo);
    let no_return = match (e.going_back.no_return, manifest.is_production(e)) {
        (NoReturnRule::Ask, false) => Some("ask"),
        (NoReturnRule::Allow, true) => Some("allow"),
        _ => None,
    };
    section.text("no_return", no_return);
    if let Some(many) = e.going_back.keep_safe_back {
        section.put("keep_safe_back", many.to_string());
    }
    let words = [
        (e.going_back.proven, "rollback-proven"),
        (e.no_drift, "no-drift"),
    ];
    let words = words.into_iter().filter(|(is_asked, _)| *is_asked);
    let require: Vec<String> = words.map(|(_, word)| word.to_owned()).collect();
    section.texts("require", &require, &[]);
    section.text("secrets", e.secrets.as_deref());
    section.texts("recipients", &e.recipients, &[]);
    section.text("overrides", e.overrides.as_deref());
    section.variables(&e.config);
    all.push(section);
    environment_tables(environment, all);
}

fn environment_tables(environment: &Environment, all: &mut Vec<Section>) {
    let name = environment.name.as_str();
    for (database, said) in &environment.databases {
        let mut section = Section::at(&["environments", name, "databases", database.as_str()]);
        section.text("same_as", said.same_as.as_ref().map(|home| home.as_str()));
        all.push(section);
    }
    let listening = environment.listen.keys();
    let services: BTreeSet<_> = listening.chain(environment.service_config.keys()).collect();
    for service in services {
        let mut section = Section::at(&["environments", name, "services", service.as_str()]);
        let address = environment.listen.get(service).map(ToString::to_string);
        section.text("listen", address.as_deref());
        if let Some(config) = environment.service_config.get(service) {
            section.variables(config);
        }
        all.push(section);
    }
    for (resource_name, written) in &environment.resources {
        all.push(resource(name, resource_name, written));
    }
}

fn resource(environment: &str, name: &str, resource: &Resource) -> Section {
    let mut section = Section::at(&["environments", environment, "resources", name]);
    if let Some(from) = &resource.from {
        section.text("from", Some(from.as_str()));
        return section;
    }
    section.text("title", resource.title.as_deref());
    section.text("description", resource.description.as_deref());
    section.text("kind", resource.kind.as_deref());
    section.text("id", resource.id.as_deref());
    section.text("link", resource.link.as_deref());
    section.text("owner", resource.owner.as_deref());
    section.texts("config", &resource.config, &[]);
    section.text("endpoint", resource.endpoint.as_deref());
    section
}

fn acceptance(acceptance: &Acceptance) -> String {
    inline(&[
        ("difference", quoted(&acceptance.difference)),
        ("reason", quoted(&acceptance.reason)),
        ("owner", quoted(&acceptance.owner)),
        ("until", quoted(&acceptance.until.to_string())),
    ])
}

fn command(command: &CommandCheck) -> String {
    let run = quoted(&command.run);
    match duration(&TEST, "within", command.within) {
        None => run,
        Some(within) => inline(&[("run", run), within]),
    }
}

fn http(spec: &'static TableSpec, check: &HttpCheck) -> Vec<(&'static str, String)> {
    let mut keys = vec![("get", quoted(&check.get))];
    if check.expect != 200 {
        keys.push(("expect", check.expect.to_string()));
    }
    keys.extend(check.contains.as_deref().map(|t| ("contains", quoted(t))));
    keys.extend(duration(spec, "within", check.within));
    keys.push(("service", quoted(check.service.as_str())));
    keys
}

fn sign_off(rule: &SignOffRule) -> String {
    let mut keys = vec![
        ("name", quoted(&rule.name)),
        ("role", quoted(rule.role.as_str())),
    ];
    keys.extend(duration(&SIGN_OFF, "within", rule.within));
    inline(&keys)
}

fn watch(watch: &Watch) -> String {
    let mut keys = vec![("for", quoted(&exact(watch.window)))];
    let probes: Vec<String> = watch.probes.iter().map(probe).collect();
    if !probes.is_empty() {
        keys.push(("probes", format!("[{}]", probes.join(", "))));
    }
    inline(&keys)
}

fn probe(probe: &Probe) -> String {
    let mut keys = match &probe.check {
        ProbeCheck::Http(check) => http(&PROBE, check),
        ProbeCheck::ErrorRatio { service, max } => vec![
            ("error_ratio", max.to_string()),
            ("service", quoted(service.as_str())),
        ],
        ProbeCheck::Command(command) => {
            let mut keys = vec![("command", quoted(&command.run))];
            keys.extend(duration(&PROBE, "within", command.within));
            keys
        }
    };
    keys.extend(duration(&PROBE, "every", probe.every));
    keys.push(("max_failures", probe.max_failures.to_string()));
    inline(&keys)
}

fn freeze(manifest: &Manifest, freeze: &Freeze) -> Section {
    let mut section = Section::at(&["freezes"]);
    section.is_item = true;
    section.text("name", Some(&freeze.name));
    section.text("reason", freeze.reason.as_deref());
    let everything = freeze.environments.len() == manifest.environments.len();
    match freeze.environments.as_slice() {
        _ if everything => {}
        // One that names nothing covers everything; to cover nothing, it names a group without environments.
        [] => {
            let members = |group| {
                let mut environments = manifest.environments.iter();
                environments.any(|environment| environment.group.as_ref() == Some(group))
            };
            let empty: Vec<_> = manifest.groups.keys().filter(|g| !members(*g)).collect();
            section.put("groups", list(&empty));
        }
        some => section.put("environments", list(some)),
    }
    if default_text(&FREEZE, "zone") != Some(&freeze.zone) {
        section.text("zone", Some(&freeze.zone));
    }
    match &freeze.window {
        FreezeWindow::Once { from, until } => {
            section.text("from", Some(&from.to_string()));
            section.text("until", Some(&until.to_string()));
        }
        FreezeWindow::Weekly {
            from_day,
            from,
            until_day,
            until,
        } => {
            let (from, until) = (from.strftime("%H:%M"), until.strftime("%H:%M"));
            let (from_day, until_day) = (day(*from_day), day(*until_day));
            let weekly = format!("{from_day} {from} - {until_day} {until}");
            section.text("weekly", Some(&weekly));
        }
    }
    section
}

fn day(day: i8) -> &'static str {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let at = usize::try_from(day).unwrap_or(1).saturating_sub(1);
    days.get(at).unwrap_or(&"Sun")
}

/// A list of tables under a key, where there is one.
fn tables<T>(section: &mut Section, key: &'static str, items: &[T], write: impl Fn(&T) -> String) {
    match items {
        [] => {}
        [only] => section.put(key, format!("[{}]", write(only))),
        several => {
            let lines: String = several
                .iter()
                .map(|item| format!("  {},\n", write(item)))
                .collect();
            section.put(key, format!("[\n{lines}]"));
        }
    }
}

fn inline(keys: &[(&str, String)]) -> String {
    let pairs: Vec<String> = keys
        .iter()
        .map(|(key, value)| format!("{} = {value}", bare(key)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

fn list<T: AsRef<str>>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(value.as_ref())).collect();
    format!("[{}]", values.join(", "))
}

/// A length of time, unless it is the key's default.
fn duration(
    spec: &'static TableSpec,
    key: &'static str,
    value: Duration,
) -> Option<(&'static str, String)> {
    let default = default_text(spec, key).and_then(|text| parse_duration(text).ok());
    (default != Some(value)).then(|| (key, quoted(&exact(value))))
}

/// A length of time that is read as the same one.
fn exact(span: Duration) -> String {
    let ms = span.as_millis();
    for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms != 0 && ms.is_multiple_of(unit) {
            return format!("{}{name}", ms / unit);
        }
    }
    match ms {
        0 => "0s".into(),
        ms => format!("{ms}ms"),
    }
}

fn default_text(spec: &'static TableSpec, key: &str) -> Option<&'static str> {
    match spec.find(key)?.absent {
        Absent::Text(text) => Some(text),
        _ => None,
    }
}

fn default_texts(spec: &'static TableSpec, key: &str) -> &'static [&'static str] {
    match spec.find(key).map(|key| key.absent) {
        Some(Absent::Texts(texts)) => texts,
        _ => &[],
    }
}

/// A key, in quotes where it needs them.
pub(crate) fn bare(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => quoted(key),
    }
}

/// A text in quotes, in one line. It never holds what begins a comment in HTML, so that it can stand on a page.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '<' if text[at..].starts_with("<!") => quoted.push_str("\\u003C"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    fn read(text: &str) -> Manifest {
        match parse(text, "towpath.toml") {
            Ok(parsed) => parsed.manifest,
            Err(problems) => panic!("{problems}\n{text}"),
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for text in [
            include_str!("tests/every_key.toml"),
            include_str!("tests/example.toml"),
        ] {
            let manifest = read(text);
            let written = write(&manifest);
            assert_eq!(read(&written), manifest, "{written}");
            assert_eq!(write(&read(&written)), written);
        }
    }

    #[test]
    fn every_text_comes_back() {
        for said in [
            "",
            "a\"b\\c",
            "é\u{1}\u{7f}\r\n\t",
            "<!-- towpath:end -->",
            "'''",
        ] {
            let text = format!("a = {}", quoted(said));
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(table["a"].as_str(), Some(said), "{text}");
            assert!(!text.contains("<!--"));
        }
    }

    #[test]
    fn every_length_of_time_comes_back() {
        for ms in [
            0,
            1,
            999,
            1000,
            61_000,
            3_600_000,
            90_060_001,
            86_400_000 * 14,
        ] {
            let span = Duration::from_millis(ms);
            assert_eq!(parse_duration(&exact(span)), Ok(span), "{}", exact(span));
        }
    }
}
