//! The binary: hands the arguments to `cli` and turns its answer into an exit code.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Wipes every block that is freed. Our own types wipe themselves; this is for the buffers of libraries, which hold whole answers of a
/// provider: the values that were asked for, and their neighbours.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    hallpass::session::harden::harden();
    // Only these words come first in a process that hallpass starts of itself: the first step of a child, the guard over
    // sessions, or the watch over a login helper.
    let first = std::env::args_os().nth(1).unwrap_or_default();
    if first == hallpass::session::child_start::ARGUMENT {
        return hallpass::session::child_start::child_start();
    }
    if first == hallpass::session::guard::ARGUMENT {
        return hallpass::session::guard::watch();
    }
    if first == hallpass::providers::command::ARGUMENT {
        return hallpass::providers::command::watch(std::env::args_os().skip(2));
    }
    hallpass::cli::main(hallpass::cli::UserInterface {
        run: tui,
        keys: hallpass::ui::keymap::as_text,
    })
}

/// Neither the command line nor the user interface knows the other: here they meet.
fn tui(start: hallpass::cli::Tui) -> Result<u8, hallpass::domain::problem::Problem> {
    let code = hallpass::ui::run(hallpass::ui::UiOptions {
        config: start.config,
        providers: start.providers,
        world: start.world,
        open: start.open,
        replay: start.replay,
        ascii: start.ascii,
        program: start.program,
        reload: start.reload,
    })?;
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}
