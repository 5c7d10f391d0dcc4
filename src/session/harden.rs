//! Keeps our own memory, which holds secrets for moments, from being read or written to disk.

use rustix::process::{Resource, Rlimit};

/// Call first thing in `main`. In release builds our memory and environment cannot be read by other processes of the same user, and no
/// build writes a core file. A system that refuses is not an error: everything else still holds.
pub fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    #[cfg(all(target_os = "linux", not(debug_assertions)))]
    {
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}
