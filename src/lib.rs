//! hallpass: open a shell on any database or server without ever holding its password.
//!
//! # The map
//!
//! | where | what lives there |
//! |---|---|
//! | [`domain`] | roles, references, connectors, problems, statuses; `domain::secret` alone can read plaintext. Pure: no files, processes, clocks, network, threads, terminals |
//! | [`config`] | finds, reads and layers the TOML; every error has file, line, column |
//! | [`providers`] | one file a secret store, behind one small trait, listed once in `PROVIDERS` |
//! | [`recording`] | recordings of sessions: written, sealed, kept; the asciicast format |
//! | [`session`] | a child process: PTY, emulator, key encoding, pass-through, how it starts and ends |
//! | [`replay`] | recordings played again: where the player is, search, transcript |
//! | [`launch`] | a role's references resolved into a plan that a session can start |
//! | [`check`] | which roles and providers are ready, and what to do about the rest |
//! | [`doctor`] | what this machine offers: clients, folders, network, memory, terminal |
//! | [`ui`] | the terminal user interface: model, messages, update, effects, views |
//! | [`cli`] | one file a command; what all share is in `arguments`, `frame` and `speech` |
//!
//! # Who may import whom
//!
//! ```text
//! main -> cli ---+                                   cli and ui never import each other: main hands one to the other,
//!         ui ----+-> check -> launch -> providers -> domain
//!                +-----------------> session -> recording -> domain
//!                +-----------------> config -------> domain, and the plain data of providers
//!          check, launch ----------> config
//!          cli, ui ----------------> recording, replay -> session, recording
//!          launch -----------------> recording
//!          cli -> doctor ----------> check, launch, config, providers
//! ```
//!
//! `main` also reaches into `session` and `providers`, for the first step of a child, the guard over sessions and the watch over a login helper, which run in processes of their own. `tests/it/architecture.rs` reads the sources and fails on an arrow that goes the other way.
//!
//! # The life of a secret
//!
//! A role file holds a [`domain::reference::SecretRef`], which is safe to print. At launch its provider turns it into a
//! [`domain::secret::SecretValue`], which cannot be printed, compared, cloned or serialised. It is moved into a
//! [`domain::secret::ChildEnv`], which shows names only and is consumed when the child is spawned; the
//! [`domain::secret::Redactor`] made from it stands between the child's output and everything that keeps or shows it.

pub mod check;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod domain;
pub mod launch;
pub mod providers;
pub mod recording;
pub mod replay;
pub mod session;
pub mod ui;
