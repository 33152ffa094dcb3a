//! Loopback ports for instances: choosing one that stays theirs, and finding out who holds one.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    net::{Ipv4Addr, TcpListener},
    ops::RangeInclusive,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::unistd::Uid;
use sha2::{Digest as _, Sha256};

use crate::shim::{family, make_directory};

/// Which ports are spoken for, although nobody may listen on them yet: a file per port, that names the instance's
/// directory. All roots of a user share them, since they share the machine.
#[derive(Debug, Clone)]
pub(super) struct Reservations {
    directory: PathBuf,
}

impl Reservations {
    /// Those of this user; or of this root alone, where there is no place that is safely the user's.
    pub(super) fn of_user(root: &Path) -> Reservations {
        let shared = PathBuf::from(format!("/tmp/towpath-ports-{}", Uid::effective()));
        let made = DirBuilder::new().mode(0o700).create(&shared);
        let exists = matches!(&made, Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists);
        let ours = (made.is_ok() || exists)
            && fs::symlink_metadata(&shared)
                .is_ok_and(|found| found.is_dir() && found.uid() == Uid::effective().as_raw());
        Reservations {
            directory: if ours { shared } else { root.join("ports") },
        }
    }

    /// Reserves a free port for the instance in `owner`.
    ///
    /// Ports that the kernel hands to outgoing connections are avoided where the machine leaves others: while an
    /// instance restarts, the proxy's next connection could otherwise take its port away.
    pub(super) fn reserve(&self, owner: &Path) -> io::Result<u16> {
        let owner = std::path::absolute(owner)?;
        make_directory(&self.directory)?;
        self.forget_the_gone();
        let range = lasting_ports(&ephemeral_ports());
        let span = u32::from(range.end() - range.start()) + 1;
        let digest = Sha256::digest(owner.as_os_str().as_encoded_bytes());
        let seed = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let candidates = (0..span.min(2000)).filter_map(|step| {
            let offset = u16::try_from((seed % span + step) % span).ok()?;
            range.start().checked_add(offset)
        });
        for port in candidates {
            if is_free(port) && take(&self.file(port), &owner)? {
                return Ok(port);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("no port from {} to {} is free", range.start(), range.end()),
        ))
    }

    /// Gives up what instances have left that went without a stop, with the whole of their root.
    fn forget_the_gone(&self) {
        for entry in fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            if holder(&entry.path()).is_some_and(|holder| !holder.exists()) {
                // Another may have been faster.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Gives up a reservation.
    pub(super) fn release(&self, port: u16, owner: &Path) {
        let path = self.file(port);
        if std::path::absolute(owner).is_ok_and(|owner| holder(&path) == Some(owner)) {
            let _ = fs::remove_file(path);
        }
    }

    fn file(&self, port: u16) -> PathBuf {
        self.directory.join(port.to_string())
    }
}

fn take(path: &Path, owner: &Path) -> io::Result<bool> {
    for _ in 0..2 {
        match fs::File::create_new(path) {
            Ok(mut file) => {
                return file
                    .write_all(owner.as_os_str().as_encoded_bytes())
                    .map(|()| true);
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cause),
        }
        match holder(path) {
            Some(holder) if holder == owner => return Ok(true),
            // Its instance is gone without having given it up.
            Some(holder) if !holder.exists() => fs::remove_file(path).or_else(gone_is_fine)?,
            // In use; or being written right now.
            _ => return Ok(false),
        }
    }
    Ok(false)
}

fn gone_is_fine(cause: io::Error) -> io::Result<()> {
    match cause.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(cause),
    }
}

fn holder(path: &Path) -> Option<PathBuf> {
    let written = fs::read_to_string(path).ok()?;
    (!written.is_empty()).then(|| PathBuf::from(written))
}

/// Whether nobody listens on a port, at any address.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

fn ephemeral_ports() -> RangeInclusive<u16> {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| {
            let mut ends = range.split_whitespace().map(str::parse);
            Some(ends.next()?.ok()?..=ends.next()?.ok()?)
        })
        .unwrap_or(32768..=60999)
}

fn lasting_ports(ephemeral: &RangeInclusive<u16>) -> RangeInclusive<u16> {
    // Below are those that the proxy gives to services: an instance must not take one while the proxy restarts.
    const LOWEST: u16 = 31_000;
    const ENOUGH: u16 = 1_000;
    let (low, high) = (*ephemeral.start(), *ephemeral.end());
    if low.saturating_sub(LOWEST) >= ENOUGH {
        LOWEST..=low - 1
    } else if u16::MAX - high >= ENOUGH {
        high + 1..=u16::MAX
    } else {
        low.max(1024)..=high
    }
}

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listener {
    /// Nobody.
    None,
    /// The process asked about, or one that it started.
    Own,
    /// Another process: its id and its name.
    Other(i32, String),
    /// A process that we may not look into.
    Unknown,
}

/// Finds out who listens on a port that the descendants of `shim` should have.
pub(super) fn listener(port: u16, shim: i32) -> Listener {
    let sockets = listening_sockets(port);
    if sockets.is_empty() {
        return Listener::None;
    }
    if family::descendants(shim)
        .into_iter()
        .any(|pid| holds_any(pid, &sockets))
    {
        return Listener::Own;
    }
    match family::processes().find(|pid| holds_any(*pid, &sockets)) {
        Some(pid) => {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            match name.trim() {
                // A container that the instance has started has its port held by the container engine.
                docker if docker.starts_with("docker") => Listener::Unknown,
                name => Listener::Other(pid, name.to_owned()),
            }
        }
        None => Listener::Unknown,
    }
}

/// The inodes of listening sockets, from the tables that proc_pid_net(5) describes.
fn listening_sockets(port: u16) -> Vec<String> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| {
            let of_port = |line: &str| {
                let mut fields = line.split_whitespace().skip(1);
                let (local, state) = (fields.next()?, fields.nth(1)?);
                let (_, local_port) = local.rsplit_once(':')?;
                let listens = state == "0A" && u16::from_str_radix(local_port, 16) == Ok(port);
                listens.then(|| fields.nth(5).map(|inode| format!("socket:[{inode}]")))?
            };
            table.lines().filter_map(of_port).collect::<Vec<_>>()
        })
        .collect()
}

fn holds_any(pid: i32, sockets: &[String]) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .any(|target| {
            target
                .to_str()
                .is_some_and(|name| sockets.iter().any(|socket| socket == name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reservations of a test's own, and directories of instances.
    fn rig() -> (tempfile::TempDir, Reservations, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let reservations = Reservations {
            directory: directory.path().join("ports"),
        };
        let [a, b] = ["a", "b"].map(|name| directory.path().join(name));
        fs::create_dir(&a).unwrap();
        fs::create_dir(&b).unwrap();
        (directory, reservations, a, b)
    }

    #[test]
    fn a_port_is_given_once_and_again_when_its_owner_is_gone() {
        let (_directory, ports, a, b) = rig();
        let first = ports.reserve(&a).unwrap();
        assert_eq!(ports.reserve(&a).unwrap(), first);
        // The same owner is tried at the same place: only the reservation stands in the way.
        fs::write(ports.file(first), b.to_str().unwrap()).unwrap();
        let second = ports.reserve(&a).unwrap();
        assert_ne!(second, first);
        ports.release(second, &b);
        assert!(ports.file(second).exists(), "not its owner");
        ports.release(second, &a);
        fs::remove_dir(&b).unwrap();
        assert_eq!(ports.reserve(&a).unwrap(), first);
        fs::remove_dir(&a).unwrap();
        fs::create_dir(&b).unwrap();
        ports.reserve(&b).unwrap();
        let left = fs::read_dir(&ports.directory).unwrap().count();
        assert_eq!(left, 1, "those of the gone are gone");
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given() {
        let (_directory, ports, a, _) = rig();
        let first = ports.reserve(&a).unwrap();
        let _listener = TcpListener::bind(("127.0.0.1", first)).unwrap();
        assert_ne!(ports.reserve(&a).unwrap(), first);
    }

    #[test]
    fn roots_of_a_user_share_their_reservations() {
        let [one, two] = ["/one", "/two"].map(|root| Reservations::of_user(Path::new(root)));
        assert_eq!(one.directory, two.directory);
        let mode = fs::metadata(&one.directory).unwrap().mode();
        assert_eq!(mode & 0o077, 0, "nobody else has a say");
    }

    #[test]
    fn lasting_ports_lie_outside_of_the_kernels_own() {
        assert_eq!(lasting_ports(&(32768..=60999)), 31_000..=32767);
        assert_eq!(lasting_ports(&(15000..=60999)), 61000..=65535);
        assert_eq!(lasting_ports(&(1024..=65535)), 1024..=65535);
    }

    #[test]
    fn the_listener_on_a_port_is_known() {
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(matches!(listener(port, own), Listener::Other(pid, _) if pid == own));
        drop(socket);
        assert_eq!(listener(port, own), Listener::None);
    }
}
