//! `towpath config export`: what a service gets, for other programs.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use towpath_secrets::dotenv;
use zeroize::Zeroizing;

use super::view::{Shown, View};
use crate::{
    cli::{
        error::CliError,
        exit::Exit,
        secret::{self, Tree, private},
    },
    config::identities,
};

/// Write what a service or a command gets, for other programs
///
/// Secrets are left out, and told to be so, unless `--reveal` asks for them; that is recorded, and a file with secrets is readable by its
/// owner alone.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config export staging\n  towpath config export staging --service web --format json\n  \
                  towpath config export local --reveal --output .env -m 'a new laptop'"
)]
pub struct Export {
    /// The environment, by name or alias.
    environment: String,
    /// What this service gets; what commands get unless said.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Dotenv)]
    format: Format,
    /// With the secrets.
    #[arg(long)]
    reveal: bool,
    /// Into this file; to standard output unless said.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Why, for the record of who read secrets.
    #[arg(short = 'm', long, requires = "reveal")]
    reason: Option<String>,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As npm's dotenv and dotenvx read it.
    Dotenv,
    /// One object.
    Json,
    /// One map.
    Yaml,
    /// `export KEY='…'`, for a shell of POSIX.
    Shell,
}

impl Export {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?;
        tree.recorder.list(environment.name.as_str()).await?;
        let view = View::of(&tree, environment, self.service.as_deref())?;
        view.gathered.check()?;
        let shown = match self.reveal {
            true => self.revealed(&tree, &view).await?,
            false => view.shown(),
        };
        wrong(&view, &shown)?;
        let has_secrets = self.reveal && !super::view::hidden(view.resolution()).is_empty();
        let left_out: Vec<&String> = shown
            .iter()
            .filter(|(_, shown)| matches!(shown, Shown::Secret | Shown::MadeOfSecrets(_)))
            .map(|(key, _)| key)
            .collect();
        let text = written(self.format, &shown)?;
        if let Some(path) = &self.output {
            match has_secrets {
                true => private::write(path, text.as_bytes())?,
                false => crate::files::replace(path, &text).map_err(crate::cli::error::output)?,
            }
        }
        match (&self.output, tree.context.json) {
            (output, true) => println!(
                "{}",
                json!({"version": 1, "environment": environment.name, "written": output, "text": output.is_none().then(|| text.as_str()), "left_out": left_out})
            ),
            (Some(path), false) => println!("wrote {}", path.display()),
            (None, false) => private::print(text.as_bytes())?,
        }
        if !tree.context.json && !left_out.is_empty() {
            eprintln!("secrets are left out; `--reveal` writes them too");
        }
        Ok(Exit::Done)
    }

    async fn revealed(
        &self,
        tree: &Tree,
        view: &View<'_>,
    ) -> Result<BTreeMap<String, Shown>, CliError> {
        let name = view.scope.environment.name.as_str();
        let secrets = view.gathered.secrets();
        if !secrets.is_empty() {
            let reason = secret::why(self.reason.as_deref(), "exported by hand");
            let recorder = &tree.recorder;
            recorder
                .read(name, "config export", secrets, &reason)
                .await?;
        }
        let databases = view.databases.clone();
        let root = &tree.context.root;
        let filled = view.gathered.fill(identities, databases, root).await?;
        Ok(view.revealed(&filled))
    }
}

/// All of it, or what is wrong.
fn wrong(view: &View<'_>, shown: &BTreeMap<String, Shown>) -> Result<(), CliError> {
    let first = shown.iter().find_map(|(key, shown)| match shown {
        Shown::Wrong(why) => Some((key, why)),
        _ => None,
    });
    let Some((key, why)) = first else {
        return Ok(());
    };
    let name = &view.scope.environment.name;
    Err(CliError::new(
        Exit::Refused,
        "config::missing",
        format!("{name} cannot be used: {key} {why}"),
        format!("`towpath config show {name} --why {key}` tells where its value is from"),
    ))
}

fn written(format: Format, shown: &BTreeMap<String, Shown>) -> Result<Zeroizing<String>, CliError> {
    if format == Format::Json {
        let values = shown.iter().filter_map(|(key, shown)| match shown {
            Shown::Value(text) => Some((key.clone(), json!(text))),
            _ => None,
        });
        let values = Value::Object(values.collect());
        return Ok(Zeroizing::new(format!("{values:#}\n")));
    }
    let mut text = Zeroizing::new(String::new());
    for (key, shown) in shown {
        let line = match shown {
            Shown::Value(value) => line(format, key, value)?,
            Shown::Secret => Zeroizing::new(format!("# {key} is a secret\n")),
            Shown::MadeOfSecrets(_) => Zeroizing::new(format!("# {key} is made of secrets\n")),
            Shown::Missing | Shown::Nothing | Shown::Wrong(_) => continue,
        };
        text.push_str(&line);
    }
    Ok(text)
}

fn line(format: Format, key: &str, value: &str) -> Result<Zeroizing<String>, CliError> {
    Ok(match format {
        Format::Shell => {
            Zeroizing::new(format!("export {key}='{}'\n", value.replace('\'', "'\\''")))
        }
        Format::Yaml | Format::Json => Zeroizing::new(format!("{key}: {}\n", quoted(value))),
        Format::Dotenv => dotenv::write([(key, value)]).map_err(|error| {
            CliError::new(
                Exit::Refused,
                "config::inexpressible",
                format!("could not {error}"),
                "take another format: `--format json`",
            )
        })?,
    })
}

/// A text as JSON writes it, which is one of YAML's ways too, once every character is one that YAML prints.
fn quoted(text: &str) -> String {
    let escaped = json!(text).to_string();
    escaped
        .chars()
        .map(|c| match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                format!("\\u{:04x}", u32::from(c))
            }
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: Format) -> String {
        let shown = [
            ("A", Shown::Value("it's $5".into())),
            ("B", Shown::Secret),
            ("C", Shown::Nothing),
            ("D", Shown::Value("two\nlines\u{85}".into())),
        ];
        let shown = shown.map(|(key, shown)| (key.to_owned(), shown)).into();
        written(format, &shown).unwrap().to_string()
    }

    #[test]
    fn each_format_has_its_own_quotes() {
        let shell = "export A='it'\\''s $5'\n# B is a secret\nexport D='two\nlines\u{85}'\n";
        assert_eq!(text(Format::Shell), shell);
        let yaml = "A: \"it's $5\"\n# B is a secret\nD: \"two\\nlines\\u0085\"\n";
        assert_eq!(text(Format::Yaml), yaml);
        let json: Value = serde_json::from_str(&text(Format::Json)).unwrap();
        assert_eq!(json, json!({"A": "it's $5", "D": "two\nlines\u{85}"}));
        let read = dotenv::parse(&text(Format::Dotenv)).unwrap();
        assert_eq!(read.len(), 2);
    }
}
