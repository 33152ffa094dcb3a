//! Putting an artifact beside its service: copied, never shared, and only the bytes that were asked for.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Component, Path},
};

use sha2::{Digest as _, Sha256};
use tar::EntryType;
use towpath_core::{
    Digest,
    target::{Artifact, TargetError},
};

use super::unavailable;
use crate::shim::{make_directory, remove};

/// Makes `directory` with nothing but the artifact in it; whatever was there before is gone.
pub(super) fn place(artifact: Option<&Artifact>, directory: &Path) -> Result<(), TargetError> {
    let cannot = || format!("could not make {}", directory.display());
    remove(directory)
        .and_then(|()| make_directory(directory))
        .map_err(unavailable(cannot()))?;
    match artifact {
        Some(artifact) => copy(artifact, directory),
        None => Ok(()),
    }
}

fn copy(artifact: &Artifact, directory: &Path) -> Result<(), TargetError> {
    let name = Path::new(&artifact.file_name);
    if !matches!(
        name.components().collect::<Vec<_>>().as_slice(),
        [Component::Normal(_)]
    ) {
        return Err(TargetError::Invalid(format!(
            "{:?} is not a file name",
            artifact.file_name
        )));
    }
    let source = File::open(&artifact.stored_at).map_err(|cause| {
        let text = format!("artifact {}: {cause}", artifact.stored_at.display());
        match cause.kind() {
            io::ErrorKind::NotFound => TargetError::Invalid(text),
            _ => TargetError::Unavailable(text),
        }
    })?;
    let mut source = Hashing {
        from: source,
        hash: Sha256::new(),
    };
    let into = directory.join(name);
    match artifact.is_directory {
        true => unpack(&mut source, &into)?,
        false => write_executable(&mut source, &into)
            .map_err(unavailable(format!("could not write {}", into.display())))?,
    }
    // An archive's reader may stop before its end; every byte counts.
    io::copy(&mut source, &mut io::sink()).map_err(unavailable("could not read the artifact"))?;
    let found = Digest::from_raw(source.hash.finalize().into());
    match found == artifact.digest {
        true => Ok(()),
        false => Err(TargetError::Invalid(format!(
            "artifact {} is damaged: its digest is {}, and should be {}",
            artifact.stored_at.display(),
            found.short(),
            artifact.digest.short()
        ))),
    }
}

fn write_executable(from: &mut impl Read, path: &Path) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    io::copy(from, &mut file)?;
    file.set_permissions(fs::Permissions::from_mode(0o755))
}

/// Unpacks an archive whose names are relative to `into`. Nothing is written outside of it, and nothing but files,
/// directories and links is made; a symbolic link may point elsewhere, but is not followed while unpacking.
fn unpack(from: &mut impl Read, into: &Path) -> Result<(), TargetError> {
    let broken = |cause: io::Error| match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied => {
            TargetError::Unavailable(format!("could not unpack {}: {cause}", into.display()))
        }
        _ => TargetError::Invalid(format!("could not unpack {}: {cause}", into.display())),
    };
    make_directory(into).map_err(broken)?;
    let mut archive = tar::Archive::new(from);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let refused = |why: &str| {
            Err(TargetError::Invalid(format!(
                "the artifact's archive has an entry {path:?}, which {why}"
            )))
        };
        if path
            .components()
            .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return refused("leads out of it");
        }
        match entry.header().entry_type() {
            EntryType::Regular
            | EntryType::Continuous
            | EntryType::GNUSparse
            | EntryType::Directory
            | EntryType::Symlink
            | EntryType::Link => {}
            EntryType::XGlobalHeader => continue,
            _ => return refused("is neither a file, a directory nor a link"),
        }
        if !entry.unpack_in(into).map_err(broken)? {
            return refused("leads out of it");
        }
    }
    Ok(())
}

/// Hashes what is read through it.
struct Hashing<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.hash.update(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Store {
        directory: tempfile::TempDir,
    }

    impl Store {
        fn new() -> Store {
            Store {
                directory: tempfile::tempdir().unwrap(),
            }
        }

        fn put(&self, bytes: &[u8], is_directory: bool) -> Artifact {
            let stored_at = self.directory.path().join("stored");
            fs::write(&stored_at, bytes).unwrap();
            Artifact {
                digest: Digest::of_bytes(bytes),
                stored_at,
                file_name: "app".into(),
                is_directory,
            }
        }

        fn files(&self) -> PathBuf {
            self.directory.path().join("run/files")
        }
    }

    fn archive(fill: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        fill(&mut builder);
        builder.into_inner().unwrap()
    }

    fn header(kind: EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o755);
        header
    }

    /// Writes a name that the builder itself would refuse.
    fn raw(builder: &mut tar::Builder<Vec<u8>>, name: &str, kind: EntryType, link: &str) {
        let mut header = header(kind, 0);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        builder.append(&header, io::empty()).unwrap();
    }

    #[test]
    fn a_file_is_copied_and_executable() {
        let store = Store::new();
        let artifact = store.put(b"#!/bin/sh\n", false);
        fs::create_dir_all(store.files()).unwrap();
        fs::write(store.files().join("leftover"), "x").unwrap();
        place(Some(&artifact), &store.files()).unwrap();
        let copied = store.files().join("app");
        assert_eq!(fs::read(&copied).unwrap(), b"#!/bin/sh\n");
        assert_eq!(
            copied.metadata().unwrap().permissions().mode() & 0o111,
            0o111
        );
        assert!(!store.files().join("leftover").exists());
    }

    #[test]
    fn other_bytes_are_refused() {
        let store = Store::new();
        let mut artifact = store.put(b"good", false);
        artifact.digest = Digest::of_bytes(b"better");
        let refused = place(Some(&artifact), &store.files()).unwrap_err();
        assert!(
            matches!(&refused, TargetError::Invalid(why) if why.contains("is damaged")),
            "{refused}"
        );
        fs::remove_file(&artifact.stored_at).unwrap();
        assert!(matches!(
            place(Some(&artifact), &store.files()),
            Err(TargetError::Invalid(_))
        ));
        artifact.file_name = "../app".into();
        assert!(matches!(
            place(Some(&artifact), &store.files()),
            Err(TargetError::Invalid(_))
        ));
    }

    #[test]
    fn a_directory_is_unpacked_with_its_modes_and_links() {
        let store = Store::new();
        let bytes = archive(|builder| {
            let mut file = header(EntryType::Regular, 2);
            builder
                .append_data(&mut file, "bin/run", &b"hi"[..])
                .unwrap();
            let mut link = header(EntryType::Symlink, 0);
            builder.append_link(&mut link, "start", "bin/run").unwrap();
        });
        place(Some(&store.put(&bytes, true)), &store.files()).unwrap();
        let start = store.files().join("app/start");
        assert_eq!(fs::read(&start).unwrap(), b"hi");
        assert_eq!(
            start.metadata().unwrap().permissions().mode() & 0o777,
            0o755
        );
    }

    #[test]
    fn nothing_is_written_outside() {
        let store = Store::new();
        let outside = store.directory.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let outside = outside.to_str().unwrap().to_owned();
        let attacks: [Vec<u8>; 5] = [
            archive(|builder| raw(builder, "../evil", EntryType::Regular, "")),
            archive(|builder| raw(builder, "/evil", EntryType::Regular, "")),
            archive(|builder| {
                raw(builder, "door", EntryType::Symlink, &outside);
                raw(builder, "door/evil", EntryType::Regular, "");
            }),
            archive(|builder| raw(builder, "pipe", EntryType::Fifo, "")),
            archive(|builder| raw(builder, "hard", EntryType::Link, "/etc/passwd")),
        ];
        for (number, attack) in attacks.iter().enumerate() {
            let refused = place(Some(&store.put(attack, true)), &store.files());
            assert!(
                matches!(refused, Err(TargetError::Invalid(_))),
                "{number}: {refused:?}"
            );
        }
        assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    }

    #[test]
    fn an_archive_cut_short_is_refused() {
        let store = Store::new();
        let bytes = archive(|builder| {
            let mut file = header(EntryType::Regular, 2000);
            builder
                .append_data(&mut file, "app", &[7; 2000][..])
                .unwrap();
        });
        let artifact = store.put(&bytes[..1000], true);
        assert!(matches!(
            place(Some(&artifact), &store.files()),
            Err(TargetError::Invalid(_))
        ));
    }
}
