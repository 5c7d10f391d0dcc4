//! The binary: hands the arguments to `cli` and turns its answer into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    hallpass::session::harden::harden();
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == hallpass::session::child_start::ARGUMENT)
    {
        return hallpass::session::child_start::child_start();
    }
    hallpass::cli::main(|_| Ok(0))
}
