//! The keys that open secret files: where `sops` looks for them, and nowhere else.

use std::{env, fs, path::PathBuf};

use secrecy::SecretString;
use towpath_secrets::sops::Identities;
use zeroize::Zeroizing;

use super::ConfigError;

/// Variables that hold a key, or lead to one. No command and no service ever gets to see them.
pub const KEY_VARIABLES: [&str; 3] = ["SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY_CMD"];

/// The key file of this machine's user, where no variable names another.
pub fn key_file() -> Option<PathBuf> {
    let said = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(file) = said("SOPS_AGE_KEY_FILE") {
        return Some(file.into());
    }
    let base = match said("XDG_CONFIG_HOME") {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(said("HOME")?).join(".config"),
    };
    Some(base.join("sops/age/keys.txt"))
}

/// Every key that this process may use: of SOPS_AGE_KEY, and of the key file.
pub fn identities() -> Result<Identities, ConfigError> {
    let mut all = Identities::default();
    if let Ok(text) = env::var("SOPS_AGE_KEY") {
        let text = SecretString::from(text);
        all.extend(read(&text, "SOPS_AGE_KEY")?);
    }
    let Some(path) = key_file() else {
        return Ok(all);
    };
    let is_named = env::var_os("SOPS_AGE_KEY_FILE").is_some_and(|value| !value.is_empty());
    match fs::read_to_string(&path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            let found = read(&text.as_str().into(), &path.display().to_string())?;
            all.extend(found);
        }
        // A file that nobody named need not be there.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => {}
        Err(error) => {
            return Err(ConfigError::Identities {
                place: path.display().to_string(),
                why: error.to_string(),
            });
        }
    }
    Ok(all)
}

fn read(text: &SecretString, place: &str) -> Result<Identities, ConfigError> {
    use secrecy::ExposeSecret;
    Identities::from_text(text.expose_secret()).map_err(|why| ConfigError::Identities {
        place: place.to_owned(),
        why,
    })
}
