//! The words of the product as data. Pure: nothing in here touches files, processes, clocks, the network, threads or terminals.

pub mod address;
pub mod catalogue;
pub mod characters;
pub mod connector;
pub mod filter;
pub mod lease;
pub mod limits;
pub mod placeholder;
pub mod plan;
pub mod policy;
pub mod prefix;
pub mod printable;
pub mod problem;
pub mod reference;
pub mod role;
pub mod secret;
pub mod shell;
pub mod status;
pub mod suggest;
