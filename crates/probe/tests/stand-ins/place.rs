//! Where what the tests run is found: programs of the system, and packages from npm, PyPI and crates.io. Who installs them and who
//! runs them both include this file, so that they cannot disagree.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where servers are that systems do not put on everybody's search path. `*` stands for the versions of a server that
/// are installed beside one another.
const ELSEWHERE: &[&str] = &[
    "/usr/sbin",
    "/usr/local/sbin",
    "/sbin",
    "/usr/lib/postgresql/*/bin",
    "/usr/libexec",
];

/// The executable that a bare name runs, if any: on the search path, or where servers are.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = env::split_paths(&path);
    let elsewhere = ELSEWHERE.iter().flat_map(|pattern| directories(pattern));
    usual
        .chain(elsewhere)
        .map(|directory| directory.join(name))
        .find(|path| {
            path.metadata()
                .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
        })
}

/// The directories that a pattern means, the newest version first.
fn directories(pattern: &str) -> Vec<PathBuf> {
    let Some((above, below)) = pattern.split_once("/*/") else {
        return vec![pattern.into()];
    };
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.iter().map(|version| version.join(below)).collect()
}

/// Packages of one language, installed together.
pub(crate) struct Packages {
    /// Their language.
    pub(crate) name: &'static str,
    /// What says every version.
    pub(crate) versions: &'static str,
    /// What is there once they are installed.
    pub(crate) witness: &'static str,
}

/// The packages from npm: an OpenID provider, who judges what is written for Backstage and mermaid, who else reads
/// dotenv files and files of SOPS, and who else migrates databases.
pub(crate) const NODE: Packages = Packages {
    name: "node",
    versions: include_str!("node/package-lock.json"),
    witness: "node_modules/oidc-provider/package.json",
};

/// The packages from PyPI: AWS, a mail server, and who else judges and applies migrations.
pub(crate) const PYTHON: Packages = Packages {
    name: "python",
    versions: include_str!("python/requirements.txt"),
    witness: "bin/python",
};

/// The program from crates.io: who else reads and writes files of SOPS.
pub(crate) const CRATES: Packages = Packages {
    name: "crates",
    versions: "rops-cli 0.1.7",
    witness: "bin/rops",
};

impl Packages {
    /// Where they are, or are to be. The name has a digest of the versions: new ones get a directory of their own.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        let digest = digest(self.versions);
        Some(directory()?.join(format!("{}-{digest:016x}", self.name)))
    }

    /// Whether they are there, and still work as far as can be seen: the interpreter that a link leads to may be gone.
    pub(crate) fn is_in(&self, directory: &Path) -> bool {
        directory.join(self.witness).is_file()
    }
}

/// Where all of them are.
pub(crate) fn directory() -> Option<PathBuf> {
    let given = |name| env::var_os(name).filter(|value| !value.is_empty());
    let cache = match given("TOWPATH_CACHE") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(given("HOME")?).join(".cache/towpath"),
    };
    Some(cache.join("stand-ins"))
}

/// A digest that is the same everywhere and always: FNV-1a. Nobody tries to fool it here.
pub(crate) fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
