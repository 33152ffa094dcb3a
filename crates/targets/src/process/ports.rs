//! Loopback ports for instances: choosing one that stays theirs, and finding out who holds one.

use std::{
    fs, io,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    ops::RangeInclusive,
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::shim::{family, make_directory};

/// Reserves a free port for `key`; `in_use` tells whether an earlier owner still has its own.
///
/// Ports that the kernel hands to outgoing connections are avoided where the machine leaves others: while an instance
/// restarts, the proxy's next connection could otherwise take its port away.
pub(super) fn reserve(
    reservations: &Path,
    key: &str,
    in_use: impl Fn(&str) -> bool,
) -> io::Result<u16> {
    make_directory(reservations)?;
    let range = lasting_ports(&ephemeral_ports());
    let span = u32::from(range.end() - range.start()) + 1;
    let digest = Sha256::digest(format!("{}\0{key}", reservations.display()));
    let seed = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let candidates = (0..span.min(2000)).filter_map(|step| {
        let offset = u16::try_from((seed % span + step) % span).ok()?;
        range.start().checked_add(offset)
    });
    for port in candidates {
        if is_free(port) && take(&reservations.join(port.to_string()), key, &in_use)? {
            return Ok(port);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("no port from {} to {} is free", range.start(), range.end()),
    ))
}

/// Gives up a reservation.
pub(super) fn release(reservations: &Path, port: u16, key: &str) {
    let path = reservations.join(port.to_string());
    if fs::read_to_string(&path).is_ok_and(|owner| owner == key) {
        let _ = fs::remove_file(path);
    }
}

fn take(path: &Path, key: &str, in_use: impl Fn(&str) -> bool) -> io::Result<bool> {
    for _ in 0..2 {
        match fs::File::create_new(path) {
            Ok(mut file) => return file.write_all(key.as_bytes()).map(|()| true),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cause),
        }
        let owner = fs::read_to_string(path).unwrap_or_default();
        if owner == key {
            return Ok(true);
        }
        if owner.is_empty() || in_use(&owner) {
            return Ok(false);
        }
        let _ = fs::remove_file(path);
    }
    Ok(false)
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

    #[test]
    fn a_port_is_given_once_and_again_when_its_owner_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let ports = directory.path().join("ports");
        let first = reserve(&ports, "a", |_| true).unwrap();
        assert_eq!(reserve(&ports, "a", |_| true).unwrap(), first);
        // The same key would be tried at the same place: only the reservation stands in the way.
        fs::write(ports.join(first.to_string()), "b").unwrap();
        let second = reserve(&ports, "a", |_| true).unwrap();
        assert_ne!(second, first);
        release(&ports, second, "b");
        assert!(ports.join(second.to_string()).exists(), "not its owner");
        release(&ports, second, "a");
        assert_eq!(reserve(&ports, "a", |_| false).unwrap(), first);
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given() {
        let directory = tempfile::tempdir().unwrap();
        let first = reserve(directory.path(), "a", |_| false).unwrap();
        let _listener = TcpListener::bind(("127.0.0.1", first)).unwrap();
        assert_ne!(reserve(directory.path(), "a", |_| false).unwrap(), first);
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
