//! Asks for one line on the terminal without showing it.
//!
//! The question goes to `/dev/tty`, so that standard input and output may be pipes. The terminal takes no line editing of its own
//! meanwhile: Ctrl-C comes as a character, and the echo is back on every way out but SIGKILL.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// Longer lines are mistakes; the buffer has this size from the start, so that it never moves and leaves a copy behind.
const LONGEST: usize = 64 << 10;

/// Whether there is a terminal to ask on.
pub(crate) fn is_possible() -> bool {
    File::options().read(true).write(true).open("/dev/tty").is_ok()
}

/// Asks for one line. None if the person gave up: Ctrl-C, Ctrl-D on an empty line, a signal.
///
/// # Errors
/// There is no terminal, or what was typed is no text.
pub(crate) fn ask_secret(question: &str) -> Result<Option<SecretString>, Problem> {
    match ask_secret_unless(question, &|| false)? {
        Answer::Line(text) => Ok(Some(text)),
        Answer::GaveUp | Answer::Over => Ok(None),
    }
}

/// What came of a question.
pub(crate) enum Answer {
    Line(SecretString),
    /// Ctrl-C, Ctrl-D on an empty line, a signal.
    GaveUp,
    /// Nothing needs to be asked any more.
    Over,
}

/// The same, as long as `over` does not say that the question has settled itself; it is asked ten times a second.
///
/// # Errors
/// As above.
pub(crate) fn ask_secret_unless(question: &str, over: &(dyn Fn() -> bool + Sync)) -> Result<Answer, Problem> {
    let tty = File::options().read(true).write(true).open("/dev/tty").map_err(|_| {
        Problem::new(&catalogue::TTY_REQUIRED, "there is no terminal to ask on")
            .causes(vec![
                "this runs in the background, in a script or in a container without a terminal".to_owned(),
            ])
            .fixes(Vec::new())
    })?;
    // On a thread of its own: a runtime cannot be started where one runs already.
    std::thread::scope(|scope| scope.spawn(|| ask_on(&tty, question, over)).join())
        .unwrap_or_else(|_| Err(Problem::new(&catalogue::IO, "the terminal could not be read")))
}

/// Gives the terminal its settings back.
struct Quiet<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    /// No echo, no line editing, no signals from keys; a read waits a tenth of a second at most.
    fn new(tty: &'a File) -> rustix::io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut quiet = before.clone();
        quiet.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 1;
        // Forgets what was typed before the question stood there.
        tcsetattr(tty, OptionalActions::Flush, &quiet)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.before);
    }
}

/// What one key did to the line.
enum Step {
    Typing,
    Done,
    GaveUp,
}

fn ask_on(tty: &File, question: &str, over: &dyn Fn() -> bool) -> Result<Answer, Problem> {
    let failed = |_| Problem::new(&catalogue::IO, "the terminal could not be read");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let line = runtime.block_on(async {
        // Before the echo goes: from here on a signal is an answer.
        let signals = Signals::new()?;
        let quiet = Quiet::new(tty)?;
        write!(&mut &*tty, "{question}")?;
        let line = read_line(tty, signals, over).await;
        drop(quiet);
        writeln!(&mut &*tty)?;
        line
    });
    let line = match line.map_err(failed)? {
        End::Line(line) => line,
        End::GaveUp => return Ok(Answer::GaveUp),
        End::Over => return Ok(Answer::Over),
    };
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Answer::Line(SecretString::from(Box::<str>::from(text)))),
        Err(_) => Err(Problem::new(
            &catalogue::USAGE,
            "what was typed is not UTF-8 text; give bytes on standard input",
        )),
    }
}

/// The signals that end the question instead of the process.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.hangup.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// How reading a line ended.
enum End {
    Line(Zeroizing<Vec<u8>>),
    GaveUp,
    Over,
}

async fn read_line(tty: &File, mut signals: Signals, over: &dyn Fn() -> bool) -> std::io::Result<End> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut chunk = Zeroizing::new([0; 256]);
    let mut quick = 0;
    loop {
        let begun = Instant::now();
        let count = match (&mut &*tty).read(&mut *chunk) {
            Ok(count) => count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => 0,
            Err(_) => return Ok(End::GaveUp),
        };
        // A terminal that hung up answers at once, for ever.
        quick = if count == 0 && begun.elapsed() < Duration::from_millis(20) {
            quick + 1
        } else {
            0
        };
        if quick > 20 {
            return Ok(End::GaveUp);
        }
        for byte in chunk.iter().take(count) {
            match press(*byte, &mut line) {
                Step::Typing => {}
                Step::Done => return Ok(End::Line(line)),
                Step::GaveUp => return Ok(End::GaveUp),
            }
        }
        chunk.zeroize();
        if over() {
            return Ok(End::Over);
        }
        tokio::select! {
            () = signals.any() => return Ok(End::GaveUp),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
}

fn press(byte: u8, line: &mut Vec<u8>) -> Step {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const BACKSPACE: u8 = 8;
    const CTRL_U: u8 = 21;
    const CTRL_BACKSLASH: u8 = 28;
    const DELETE: u8 = 127;
    match byte {
        b'\r' | b'\n' => return Step::Done,
        CTRL_C | CTRL_BACKSLASH => return Step::GaveUp,
        CTRL_D => return if line.is_empty() { Step::GaveUp } else { Step::Done },
        CTRL_U => line.clear(),
        BACKSPACE | DELETE => {
            // A whole character: its first byte is not one of those that continue.
            while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
        }
        byte if line.len() < LONGEST => line.push(byte),
        _ => {}
    }
    Step::Typing
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use secrecy::ExposeSecret as _;

    /// A terminal: our side and the program's.
    fn terminal() -> (File, File) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = rustix::fs::open(
            name,
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
            rustix::fs::Mode::empty(),
        );
        (File::from(ours), File::from(theirs.unwrap()))
    }

    /// What the terminal showed, and what came of it.
    fn typed(keys: &[u8]) -> (String, Option<String>) {
        match ended(keys, &|| false) {
            (screen, Answer::Line(text)) => (screen, Some(text.expose_secret().to_owned())),
            (screen, Answer::GaveUp) => (screen, None),
            (_, Answer::Over) => unreachable!("nothing said so"),
        }
    }

    fn ended(keys: &[u8], over: &(dyn Fn() -> bool + Sync)) -> (String, Answer) {
        let (mut ours, theirs) = terminal();
        let before = tcgetattr(&theirs).unwrap();
        let mut screen = Vec::new();
        let answer = std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask_on(&theirs, "Value? ", over).unwrap());
            while !screen.ends_with(b"Value? ") {
                let mut byte = [0];
                ours.read_exact(&mut byte).unwrap();
                screen.push(byte[0]);
            }
            ours.write_all(keys).unwrap();
            asking.join().unwrap()
        });
        let after = tcgetattr(&theirs).unwrap();
        assert_eq!(before.local_modes, after.local_modes);
        assert!(after.local_modes.contains(LocalModes::ECHO));
        let mut rest = [0; 256];
        let count = ours.read(&mut rest).unwrap();
        screen.extend_from_slice(&rest[..count]);
        (String::from_utf8(screen).unwrap(), answer)
    }

    #[test]
    fn a_question_that_has_settled_itself_waits_for_nobody() {
        let (screen, answer) = ended(b"half a li", &|| true);
        assert!(matches!(answer, Answer::Over));
        assert_eq!(screen, "Value? \r\n");
    }

    #[test]
    fn a_line_is_read_and_not_shown() {
        let (screen, answer) = typed("gehéim 1\r".as_bytes());
        assert_eq!(answer.unwrap(), "gehéim 1");
        assert_eq!(screen, "Value? \r\n");
    }

    #[test]
    fn keys_edit_the_line() {
        assert_eq!(typed("abé\x7fc\n".as_bytes()).1.unwrap(), "abc");
        assert_eq!(typed(b"wrong\x15right\x04").1.unwrap(), "right");
        assert_eq!(typed(b"\x7f\x7fa\r").1.unwrap(), "a");
        assert_eq!(typed(b"\r").1.unwrap(), "");
    }

    #[test]
    fn giving_up_gives_the_echo_back() {
        for key in [b"abc\x03".as_slice(), b"abc\x1c", b"\x04"] {
            let (screen, answer) = typed(key);
            assert!(answer.is_none());
            assert!(!screen.contains("abc"));
        }
    }

    #[test]
    fn a_long_line_is_kept_whole() {
        let long = "x".repeat(9000);
        assert_eq!(typed(format!("{long}\r").as_bytes()).1.unwrap(), long);
    }
}
