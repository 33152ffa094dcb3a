//! Edits of configuration in `towpath.toml` that keep its comments, order and style; what comes out is a valid manifest.

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value, value};

use super::{Problems, edit::take_end, parse};
use crate::{
    config::Type,
    names::{EnvironmentName, GroupName, ServiceName},
};

/// Where the manifest says a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigPlace {
    /// `config` of a group.
    Group(GroupName),
    /// `config` of an environment.
    Environment(EnvironmentName),
    /// `config` of a service in an environment.
    Service(EnvironmentName, ServiceName),
}

impl ConfigPlace {
    fn path(&self) -> Vec<&str> {
        match self {
            ConfigPlace::Group(group) => vec!["groups", group.as_str(), "config"],
            ConfigPlace::Environment(name) => vec!["environments", name.as_str(), "config"],
            ConfigPlace::Service(name, service) => vec![
                "environments",
                name.as_str(),
                "services",
                service.as_str(),
                "config",
            ],
        }
    }
}

impl std::fmt::Display for ConfigPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path();
        write!(f, "[{}]", path.join("."))
    }
}

/// A change of configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Say a value.
    Set {
        /// Where.
        place: ConfigPlace,
        /// Of which key.
        key: String,
        /// What.
        value: String,
        /// What the key's values are: numbers are written as numbers.
        value_type: Type,
    },
    /// Say none any more.
    Unset {
        /// Where.
        place: ConfigPlace,
        /// Of which key.
        key: String,
    },
    /// Declare a key. It need not have a value everywhere: only some environments are known to have one.
    Declare {
        /// Which.
        key: String,
        /// What its values are.
        value_type: Type,
        /// Whether it is a secret.
        secret: bool,
    },
}

/// Why configuration was not edited.
#[derive(Debug, thiserror::Error)]
pub enum ConfigEditError {
    /// It is not a valid manifest as it is, or would not be one afterwards.
    #[error("{}", .0.iter().next().map_or_else(|| .0.to_string(), |problem| problem.message.clone()))]
    Invalid(Problems),
    /// It could not be read by the editor.
    #[error("could not be read for editing: {0}")]
    Unreadable(#[from] TomlError),
    /// Its tables are written in a way that the editor does not know.
    #[error("{0} is written in a way that cannot be edited by commands")]
    Written(String),
    /// There is nothing to take away.
    #[error("{place} says nothing of {key}")]
    Missing {
        /// Where.
        place: ConfigPlace,
        /// Of which key.
        key: String,
    },
}

impl ConfigEditError {
    /// The way out.
    pub fn help(&self) -> &'static str {
        match self {
            ConfigEditError::Invalid(_) | ConfigEditError::Unreadable(_) => {
                "nothing was written; mend it, then edit it again"
            }
            ConfigEditError::Written(_) => "edit towpath.toml by hand",
            ConfigEditError::Missing { .. } => {
                "`towpath config show ENV --why KEY` tells which layers say something"
            }
        }
    }
}

/// Changes configuration in a manifest's text: all of it, or nothing.
pub fn edit_config(text: &str, changes: &[ConfigChange]) -> Result<String, ConfigEditError> {
    // The editor ends lines as Unix does.
    let is_crlf = text.contains("\r\n");
    let mut document: DocumentMut = match is_crlf {
        true => text.replace("\r\n", "\n").parse()?,
        false => text.parse()?,
    };
    for change in changes {
        make(document.as_item_mut(), change)?;
    }
    let edited = match is_crlf {
        true => document.to_string().replace('\n', "\r\n"),
        false => document.to_string(),
    };
    match parse(&edited, "towpath.toml") {
        Ok(_) => Ok(edited),
        Err(problems) => Err(ConfigEditError::Invalid(problems)),
    }
}

fn make(root: &mut Item, change: &ConfigChange) -> Result<(), ConfigEditError> {
    match change {
        ConfigChange::Set {
            place,
            key,
            value,
            value_type,
        } => {
            let found = descend(root, &place.path()).and_then(Item::as_table_like_mut);
            let table = found.ok_or_else(|| ConfigEditError::Written(place.to_string()))?;
            put(table, key, scalar(value, *value_type));
            Ok(())
        }
        ConfigChange::Unset { place, key } => {
            unset(root, &place.path(), key).ok_or_else(|| ConfigEditError::Missing {
                place: place.clone(),
                key: key.clone(),
            })
        }
        ConfigChange::Declare {
            key,
            value_type,
            secret,
        } => declare(root, key, *value_type, *secret)
            .ok_or_else(|| ConfigEditError::Written(format!("[config.{key}]"))),
    }
}

/// The table at a path; what is not there is made, written as what is around it.
fn descend<'a>(root: &'a mut Item, path: &[&str]) -> Option<&'a mut Item> {
    let mut item = root;
    for (depth, name) in path.iter().enumerate() {
        let fresh = match item.is_inline_table() {
            true => value(InlineTable::new()),
            false => {
                let mut table = Table::new();
                table.set_implicit(depth + 1 < path.len());
                Item::Table(table)
            }
        };
        item = item.as_table_like_mut()?.entry(name).or_insert(fresh);
    }
    Some(item)
}

/// A number as a number where it reads back as the same text.
fn scalar(text: &str, value_type: Type) -> Value {
    let number = text.parse::<i64>().ok();
    let number = number.filter(|number| number.to_string() == text);
    match (value_type, number, text.parse::<bool>()) {
        (Type::Integer | Type::Port | Type::Bytes, Some(number), _) => number.into(),
        (Type::Boolean, _, Ok(yes)) => yes.into(),
        _ => text.into(),
    }
}

fn put(table: &mut dyn TableLike, key: &str, mut fresh: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(before) => {
            // With the comment that stands behind it.
            *fresh.decor_mut() = before.decor().clone();
            *before = fresh;
        }
        None => {
            if let Some(end) = take_end(table) {
                fresh = fresh.decorated(" ", end);
            }
            table.insert(key, value(fresh));
        }
    }
}

fn unset(root: &mut Item, path: &[&str], key: &str) -> Option<()> {
    let (last, above) = path.split_last()?;
    let mut item = root;
    for name in above {
        item = item.as_table_like_mut()?.get_mut(name)?;
    }
    let table = item.as_table_like_mut()?;
    let config = table.get_mut(last)?.as_table_like_mut()?;
    config.remove(key)?;
    if config.is_empty() {
        table.remove(last);
    }
    Some(())
}

fn declare(root: &mut Item, key: &str, value_type: Type, secret: bool) -> Option<()> {
    let config = root.as_table_like_mut()?.entry("config").or_insert({
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let in_line = match config.as_table() {
        Some(table) => table.is_dotted() || table.iter().any(|(_, item)| item.is_value()),
        None => true,
    };
    let fresh = match in_line {
        true => value(InlineTable::new()),
        false => Item::Table(Table::new()),
    };
    let config = config.as_table_like_mut()?;
    config.insert(key, fresh);
    let declared = config.get_mut(key)?.as_table_like_mut()?;
    if value_type != Type::String {
        declared.insert("type", value(value_type.name()));
    }
    if secret {
        declared.insert("secret", value(true));
    }
    declared.insert("required", value(false));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# what we have
project = { name = "guestbook" }
services.web.start = "./web"

[groups.development]

[config]
LOG_LEVEL = { default = "info" }   # how much
WORKERS   = { type = "integer", default = 1 }
TOKEN     = { secret = true, required = false }

[environments.staging]   # tried here
branch  = "develop"
group = "development"

[environments.staging.config]
LOG_LEVEL = "debug"   # for now

[environments.production]
branch = "main"
config = { LOG_LEVEL = "warn" }
"#;

    fn set(place: ConfigPlace, key: &str, value: &str, value_type: Type) -> ConfigChange {
        ConfigChange::Set {
            place,
            key: key.into(),
            value: value.into(),
            value_type,
        }
    }

    fn environment(name: &str) -> ConfigPlace {
        ConfigPlace::Environment(name.parse().unwrap())
    }

    #[test]
    fn values_are_said_where_they_belong_and_comments_stay() {
        let staging = "staging".parse().unwrap();
        let changes = [
            set(environment("staging"), "LOG_LEVEL", "warn", Type::String),
            set(environment("production"), "WORKERS", "8", Type::Integer),
            set(
                ConfigPlace::Group("development".parse().unwrap()),
                "WORKERS",
                "2",
                Type::Integer,
            ),
            set(
                ConfigPlace::Service(staging, "web".parse().unwrap()),
                "WORKERS",
                "3",
                Type::Integer,
            ),
        ];
        let edited = edit_config(TEXT, &changes).unwrap();
        for said in [
            "LOG_LEVEL = \"warn\"   # for now\n",
            "config = { LOG_LEVEL = \"warn\", WORKERS = 8 }",
            "[groups.development.config]\nWORKERS = 2\n",
            "[environments.staging.services.web.config]\nWORKERS = 3\n",
            "# what we have\n",
            "[environments.staging]   # tried here\n",
        ] {
            assert!(edited.contains(said), "no {said:?} in\n{edited}");
        }
        let manifest = parse(&edited, "towpath.toml").unwrap().manifest;
        assert_eq!(manifest.environments[1].config["WORKERS"], "8");
    }

    #[test]
    fn what_was_set_is_taken_away_again() {
        let unset = |key: &str| ConfigChange::Unset {
            place: environment("staging"),
            key: key.into(),
        };
        let edited = edit_config(TEXT, &[unset("LOG_LEVEL")]).unwrap();
        assert!(
            !edited.contains("[environments.staging.config]"),
            "{edited}"
        );
        let error = edit_config(TEXT, &[unset("WORKERS")]).unwrap_err();
        assert!(matches!(error, ConfigEditError::Missing { .. }), "{error}");
    }

    #[test]
    fn keys_are_declared_as_those_beside_them_are() {
        let declare = ConfigChange::Declare {
            key: "PUBLIC_URL".into(),
            value_type: Type::Url,
            secret: false,
        };
        let edited = edit_config(TEXT, std::slice::from_ref(&declare)).unwrap();
        let line = "PUBLIC_URL = { type = \"url\", required = false }\n";
        assert!(edited.contains(line), "{edited}");
        let bare = "project = { name = \"a\" }\n[environments.s]\nbranch = \"b\"\n";
        let edited = edit_config(bare, &[declare]).unwrap();
        let table = "[config.PUBLIC_URL]\ntype = \"url\"\nrequired = false\n";
        assert!(edited.contains(table), "{edited}");
    }

    #[test]
    fn what_would_not_be_valid_is_refused() {
        for change in [
            set(environment("staging"), "NOBODY", "1", Type::String),
            set(environment("staging"), "WORKERS", "many", Type::Integer),
            set(environment("staging"), "TOKEN", "s3cret", Type::String),
        ] {
            let error = edit_config(TEXT, &[change]).unwrap_err();
            assert!(matches!(error, ConfigEditError::Invalid(_)), "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn lines_end_as_they_did() {
        let text = TEXT.replace('\n', "\r\n");
        let change = set(environment("staging"), "WORKERS", "2", Type::Integer);
        let edited = edit_config(&text, &[change]).unwrap();
        assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count());
    }
}
