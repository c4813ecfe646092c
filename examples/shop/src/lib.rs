//! The sample application: a small web shop whose dynamic pages cost CPU, and a load generator for it.
//! `serve` and `load` touch the network; nothing leaves the address they are told to use.

pub mod http;
pub mod load;
pub mod serve;
