//! The integration tests: the real binary, real servers, a real terminal. `tests/run` starts the servers and runs them;
//! `tests/run --quick NAME` runs those whose name holds NAME.

// Lints for shipped code: in a test a failed expectation is a panic, and the helpers here are all tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub
)]

mod liar;
mod library;
mod outer;
mod random;
mod request;
mod sandbox;
mod servers;
mod tmux;
mod trace;

mod architecture;
mod aws;
mod aws_failures;
mod aws_logins;
mod aws_profiles;
mod aws_sessions;
mod azure;
mod azure_clients;
mod azure_failures;
mod canary;
mod checks;
mod cli;
mod contract;
mod copy;
mod corpus;
mod databases;
mod dynamic;
mod faults;
mod gcp;
mod gcp_logins;
mod guard;
mod hostile;
mod identity;
mod isolation;
mod job_control;
mod k8s;
mod k8s_clients;
mod keys;
mod leaks;
mod lifecycle;
mod local_store;
mod masking;
mod option_file;
mod provider_command;
mod rds;
mod readme;
mod recordings;
mod replay;
mod rotation;
mod scenarios;
mod session;
mod tabs;
mod terminal;
mod vault;
mod vault_failures;
mod vault_logins;
