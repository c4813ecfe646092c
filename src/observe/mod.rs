//! From due policies to observations: plan the distinct queries, fetch each once, index the answers, join them with the pods.
//!
//! Only [`server`] touches the network.
pub mod history;
pub mod interval;
pub mod join;
pub mod plan;
pub mod planner;
pub mod query;
pub mod server;
pub mod table;
