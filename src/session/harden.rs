//! Keeps our own memory, which holds secrets for moments, from being read or written to disk, and the process from being killed where it
//! has a terminal to give back.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit};
use signal_hook::consts::SIGXFSZ;

/// Call first thing in `main`. In release builds our memory and environment cannot be read by other processes of the same user, and no
/// build writes a core file. A recording that reaches the limit of a file's size (`ulimit -f`) fails as on a full disk. A system that refuses
/// is not an error: everything else still holds.
pub fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // Caught and not ignored: programs that are started get its default back.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    #[cfg(all(target_os = "linux", not(debug_assertions)))]
    {
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}
