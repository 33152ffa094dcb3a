//! Which of our own variables others get to see: services and commands start from a clean environment.

use std::{collections::BTreeMap, env};

/// What every program may rely on.
const BASIC: [&str; 11] = [
    "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TEMP", "TMP", "TMPDIR", "TZ", "USER",
];

/// What builds and tests need on top: where toolchains live, and how the network is reached.
const TOOLS: [&str; 38] = [
    "ALL_PROXY",
    "ANDROID_HOME",
    "BUN_INSTALL",
    "CARGO_HOME",
    "CI",
    "CONDA_PREFIX",
    "CURL_CA_BUNDLE",
    "DENO_DIR",
    "DOCKER_CONFIG",
    "DOCKER_HOST",
    "GEM_HOME",
    "GIT_SSL_CAINFO",
    "GOCACHE",
    "GOMODCACHE",
    "GOPATH",
    "GOPROXY",
    "GOROOT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "JAVA_HOME",
    "M2_HOME",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "NVM_DIR",
    "PNPM_HOME",
    "PYENV_ROOT",
    "REQUESTS_CA_BUNDLE",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "SDKMAN_DIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VOLTA_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

const PREFIXES: [&str; 2] = ["LC_", "XDG_"];

/// What is left of our environment for services; their configuration comes on top.
pub fn of_services() -> BTreeMap<String, String> {
    filtered(env::vars_os(), &[])
}

/// What is left of our environment for builds, tests and probes.
pub fn of_commands() -> BTreeMap<String, String> {
    filtered(env::vars_os(), &TOOLS)
}

fn filtered(
    variables: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    more: &[&str],
) -> BTreeMap<String, String> {
    let wanted = |name: &str| {
        BASIC.contains(&name)
            || more.contains(&name)
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    let mut kept: BTreeMap<String, String> = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| wanted(name))
        .collect();
    kept.entry("PATH".into())
        .or_insert_with(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_secrets_stay_ours() {
        let ours = [
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("CARGO_HOME", "/c"),
            ("SOPS_AGE_KEY", "secret"),
            ("TOWPATH_TOKEN", "secret"),
            ("DATABASE_URL", "secret"),
        ]
        .map(|(name, value)| (name.into(), value.into()));
        let names = |more| {
            filtered(ours.clone().into_iter(), more)
                .into_keys()
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["LC_ALL", "PATH"]);
        assert_eq!(names(&TOOLS), ["CARGO_HOME", "LC_ALL", "PATH"]);
        assert!(filtered([].into_iter(), &[])["PATH"].contains("/bin"));
    }
}
