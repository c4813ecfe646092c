//! The socket of the HTTP endpoint where no address is asked for. It listens.
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// So many connections wait to be accepted, as tokio has it.
const BACKLOG: i32 = 1024;

/// Listens at every address, of IPv6 and of IPv4; of IPv4 alone where the kernel knows no IPv6. A pod's address is of the one or the other, as its
/// cluster is made.
///
/// # Errors
/// When the port is taken or may not be used.
pub fn everywhere(port: u16) -> io::Result<TcpListener> {
    everywhere_by(port, listen_at)
}

fn everywhere_by(
    port: u16,
    listen_at: impl Fn(SocketAddr) -> io::Result<TcpListener>,
) -> io::Result<TcpListener> {
    match listen_at((Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(error) if is_without_ipv6(&error) => listen_at((Ipv4Addr::UNSPECIFIED, port).into()),
        listener => listener,
    }
}

/// What the kernel answers where IPv6 is not built in, or switched off.
fn is_without_ipv6(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // The kernel's own setting (net.ipv6.bindv6only) may leave IPv4 out.
        socket.set_only_v6(false)?;
    }
    // As tokio does: a controller that is started anew need not wait for connections of the one before.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
