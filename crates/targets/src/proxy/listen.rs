//! The sockets that users connect to. One socket per address, shared by all workers.
//!
//! Each worker has its own descriptor of it and accepts when it is awake. A socket per worker (`SO_REUSEPORT`) would let
//! another program of the same user share a port by mistake, and spreads connections unevenly.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

use tokio::net::TcpSocket;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Where services get their port that name none: below the ports that outgoing connections get, so that it is free
/// again after a restart.
const PORTS: std::ops::Range<u16> = 21_000..31_000;
/// How many of them are tried.
const TRIES: u16 = 1_000;

/// Opens a listening socket. Needs the runtime's context.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Connections of an earlier proxy that still linger do not stand in the way; another listener does.
    socket.set_reuseaddr(true)?;
    // Inherited by the connections.
    socket.set_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Opens a listening socket on a free loopback port, the same for the same name where that is possible.
pub(super) fn bind_free(name: &str) -> io::Result<TcpListener> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let first = hash(name);
    let size = PORTS.end - PORTS.start;
    for step in 0..TRIES {
        let offset = (first + u64::from(step)) % u64::from(size);
        let port = PORTS.start + u16::try_from(offset).expect("it is below the range's size");
        match bind(SocketAddr::new(loopback, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    bind(SocketAddr::new(loopback, 0))
}

/// FNV-1a, 64 bits.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }) >> 8
}
