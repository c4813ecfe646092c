use std::cell::RefCell;

use tokio::net::TcpStream;

use super::*;

/// Whether this machine can be reached at `[::1]`, which a container may not have.
async fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok()
}

#[tokio::test]
async fn one_socket_takes_connections_of_both_families() {
    let listener = everywhere(0).unwrap();
    let port = listener.local_addr().unwrap().port();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    listener.accept().await.unwrap();
    if has_ipv6().await {
        assert!(!socket2::SockRef::from(&listener).only_v6().unwrap());
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.unwrap();
        listener.accept().await.unwrap();
    }
}

/// Where a kernel would be asked to listen that answers this to IPv6, and what comes of it.
fn asked_of_a_kernel_that_answers(errno: Errno) -> (Vec<String>, io::Result<TcpListener>) {
    let asked = RefCell::new(Vec::new());
    let listener = everywhere_by(0, |address| {
        asked.borrow_mut().push(address.to_string());
        match address {
            SocketAddr::V6(_) => Err(errno.into()),
            SocketAddr::V4(_) => listen_at(address),
        }
    });
    (asked.into_inner(), listener)
}

#[tokio::test]
async fn without_ipv6_in_the_kernel_it_listens_to_ipv4_alone() {
    for errno in [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL] {
        let (asked, listener) = asked_of_a_kernel_that_answers(errno);
        assert_eq!(asked, ["[::]:0", "0.0.0.0:0"]);
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port()))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_not_tried_in_half() {
    let (asked, listener) = asked_of_a_kernel_that_answers(Errno::ADDRINUSE);
    assert_eq!(asked, ["[::]:0"]);
    assert_eq!(listener.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let first = everywhere(0).unwrap();
    let port = first.local_addr().unwrap().port();
    let second = everywhere(port).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
}
