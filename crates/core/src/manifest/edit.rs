//! Edits of `towpath.toml` that keep its comments, order and style; what comes out is a valid manifest.

use std::fmt;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value, value};

use super::{Manifest, Problems, parse};
use crate::names::EnvironmentName;

/// What is to be said of a resource: a key, and its text or texts; nothing where it is not to be said any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// A key of resources.
    pub key: &'static str,
    /// Its value.
    pub value: Words,
}

/// A value of a resource's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// The key is taken away.
    Nothing,
    /// A text.
    Text(String),
    /// Several.
    Texts(Vec<String>),
}

/// A change of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Declare a new one.
    Add(Vec<Said>),
    /// Say something else of one that the environment declares.
    Set(Vec<Said>),
    /// Take over the one of that name that another environment declares.
    Share(EnvironmentName),
    /// Take it away.
    Remove,
}

/// Why a manifest was not edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not a valid manifest as it is, or would not be one afterwards.
    #[error("{}", first(.0))]
    Invalid(Problems),
    /// It could not be read by the editor.
    #[error("could not be read for editing: {0}")]
    Unreadable(#[from] TomlError),
    /// There is no such environment.
    #[error("there is no environment {0}")]
    NoEnvironment(EnvironmentName),
    /// Its tables are written in a way that the editor does not know.
    #[error("the resources of {0} are written in a way that cannot be edited by commands")]
    Written(EnvironmentName),
    /// The environment has the resource already.
    #[error("{environment} has a resource {name:?} already")]
    Exists {
        /// The environment.
        environment: EnvironmentName,
        /// The resource.
        name: String,
    },
    /// It has none of that name.
    #[error("{environment} has no resource {name:?}")]
    Missing {
        /// The environment.
        environment: EnvironmentName,
        /// The resource.
        name: String,
    },
    /// It is declared elsewhere.
    #[error("{environment} shares {name:?}, which {declared_in} declares")]
    Elsewhere {
        /// The environment.
        environment: EnvironmentName,
        /// The resource.
        name: String,
        /// Who declares it.
        declared_in: EnvironmentName,
    },
    /// Others use it too.
    #[error("{name:?} of {environment} is shared with {users}")]
    Shared {
        /// The environment.
        environment: EnvironmentName,
        /// The resource.
        name: String,
        /// Who uses it too.
        users: Users,
    },
}

fn first(problems: &Problems) -> String {
    let first = problems.iter().next();
    first.map_or_else(|| problems.to_string(), |problem| problem.message.clone())
}

/// Environments that use a resource too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users(pub Vec<EnvironmentName>);

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(EnvironmentName::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

impl EditError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            EditError::Invalid(_) | EditError::Unreadable(_) => {
                "nothing was written; mend it, then edit it again".into()
            }
            EditError::Written(_) => "edit towpath.toml by hand".into(),
            EditError::NoEnvironment(_) => "`towpath env list` lists what there is".into(),
            EditError::Exists { environment, name } => {
                format!("`towpath resource set {environment} {name}` says something else of it")
            }
            EditError::Missing { environment, name } => {
                format!("`towpath resource add {environment} {name}` declares one")
            }
            EditError::Elsewhere {
                name, declared_in, ..
            } => format!("say it there: `towpath resource set {declared_in} {name}`"),
            EditError::Shared { name, users, .. } => format!(
                "take it away there first: `towpath resource remove {} {name}`",
                users.0.first().map_or("ENV", EnvironmentName::as_str)
            ),
        }
    }
}

/// Changes a resource of an environment in a manifest's text.
pub fn edit_resource(
    text: &str,
    environment: &EnvironmentName,
    name: &str,
    change: &Change,
) -> Result<String, EditError> {
    let before = parse(text, "towpath.toml").map_err(EditError::Invalid)?;
    allow(&before.manifest, environment, name, change)?;
    // The editor ends lines as Unix does.
    let is_crlf = text.contains("\r\n");
    let mut document: DocumentMut = match is_crlf {
        true => text.replace("\r\n", "\n").parse()?,
        false => text.parse()?,
    };
    let found = document
        .get_mut("environments")
        .and_then(Item::as_table_like_mut)
        .and_then(|environments| environments.get_mut(environment.as_str()))
        .ok_or_else(|| EditError::NoEnvironment(environment.clone()))?;
    let done = match change {
        Change::Add(said) => new_resource(found, name).map(|resource| say(resource, said)),
        Change::Share(from) => {
            let from = Words::Text(from.to_string());
            let said = Said {
                key: "from",
                value: from,
            };
            new_resource(found, name).map(|resource| say(resource, &[said]))
        }
        Change::Set(said) => resources(found)
            .and_then(|resources| resources.get_mut(name)?.as_table_like_mut())
            .map(|resource| say(resource, said)),
        Change::Remove => remove(found, name),
    };
    done.ok_or_else(|| EditError::Written(environment.clone()))?;
    let edited = match is_crlf {
        true => document.to_string().replace('\n', "\r\n"),
        false => document.to_string(),
    };
    match parse(&edited, "towpath.toml") {
        Ok(_) => Ok(edited),
        Err(problems) => Err(EditError::Invalid(problems)),
    }
}

/// Whether the change makes sense, by what the manifest says now.
fn allow(
    manifest: &Manifest,
    environment: &EnvironmentName,
    name: &str,
    change: &Change,
) -> Result<(), EditError> {
    let mut environments = manifest.environments.iter();
    let found = environments
        .find(|e| e.name == *environment)
        .ok_or_else(|| EditError::NoEnvironment(environment.clone()))?;
    let (environment, name) = (environment.clone(), name.to_owned());
    match (change, found.resources.get(&name)) {
        (Change::Add(_) | Change::Share(_), None) => Ok(()),
        (Change::Add(_) | Change::Share(_), Some(_)) => {
            Err(EditError::Exists { environment, name })
        }
        (Change::Set(_) | Change::Remove, None) => Err(EditError::Missing { environment, name }),
        (Change::Set(_), Some(resource)) => match resource.from.clone() {
            None => Ok(()),
            Some(declared_in) => Err(EditError::Elsewhere {
                environment,
                name,
                declared_in,
            }),
        },
        (Change::Remove, Some(_)) => {
            let uses = |e: &&super::Environment| {
                let resource = e.resources.get(&name);
                resource.is_some_and(|resource| resource.from.as_ref() == Some(&environment))
            };
            let users: Vec<_> = manifest.environments.iter().filter(uses).collect();
            match users.as_slice() {
                [] => Ok(()),
                users => {
                    let users = Users(users.iter().map(|e| e.name.clone()).collect());
                    Err(EditError::Shared {
                        environment,
                        name,
                        users,
                    })
                }
            }
        }
    }
}

fn resources(environment: &mut Item) -> Option<&mut dyn TableLike> {
    let environment = environment.as_table_like_mut()?;
    environment.get_mut("resources")?.as_table_like_mut()
}

/// Makes an empty resource, written as those beside it are.
fn new_resource<'a>(environment: &'a mut Item, name: &str) -> Option<&'a mut dyn TableLike> {
    let first = match environment.is_inline_table() {
        true => value(InlineTable::new()),
        false => {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        }
    };
    let resources = environment
        .as_table_like_mut()?
        .entry("resources")
        .or_insert(first);
    let in_line = match resources.as_table() {
        Some(table) => table.is_dotted() || table.iter().any(|(_, item)| item.is_value()),
        None => true,
    };
    let fresh = match in_line {
        true => value(InlineTable::new()),
        false => Item::Table(Table::new()),
    };
    let resources = resources.as_table_like_mut()?;
    resources.insert(name, fresh);
    resources.get_mut(name)?.as_table_like_mut()
}

/// Says something of a resource, each key where it was said before.
fn say(resource: &mut dyn TableLike, said: &[Said]) {
    for Said { key, value: words } in said {
        let mut fresh: Value = match words {
            Words::Nothing => {
                resource.remove(key);
                continue;
            }
            Words::Text(text) => text.as_str().into(),
            Words::Texts(texts) => texts.iter().collect::<Array>().into(),
        };
        match resource.get_mut(key).and_then(Item::as_value_mut) {
            Some(before) => {
                // With the comment that stands behind it.
                *fresh.decor_mut() = before.decor().clone();
                *before = fresh;
            }
            None => {
                if let Some(end) = take_end(resource) {
                    fresh = fresh.decorated(" ", end);
                }
                resource.insert(key, value(fresh));
            }
        }
    }
}

/// The space before the brace that closes a table in a line, which belongs behind whatever is last.
pub(super) fn take_end(table: &mut dyn TableLike) -> Option<String> {
    let (_, last) = table.iter_mut().last()?;
    let last = last.as_value_mut()?;
    let end = last.decor().suffix()?.as_str()?.to_owned();
    if end.is_empty() || !end.trim().is_empty() {
        return None;
    }
    last.decor_mut().set_suffix("");
    Some(end)
}

fn remove(environment: &mut Item, name: &str) -> Option<()> {
    let resources = resources(environment)?;
    resources.remove(name)?;
    if resources.is_empty() {
        environment.as_table_like_mut()?.remove("resources");
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# what we have
[project]
name = "guestbook"

[environments.staging]   # tried here
branch  = "develop"

[environments.staging.resources.mail]
kind = "resend"   # since spring
id   = 'm-1'

# what users see
[environments.production]
branch = "main"
resources.logs = { id = "l" }

[environments.local]
branch = "wip"

[environments.local.resources]
logs = { id = "x" } # small
"#;

    fn text_of(key: &'static str, text: &str) -> Said {
        Said {
            key,
            value: Words::Text(text.into()),
        }
    }

    fn edit(text: &str, place: &str, name: &str, change: Change) -> Result<String, EditError> {
        edit_resource(text, &place.parse().unwrap(), name, &change)
    }

    /// What an edit does to the lines: those that go, and those that come.
    fn lines(change: Change, place: &str, name: &str) -> (Vec<String>, Vec<String>) {
        let edited = edit(TEXT, place, name, change).unwrap();
        let without = |text: &str, other: &str| -> Vec<String> {
            let other: Vec<&str> = other.lines().collect();
            let own = text.lines().filter(|line| !line.is_empty());
            own.filter(|line| !other.contains(line))
                .map(str::to_owned)
                .collect()
        };
        (without(TEXT, &edited), without(&edited, TEXT))
    }

    #[test]
    fn a_resource_is_added_in_the_style_of_its_place() {
        let add = || Change::Add(vec![text_of("kind", "okta"), text_of("id", "a \"b\"")]);
        let (gone, new) = lines(add(), "staging", "identity");
        assert!(gone.is_empty(), "{gone:?}");
        assert_eq!(
            new,
            [
                "[environments.staging.resources.identity]",
                "kind = \"okta\"",
                "id = 'a \"b\"'"
            ]
        );
        let (gone, new) = lines(add(), "production", "identity");
        assert!(gone.is_empty(), "{gone:?}");
        assert_eq!(
            new,
            ["resources.identity = { kind = \"okta\", id = 'a \"b\"' }"]
        );
        let (gone, new) = lines(add(), "local", "identity");
        assert!(gone.is_empty(), "{gone:?}");
        assert_eq!(new, ["identity = { kind = \"okta\", id = 'a \"b\"' }"]);
    }

    #[test]
    fn what_is_said_changes_and_comments_stay() {
        let config = Said {
            key: "config",
            value: Words::Texts(vec!["MAIL_KEY".into()]),
        };
        let nothing = Said {
            key: "id",
            value: Words::Nothing,
        };
        let change = Change::Set(vec![text_of("kind", "ses"), config, nothing]);
        let (gone, new) = lines(change, "staging", "mail");
        assert_eq!(gone, ["kind = \"resend\"   # since spring", "id   = 'm-1'"]);
        assert_eq!(
            new,
            ["kind = \"ses\"   # since spring", "config = [\"MAIL_KEY\"]"]
        );
    }

    #[test]
    fn what_is_new_stands_behind_what_is_there() {
        let (_, new) = lines(Change::Set(vec![text_of("owner", "ops")]), "local", "logs");
        assert_eq!(new, ["logs = { id = \"x\", owner = \"ops\" } # small"]);
        let (_, new) = lines(
            Change::Set(vec![text_of("owner", "ops")]),
            "staging",
            "mail",
        );
        assert_eq!(new, ["owner = \"ops\""]);
    }

    #[test]
    fn a_resource_is_shared_and_taken_away_again() {
        let share = Change::Share("staging".parse().unwrap());
        let shared = edit(TEXT, "production", "mail", share).unwrap();
        assert!(
            shared.contains("resources.mail = { from = \"staging\" }"),
            "{shared}"
        );
        let refused = edit(&shared, "staging", "mail", Change::Remove).unwrap_err();
        assert!(
            refused.to_string().contains("is shared with production"),
            "{refused}"
        );
        let set = Change::Set(vec![text_of("id", "mine")]);
        let refused = edit(&shared, "production", "mail", set).unwrap_err();
        assert!(
            refused.help().contains("resource set staging mail"),
            "{}",
            refused.help()
        );
        assert_eq!(
            edit(&shared, "production", "mail", Change::Remove).unwrap(),
            TEXT
        );
        let without = edit(TEXT, "staging", "mail", Change::Remove).unwrap();
        assert!(
            !without.contains("mail") && without.contains("# what users see"),
            "{without}"
        );
    }

    #[test]
    fn whatever_way_resources_are_written_they_are_edited() {
        let head = "[project]\nname = \"a\"\n";
        for environments in [
            "[environments.s]\nbranch = \"b\"\nresources.mail.id = \"m\"\n",
            "[environments.s]\nbranch = \"b\"\nresources = { mail = { id = \"m\" } }\n",
            "[environments]\ns = { branch = \"b\", resources = { mail = { id = \"m\" } } }\n",
            "[environments]\ns.branch = \"b\"\ns.resources.mail.id = \"m\"\n",
            "[environments.s.resources]\nmail.id = \"m\"\n[environments.s]\nbranch = \"b\"\n",
        ] {
            let text = format!("{head}{environments}");
            let add = Change::Add(vec![text_of("id", "l")]);
            let added = edit(&text, "s", "logs", add).unwrap();
            let set = Change::Set(vec![text_of("id", "n")]);
            let set = edit(&added, "s", "mail", set).unwrap();
            let ids: Vec<_> = {
                let manifest = parse(&set, "towpath.toml").unwrap().manifest;
                let resources = manifest.environments[0].resources.values();
                resources
                    .filter_map(|resource| resource.id.clone())
                    .collect()
            };
            assert_eq!(ids, ["l", "n"], "{set}");
            let gone = edit(&set, "s", "logs", Change::Remove).unwrap();
            let gone = edit(&gone, "s", "mail", Change::Remove).unwrap();
            assert!(!gone.contains("mail") && !gone.contains("logs"), "{gone}");
        }
    }

    #[test]
    fn lines_end_as_they_did() {
        let text = TEXT.replace('\n', "\r\n");
        let edited = edit(&text, "staging", "mail", Change::Remove).unwrap();
        assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let add = |id: &str| Change::Add(vec![text_of("link", id)]);
        let refused = |place: &str, name: &str, change: Change| {
            edit(TEXT, place, name, change).unwrap_err().to_string()
        };
        assert!(refused("staging", "mail", add("https://a.test")).contains("already"));
        assert!(refused("staging", "logs", Change::Remove).contains("has no resource"));
        assert!(refused("nowhere", "logs", add("https://a.test")).contains("no environment"));
        assert!(refused("staging", "logs", add("nowhere")).contains("web address"));
        assert!(refused("staging", "a b", add("https://a.test")).contains("a b"));
        let nowhere = Change::Share("production".parse().unwrap());
        assert!(refused("staging", "analytics", nowhere).contains("has no resource"));
    }
}
