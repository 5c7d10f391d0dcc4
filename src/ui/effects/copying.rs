//! Texts on their way to a clipboard: a program's, or the terminal's own.

use super::{Reply, Runner};
use crate::session;
use crate::ui::message::Message;
use crate::ui::{clipboard, terminal};

impl Runner {
    /// Puts a text where the first one of the ways takes it. Only the last text counts: one that is still on its way is given up.
    pub(super) fn copy(&mut self, text: String, program: Option<String>) {
        if let Some(earlier) = self.copying.take() {
            earlier.abort();
        }
        let configured = self.ground.config.ui.clipboard.clone();
        let env = self.ground.world.env.clone();
        let replies = self.replies.clone();
        let copying = Copying {
            text,
            program,
            refused: configured.first().cloned(),
        };
        self.copying = Some(tokio::spawn(async move {
            for way in clipboard::ways(&configured, &env) {
                if session::clipboard::give(&way.words, &env, &copying.text).await {
                    let _ = replies.send(Reply::Message(copying.done(&way.place)));
                    return;
                }
            }
            let _ = replies.send(Reply::Copy(copying));
        }));
    }

    /// Puts a text on the terminal's clipboard. For the loop alone: nobody else may write to the terminal between two pictures.
    pub(in crate::ui) fn copy_by_terminal(&self, copying: &Copying) -> Message {
        let sequence = clipboard::osc52(&copying.text, &self.ground.world.env);
        let bad = |text: String| Message::Said { text, bad: true };
        match sequence.map(|sequence| terminal::write(&sequence)) {
            Some(Ok(())) => copying.done("the terminal's clipboard (OSC 52)"),
            Some(Err(_)) => bad("the terminal took no clipboard text".to_owned()),
            None => {
                let amount = clipboard::amount(copying.text.len());
                bad(format!(
                    "{amount} is too much for the terminal; [ui] clipboard names a program that takes it"
                ))
            }
        }
    }
}

/// A text on its way to a clipboard.
pub(in crate::ui) struct Copying {
    text: String,
    /// The program in a session that wants it there; none where the person does.
    program: Option<String>,
    /// The configured program, which is tried first.
    refused: Option<String>,
}

impl Copying {
    /// `copied 312 B to the clipboard (xclip)`
    fn done(&self, place: &str) -> Message {
        let who = self
            .program
            .as_ref()
            .map_or_else(String::new, |name| format!("{name} "));
        let refused = self.refused.as_ref().filter(|name| *name != place);
        let but = refused.map_or_else(String::new, |name| format!("; {name} did not take it"));
        Message::Said {
            text: format!("{who}copied {} to {place}{but}", clipboard::amount(self.text.len())),
            bad: !but.is_empty(),
        }
    }
}
