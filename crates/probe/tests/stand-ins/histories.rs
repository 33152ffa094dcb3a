//! What a comparison of published migration histories needs beside servers. Who installs it and who runs it both include
//! this file.

use crate::place::Packages;

/// The programs from crates.io that migrate databases in the layouts of their own: a name, a version, and what to build
/// of it.
pub(crate) const MIGRATORS: Packages = Packages {
    name: "migrators",
    versions: "diesel_cli 2.3.14 --no-default-features --features postgres,sqlite-bundled
sqlx-cli 0.9.0 --no-default-features --features postgres,sqlite
refinery_cli 0.10.0 --no-default-features --features postgresql,sqlite-bundled",
    witness: "bin/refinery",
};

/// Published packages with long migration histories, from crates.io, with the digests of what is fetched; and from PyPI a
/// PostgreSQL with the extension `vector`, which one of them needs.
pub(crate) const HISTORIES: Packages = Packages {
    name: "histories",
    versions: "\
lemmy_db_schema 0.19.21 8569be2266043a656e6b2b01a9c362bd265a8d81dab7b3f5384c8210c1e8bdf7
zksync_dal 29.13.0-non-semver-compat 33c51ce14b2c4dbcdb42255062699c235a0424dcbf9b7c3739989fde13790d22
ironclaw 0.24.0 84614a872a80ab59ba75a48d7b398e247454c6b12e3e4a2128c87f6e2f3b0389
atuin-server-postgres 18.20.1 cdcb3b7eb7bb415ce97d531ff12e86c54eb9652995e20b9a73891c1eabd7c4b5
pgserver 0.1.4 d595789b47624a3d963aa9aa6359da9be31beb7e61f1a45541953242068b8813",
    witness: "pgserver/pginstall/bin/postgres",
};
