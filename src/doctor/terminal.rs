//! The terminal: what it is called, what it can show, and whose key the prefix is.

use super::{Doctor, Finding};
use crate::domain::status::State;

const AREA: &str = "terminal";

/// Programs around us that have a prefix key of their own: the variable that tells of them, their name, that key.
const AROUND: &[(&str, &str, &str)] = &[
    ("TMUX", "tmux", "ctrl-b"),
    ("STY", "screen", "ctrl-a"),
    ("ZELLIJ", "zellij", "ctrl-g"),
];

pub(super) fn all(doctor: &Doctor<'_>) -> Vec<Finding> {
    let mut found = vec![kind(doctor), colours(doctor), characters(doctor), prefix(doctor)];
    if let Some(session) = doctor.world.text("HALLPASS_SESSION_ID") {
        let what = format!("this runs inside the session {session} of another hallpass");
        found.push(
            Finding::warn(
                AREA,
                "nested",
                what,
                "the outer one takes the prefix key; twice sends it through",
            )
            .fix("exit   to come back to the outer one"),
        );
    }
    found
}

fn kind(doctor: &Doctor<'_>) -> Finding {
    const NAME: &str = "TERM";
    if !doctor.terminal {
        return Finding::new(AREA, NAME, State::Skipped, "hallpass does not stand in a terminal here");
    }
    match doctor.world.text("TERM") {
        Some("dumb") | None => Finding::warn(
            AREA,
            NAME,
            "no terminal that a screen can be drawn on",
            "the list of roles needs one; connect, exec and check work without",
        )
        .fix("export TERM=xterm-256color"),
        Some(term) => Finding::ok(AREA, NAME, term),
    }
}

fn colours(doctor: &Doctor<'_>) -> Finding {
    const NAME: &str = "colours";
    let text = |name| doctor.world.text(name);
    let what = match (text("NO_COLOR"), text("COLORTERM"), text("TERM")) {
        (Some(_), _, _) => "none: NO_COLOR is set",
        (_, Some("truecolor" | "24bit"), _) => "all of them (COLORTERM)",
        (_, _, Some(term)) if term.contains("256color") => "256",
        _ => "16",
    };
    Finding::ok(AREA, NAME, what)
}

fn characters(doctor: &Doctor<'_>) -> Finding {
    const NAME: &str = "characters";
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| doctor.world.text(name));
    let locale = set.unwrap_or_default();
    if locale.to_ascii_uppercase().replace('-', "").contains("UTF8") {
        return Finding::ok(AREA, NAME, format!("UTF-8 ({locale})"));
    }
    Finding::warn(
        AREA,
        NAME,
        "the locale is not one of UTF-8",
        "frames and marks are drawn with ASCII, and clients may garble names",
    )
    .fix("export LANG=C.UTF-8")
}

/// Whether the program around us takes the prefix key before we see it.
fn prefix(doctor: &Doctor<'_>) -> Finding {
    const NAME: &str = "prefix key";
    let session = &doctor.config.session;
    let ours: Vec<&str> = [Some(&session.prefix), session.prefix2.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let taken = AROUND
        .iter()
        .filter(|(variable, _, _)| doctor.world.text(variable).is_some())
        .find_map(|(_, program, key)| ours.iter().find(|ours| *ours == key).map(|ours| (ours, program, key)));
    match taken {
        Some((ours, program, key)) => Finding::warn(
            AREA,
            NAME,
            format!("{ours} is the prefix of {program} too, in which hallpass runs"),
            "the outer program takes the key: hallpass sees it only when it is pressed twice",
        )
        .fix(format!(
            "[session] prefix = \"ctrl-\\\\\"   in config.toml, or another than {key}"
        )),
        None => Finding::ok(AREA, NAME, ours.join(", ")),
    }
}
