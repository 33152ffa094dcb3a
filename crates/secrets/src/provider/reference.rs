//! What says where a secret is kept. Reading one asks nobody and looks at nothing; what it prints holds no value.

use std::{fmt, str::FromStr};

use super::{
    field::Field,
    written::{self, Query, encoded, encoded_segment, encoded_value},
};

/// Where a secret is kept, and which field of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    pub(super) source: Source,
    pub(super) field: Option<Field>,
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A secret of AWS Secrets Manager.
    SecretsManager {
        /// Its name or ARN.
        id: String,
        /// Which version, if not the current one.
        version: Option<Version>,
        /// The region, if not that of the configuration.
        region: Option<String>,
    },
    /// A parameter of AWS Systems Manager.
    ParameterStore {
        /// Its name or ARN; with `:3` or `:label` behind it, one of its versions.
        name: String,
        /// The region, if not that of the configuration.
        region: Option<String>,
    },
    /// A secret of a key-value store of HashiCorp Vault or OpenBao.
    Vault {
        /// Where the store is mounted.
        mount: String,
        /// The path of the secret within it.
        path: String,
        /// Which version, if not the current one.
        version: Option<u64>,
    },
    /// A variable of the environment.
    Environment {
        /// Its name.
        name: String,
    },
    /// What stands in a file.
    File {
        /// Its path: absolute, or within the base directory.
        path: String,
    },
    /// What a program prints.
    Program {
        /// A name to look up in `PATH`, or a path: absolute, or within the base directory.
        program: String,
        /// Its arguments. No shell sees them.
        arguments: Vec<String>,
    },
}

/// A version of a secret of AWS Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The one that has this label, such as `AWSPREVIOUS`.
    Stage(String),
    /// The one with this id.
    Id(String),
}

/// A text that is no reference. It is not told, for it may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read a reference to a secret: {0}")]
pub struct ReferenceError(String);

impl Reference {
    /// Where the secret is kept.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Which field of it is meant, if not all of it.
    pub fn field(&self) -> Option<&Field> {
        self.field.as_ref()
    }

    /// The scheme it is written with, without `://`.
    pub fn scheme(&self) -> &'static str {
        self.source.scheme()
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        read(text).map_err(ReferenceError)
    }
}

/// Reads what stands between the scheme and the field.
type Reader = fn(&str, Query) -> Result<Source, String>;

fn read(text: &str) -> Result<Reference, String> {
    let parts = written::parts(text)?;
    let (read, keys): (Reader, &[&str]) = match parts.scheme {
        "aws-sm" => (secrets_manager, &["version", "region"]),
        "aws-ssm" => (parameter_store, &["region"]),
        "vault" => (vault, &["version"]),
        "env" => (environment, &[]),
        "file" => (file, &[]),
        "exec" => (program, &["arg"]),
        _ => {
            return Err(
                "its scheme is none of `aws-sm`, `aws-ssm`, `vault`, `env`, `file`, `exec`".into(),
            );
        }
    };
    if parts.place.is_empty() {
        return Err(format!("there is nothing behind `{}://`", parts.scheme));
    }
    let source = read(parts.place, Query::read(parts.query, keys)?)?;
    let field = parts.field.map(Field::read).transpose()?;
    if field.is_none() && matches!(source, Source::Vault { .. }) {
        return Err(
            "a secret of Vault has fields: say which one is meant, as in `vault://kv/app#password`"
                .into(),
        );
    }
    Ok(Reference { source, field })
}

fn secrets_manager(place: &str, mut query: Query) -> Result<Source, String> {
    let id = written::decoded(place)?;
    let given = query.one("region")?;
    let region = region(&id, "secretsmanager", given, |letter| {
        "/_+=.@-".contains(letter)
    })?;
    let version = query.one("version")?.map(Version::read).transpose()?;
    Ok(Source::SecretsManager {
        id,
        version,
        region,
    })
}

fn parameter_store(place: &str, mut query: Query) -> Result<Source, String> {
    let name = written::decoded(place)?;
    let given = query.one("region")?;
    let region = region(&name, "ssm", given, |letter| "/_.-:".contains(letter))?;
    Ok(Source::ParameterStore { name, region })
}

/// The region of a name or an ARN of AWS, both of which are looked at.
fn region(
    name: &str,
    service: &str,
    given: Option<String>,
    allowed: fn(char) -> bool,
) -> Result<Option<String>, String> {
    let plain = |text: &str, allowed: fn(char) -> bool| {
        text.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || allowed(letter))
    };
    if given
        .as_ref()
        .is_some_and(|region| !plain(region, |letter| letter == '-'))
    {
        return Err("a region is written such as `eu-central-1`".into());
    }
    if !name.starts_with("arn:") {
        let fine = name.len() <= 2048 && plain(name, allowed);
        return if fine {
            Ok(given)
        } else {
            Err("it is not a name that AWS allows".into())
        };
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let [_, _, of, place, _, rest] = parts[..] else {
        return Err("it is half an ARN".into());
    };
    let fine = plain(name, |letter| "/_+=.@-:".contains(letter)) && !rest.is_empty();
    if of != service || place.is_empty() || !fine {
        return Err(format!("it is an ARN, but not one of `{service}`"));
    }
    match given {
        Some(given) if given != place => {
            Err(format!("the ARN is of `{place}`, the region is `{given}`"))
        }
        _ => Ok(Some(place.to_owned())),
    }
}

impl Version {
    /// An id of a version has 32 to 64 letters; what is shorter is a label.
    fn read(text: String) -> Result<Version, String> {
        let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_+=.@".contains(letter);
        if text.len() > 256 || !text.chars().all(fine) {
            return Err("a version is a label such as `AWSPREVIOUS`, or an id".into());
        }
        let id = (32..=64).contains(&text.len());
        Ok(if id {
            Version::Id(text)
        } else {
            Version::Stage(text)
        })
    }

    fn text(&self) -> &str {
        match self {
            Version::Stage(text) | Version::Id(text) => text,
        }
    }
}

fn vault(place: &str, mut query: Query) -> Result<Source, String> {
    let (mount, path) = place
        .split_once('/')
        .ok_or("it needs a mount and a path, as in `vault://kv/app#password`")?;
    let (mount, path) = (written::decoded(mount)?, written::decoded(path)?);
    let mut steps = mount.split('/').chain(path.split('/'));
    if steps.any(|step| matches!(step, "" | "." | "..")) {
        return Err("its mount and path have no empty parts, no `.` and no `..`".into());
    }
    let version = query.one("version")?.map(|text| text.parse());
    let version = version
        .transpose()
        .ok()
        .filter(|version| *version != Some(0));
    let version = version.ok_or("a version of Vault is a number from 1 on")?;
    Ok(Source::Vault {
        mount,
        path,
        version,
    })
}

fn environment(place: &str, _: Query) -> Result<Source, String> {
    let name = written::decoded(place)?;
    let fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if !name.chars().all(fine) || name.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Err(
            "a variable's name is letters, digits and `_`, and begins with no digit".into(),
        );
    }
    Ok(Source::Environment { name })
}

fn file(place: &str, _: Query) -> Result<Source, String> {
    let path = written::decoded(place)?;
    stays(&path)?;
    if path.ends_with('/') {
        return Err("it is a directory, and no file".into());
    }
    Ok(Source::File { path })
}

fn program(place: &str, mut query: Query) -> Result<Source, String> {
    let program = written::decoded(place)?;
    stays(&program)?;
    if program.ends_with('/') {
        return Err("it is a directory, and no program".into());
    }
    let arguments = query.all("arg");
    Ok(Source::Program { program, arguments })
}

/// A relative path belongs to the base directory, and does not climb out of it. Who means something elsewhere says so
/// with an absolute path.
fn stays(path: &str) -> Result<(), String> {
    if path.starts_with('~') {
        return Err("nobody knows what `~` is here; write the whole path".into());
    }
    if path.starts_with('/') {
        return Ok(());
    }
    let mut depth = 0_usize;
    for step in path.split('/') {
        depth = match step {
            "" | "." => depth,
            ".." => depth.checked_sub(1).ok_or(
                "a relative path does not lead out of the directory it begins in; write an absolute one",
            )?,
            _ => depth + 1,
        };
    }
    if depth == 0 {
        Err("it is a directory, and no file".into())
    } else {
        Ok(())
    }
}

impl Source {
    fn scheme(&self) -> &'static str {
        match self {
            Source::SecretsManager { .. } => "aws-sm",
            Source::ParameterStore { .. } => "aws-ssm",
            Source::Vault { .. } => "vault",
            Source::Environment { .. } => "env",
            Source::File { .. } => "file",
            Source::Program { .. } => "exec",
        }
    }

    fn place(&self) -> String {
        match self {
            Source::SecretsManager { id, .. } => encoded(id),
            Source::ParameterStore { name, .. } | Source::Environment { name } => encoded(name),
            Source::Vault { mount, path, .. } => {
                format!("{}/{}", encoded_segment(mount), encoded(path))
            }
            Source::File { path } => encoded(path),
            Source::Program { program, .. } => encoded(program),
        }
    }

    /// What stands behind `?`. A region that the ARN says is not said again.
    fn query(&self) -> Vec<(&'static str, String)> {
        let said = |name: &str| name.starts_with("arn:");
        let mut pairs = Vec::new();
        match self {
            Source::SecretsManager {
                id,
                version,
                region,
            } => {
                pairs.extend(
                    version
                        .iter()
                        .map(|version| ("version", version.text().to_owned())),
                );
                let region = region.iter().filter(|_| !said(id));
                pairs.extend(region.map(|region| ("region", region.clone())));
            }
            Source::ParameterStore { name, region } => {
                let region = region.iter().filter(|_| !said(name));
                pairs.extend(region.map(|region| ("region", region.clone())));
            }
            Source::Vault { version, .. } => {
                pairs.extend(
                    version
                        .iter()
                        .map(|version| ("version", version.to_string())),
                );
            }
            Source::Program { arguments, .. } => {
                pairs.extend(arguments.iter().map(|argument| ("arg", argument.clone())));
            }
            Source::Environment { .. } | Source::File { .. } => {}
        }
        pairs
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.place())?;
        for (number, (key, value)) in self.query().iter().enumerate() {
            let mark = if number == 0 { '?' } else { '&' };
            write!(f, "{mark}{key}={}", encoded_value(value))?;
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        match &self.field {
            Some(field) => write!(f, "#{field}"),
            None => Ok(()),
        }
    }
}
