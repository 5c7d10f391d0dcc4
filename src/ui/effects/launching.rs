//! Opening a session in the background: its recording, its secrets, its process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::{Reply, Runner};
use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::lease::Lease;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::secret::ChildEnv;
use crate::launch::{self, Recording, Request};
use crate::recording::cast;
use crate::session::emulator::{Emulator, Size};
use crate::session::{Session, SessionEvent};
use crate::ui::message::{Message, Opened};
use crate::ui::recorded::Recorded;

impl Runner {
    pub(super) fn launch(&mut self, generation: u64, tab: u64, request: Request, size: Size) {
        // The child draws on our emulator, whatever the terminal outside is.
        let request = Request {
            terminal: Some(Emulator::TERM),
            ..request
        };
        let (ground, replies, starter) = (self.ground.clone(), self.replies.clone(), self.starter.clone());
        self.launch = Some(tokio::spawn(async move {
            // Made before a secret is read: where it must be and cannot, none is.
            let request_of = request.clone();
            let config = Arc::clone(&ground.config);
            let recording = tokio::task::spawn_blocking(move || record(&config, &request_of, size));
            let (request, recording) = match recording.await {
                Ok(Ok((session, recording))) => (Request { session, ..request }, recording),
                Ok(Err(problem)) => {
                    let problems = vec![problem];
                    let _ = replies.send(Reply::Message(Message::OpenFailed { generation, problems }));
                    return;
                }
                // The runtime ends.
                Err(_) => return,
            };
            let plan = match &request.errand {
                Some(errand) => launch::errand(&ground.config, &ground.world, errand, &starter, Emulator::TERM)
                    .map_err(|problem| vec![problem]),
                None => launch::resolve(&ground.config, &ground.providers, &ground.world, &request).await,
            };
            let starting = Starting {
                tab,
                size,
                scrollback: ground.config.session.scrollback,
                starter,
                replies: replies.clone(),
            };
            let mut leases = Vec::new();
            let started = match plan {
                Ok(mut plan) => {
                    // Given up from here on, they go back as well.
                    leases = std::mem::take(&mut plan.leases);
                    let made = leases.iter().map(|held| held.lease().clone()).collect();
                    // Starting a process waits for the child's first step: not on a thread that others need.
                    let start = tokio::task::spawn_blocking(move || starting.start(plan, made, recording));
                    start
                        .await
                        .unwrap_or_else(|_| {
                            Err(Problem::new(
                                &catalogue::CLIENT_START,
                                "the session could not be started",
                            ))
                        })
                        .map_err(|p| vec![p])
                }
                Err(problems) => Err(problems),
            };
            let _ = replies.send(match started {
                Ok((session, opened)) => Reply::Started {
                    generation,
                    session: Box::new(session),
                    opened,
                    leases,
                },
                Err(problems) => Reply::Message(Message::OpenFailed { generation, problems }),
            });
        }));
    }
}

/// Makes the recording of a session that is to be opened, with the session's id; an errand is none.
fn record(config: &Config, request: &Request, size: Size) -> Result<(Option<String>, Recording), Problem> {
    if request.errand.is_some() {
        return Ok((None, Recording::default()));
    }
    let role = launch::find_role(config, &request.role)?;
    let session = launch::session_id()?;
    let size = cast::Size {
        columns: size.columns,
        rows: size.rows,
    };
    let recording = launch::record(config, role, &session, size, Some(Emulator::TERM), request.unrecorded)?;
    Ok((Some(session), recording))
}

/// Where a session is opened, and who is told of it.
struct Starting {
    tab: u64,
    size: Size,
    /// Lines.
    scrollback: usize,
    starter: PathBuf,
    replies: UnboundedSender<Reply>,
}

impl Starting {
    /// Starts the process; waits for its first step.
    fn start(self, plan: LaunchPlan, leases: Vec<Lease>, recording: Recording) -> Result<(Session, Opened), Problem> {
        let told = Arc::new(AtomicBool::new(false));
        let mut opened = Opened {
            tab: self.tab,
            session_id: plan.session_id.clone(),
            program: plan.program.display().to_string(),
            emulator: Arc::new(std::sync::Mutex::new(Emulator::new(Size { columns: 2, rows: 1 }, 0))),
            redactor: Arc::new(ChildEnv::new().redactor()),
            size: self.size,
            limits: plan.limits,
            secrets: plan.secrets.clone(),
            leases,
            warnings: plan.warnings.clone(),
            recorded: Recorded::of(recording.recorder.as_ref()),
            told: Arc::clone(&told),
        };
        // What is not recorded is the first thing to know.
        if let Some(problem) = &recording.warning {
            opened
                .warnings
                .insert(0, format!("{}: {}", problem.code.id, problem.what));
        }
        let (tab, replies) = (self.tab, self.replies);
        let notify = move |event: SessionEvent| {
            if event == SessionEvent::Output && told.swap(true, Ordering::AcqRel) {
                return;
            }
            let _ = replies.send(Reply::Message(Message::Session { tab, event }));
        };
        let session = Session::start_recorded(
            plan,
            self.size,
            self.scrollback,
            &self.starter,
            recording.recorder,
            Box::new(notify),
        )?;
        opened.emulator = session.emulator();
        opened.redactor = session.redactor();
        Ok((session, opened))
    }
}
