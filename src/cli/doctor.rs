//! `hallpass doctor [PROVIDER|CLIENT]`: what this machine offers, and what to do about the rest. Exit 1 when anything fails.

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::{Value, json};

use super::{Frame, counted, json, say};
use crate::doctor::{Doctor, Finding};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::status::State;
use crate::recording::store;

/// Look at this machine: clients, folders, network, memory, terminal
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass doctor\n  hallpass doctor vault\n  hallpass doctor psql\n  hallpass doctor --json | jq '.findings[] | select(.state == \"fail\")'"
)]
pub(super) struct DoctorCommand {
    /// A provider, a connector or a client's program; everything if none is named
    about: Option<String>,
    /// Ask no server
    #[arg(long)]
    offline: bool,
}

pub(super) fn run(command: &DoctorCommand, frame: &Frame) -> Result<u8, Problem> {
    let doctor = Doctor {
        config: &frame.config,
        providers: &frame.providers,
        world: &frame.world,
        recordings: store::folder(&frame.config.folders.state),
        online: !command.offline,
        root: "/".into(),
        terminal: std::io::stdin().is_terminal() || std::io::stdout().is_terminal(),
    };
    let runtime = frame.runtime()?;
    let found = runtime.block_on(doctor.examine(command.about.as_deref()));
    runtime.shutdown_background();
    let found = found?;
    let count = |state| found.iter().filter(|finding| finding.state == state).count();
    let (ok, warn, fail) = (count(State::Ok), count(State::Warn), count(State::Fail));
    if frame.json {
        say(&json::document(json!({
            "summary": { "ok": ok, "warn": warn, "fail": fail },
            "findings": found.iter().map(value).collect::<Vec<_>>(),
        })));
    } else {
        let mut area = "";
        for finding in found.iter().filter(|finding| !frame.quiet || finding.state > State::Ok) {
            if finding.area != area {
                say(&format!("{}{}", if area.is_empty() { "" } else { "\n" }, finding.area));
                area = finding.area;
            }
            print(finding);
        }
        if !frame.quiet {
            say(&format!("\n{ok} ok, {}, {fail} failing", counted(warn, "warning")));
        }
    }
    Ok(u8::from(fail > 0))
}

/// What was found, why it matters, what to type.
fn print(finding: &Finding) {
    let word = match finding.state {
        State::Skipped => "-",
        state => state.word(),
    };
    let code = finding.code.map_or_else(String::new, |code| format!("  {}", code.id));
    say(&printable(&format!(
        "  {word:<5} {:<16} {}{code}",
        finding.name, finding.what
    )));
    let indent = " ".repeat(25);
    if let Some(why) = finding.why.as_ref().filter(|_| finding.state > State::Ok) {
        say(&format!("{indent}why: {}", printable(why)));
    }
    for fix in finding.fixes.iter().filter(|_| finding.state > State::Ok) {
        say(&format!("{indent}fix: {}", printable(fix)));
    }
}

fn value(finding: &Finding) -> Value {
    json!({
        "area": finding.area,
        "name": finding.name,
        "state": finding.state.word(),
        "what": finding.what,
        "why": finding.why,
        "fix": finding.fixes,
        "code": finding.code.map(|code| code.id),
    })
}
