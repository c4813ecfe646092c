//! Servers behind a real nginx: TLS with an own authority, client certificates, basic authentication, compression, and a
//! pair of which one dies and comes back. nginx comes from `testbed/nginx`, certificates from openssl; nothing but loopback
//! is used.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod authentication;
mod certificates;
mod pair;
mod tls;
mod world;
