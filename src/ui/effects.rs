//! Effects: what `update` wants done outside the model, and the only place of the user interface that does it.

mod copying;
mod launching;
mod replayed;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::copying::Copying;
use crate::check::Checker;
use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::lease::Held;
use crate::domain::problem::{Location, Problem};
use crate::launch::Request;
use crate::providers::{Providers, World, credential_names, leases};
use crate::replay::search::{self, Query};
use crate::replay::{self, Start, Transcript};
use crate::session::emulator::Size;
use crate::session::{Session, editor};
use crate::ui::clipboard;
use crate::ui::message::{Message, Opened};
use crate::ui::terminal;

/// What must happen outside the model.
#[derive(Debug)]
pub enum Effect {
    CheckRole {
        generation: u64,
        role: String,
    },
    CheckProvider {
        generation: u64,
        provider: String,
    },
    /// A provider that somebody logged in to elsewhere: what it remembers is old.
    Reopen(String),
    CancelChecks,
    Launch {
        generation: u64,
        tab: u64,
        request: Request,
        size: Size,
    },
    CancelLaunch,
    Unlock {
        generation: u64,
        provider: String,
        passphrase: SecretString,
    },
    Send {
        tab: u64,
        bytes: Vec<u8>,
    },
    /// What is drawn is still right.
    Unchanged,
    /// What is sent to the tab next was typed or pasted by a person.
    Typed {
        tab: u64,
    },
    Resize {
        tab: u64,
        size: Size,
    },
    HangUp {
        tab: u64,
    },
    /// The tab is gone: so is what is kept of its session.
    Forget {
        tab: u64,
    },
    /// Read a recording for the player.
    Replay {
        generation: u64,
        start: Start,
        stop: Arc<AtomicBool>,
    },
    /// Look for a text in what a recording showed.
    Find {
        generation: u64,
        recording: Arc<replay::Recording>,
        query: Query,
        stop: Arc<AtomicBool>,
    },
    /// Write a recording out as plain text.
    Transcribe {
        generation: u64,
        recording: Arc<replay::Recording>,
        stop: Arc<AtomicBool>,
    },
    Copy(String),
    /// The same for the program in a session, which is named.
    CopyFor {
        program: String,
        text: String,
    },
    Edit(Location),
    Reload,
    Suspend,
    Redraw,
    Mouse(bool),
    /// The terminal's bell.
    Bell,
}

/// What comes back to the loop. A session is no part of a message: it stays with the runner, the model gets its screen.
pub(super) enum Reply {
    Message(Message),
    Started {
        generation: u64,
        session: Box<Session>,
        opened: Opened,
        /// What is given back when the session ends.
        leases: Vec<Held>,
    },
    /// No program took this text: the terminal is to.
    Copy(Copying),
}

/// What the loop itself must do, because it owns the terminal.
pub(super) enum Request4Loop {
    Suspend,
    Redraw,
    Edit(Location),
}

/// Reads the configuration again, as it was read for the start.
pub type Reload = Arc<dyn Fn() -> Config + Send + Sync>;

/// What checks and launches work with; replaced as a whole when the configuration is read again.
#[derive(Clone)]
struct Ground {
    config: Arc<Config>,
    providers: Arc<Providers>,
    world: World,
}

/// Bytes of scrollback that all sessions together keep.
const SCROLLBACK_BYTES: usize = 240 << 20;
/// Wrapping a long scrollback anew takes milliseconds, and every child redraws itself.
const BETWEEN_SIZES: Duration = Duration::from_millis(60);

pub(super) struct Runner {
    ground: Ground,
    reload: Reload,
    starter: PathBuf,
    /// Unbounded and yet short: a session has at most one unread `Output`, a request one answer. Nobody who sends may wait.
    replies: UnboundedSender<Reply>,
    sessions: HashMap<u64, Running>,
    /// Sizes that sessions have not taken yet: a window that is drawn to its size asks for more of them than any child can follow.
    sizes: HashMap<u64, Size>,
    sized: Instant,
    checks: Vec<JoinHandle<()>>,
    launch: Option<JoinHandle<()>>,
    copying: Option<JoinHandle<()>>,
}

struct Running {
    session: Box<Session>,
    /// An `Output` is on its way that nobody has read.
    told: Arc<AtomicBool>,
    leases: Vec<Held>,
}

impl Runner {
    pub(super) fn new(
        config: Arc<Config>,
        providers: Arc<Providers>,
        world: World,
        reload: Reload,
        replies: UnboundedSender<Reply>,
    ) -> Result<Self, Problem> {
        let starter = std::env::current_exe()
            .map_err(|_| Problem::new(&catalogue::IO, "the system does not say where hallpass itself lies"))?;
        let news = replies.clone();
        leases::listen(move |what| drop(news.send(Reply::Message(Message::Lease(what)))));
        Ok(Self {
            ground: Ground {
                config,
                providers,
                world,
            },
            reload,
            starter,
            replies,
            sessions: HashMap::new(),
            sizes: HashMap::new(),
            sized: Instant::now(),
            checks: Vec::new(),
            launch: None,
            copying: None,
        })
    }

    /// Does one effect; what only the loop can do is handed back. Never waits.
    pub(super) fn run(&mut self, effect: Effect) -> Option<Request4Loop> {
        match effect {
            Effect::CheckRole { generation, role } => self.check_role(generation, role),
            Effect::CheckProvider { generation, provider } => self.check_provider(generation, provider),
            Effect::Reopen(provider) => self.ground.providers.reopen(&provider),
            Effect::CancelChecks => self.checks.drain(..).for_each(|task| task.abort()),
            Effect::Launch {
                generation,
                tab,
                request,
                size,
            } => self.launch(generation, tab, request, size),
            Effect::CancelLaunch => {
                if let Some(task) = self.launch.take() {
                    task.abort();
                }
            }
            Effect::Unlock {
                generation,
                provider,
                passphrase,
            } => self.unlock(generation, provider, passphrase),
            Effect::Send { tab, bytes } => self.send(tab, &bytes),
            Effect::Unchanged => {}
            Effect::Typed { tab } => self.with(tab, Session::typed),
            Effect::Resize { tab, size } => drop(self.sizes.insert(tab, size)),
            Effect::HangUp { tab } => self.with(tab, Session::hang_up),
            Effect::Forget { tab } => {
                self.sessions.remove(&tab);
                self.sizes.remove(&tab);
                self.share_scrollback();
            }
            Effect::Replay {
                generation,
                start,
                stop,
            } => {
                self.work(move || {
                    replayed::load(&start, &stop).map(|result| Message::Recording { generation, result })
                });
            }
            Effect::Find {
                generation,
                recording,
                query,
                stop,
            } => self.work(move || {
                search::find(&recording, &query, &stop).map(|times| Message::Found { generation, times })
            }),
            Effect::Transcribe {
                generation,
                recording,
                stop,
            } => self
                .work(move || Transcript::of(&recording, &stop).map(|lines| Message::Transcript { generation, lines })),
            Effect::Copy(text) => self.copy(text, None),
            Effect::CopyFor { program, text } => self.copy(text, Some(program)),
            Effect::Reload => self.reload(),
            Effect::Mouse(on) => terminal::set_mouse(on),
            Effect::Bell => terminal::ring(),
            Effect::Edit(at) => return Some(Request4Loop::Edit(at)),
            Effect::Suspend => return Some(Request4Loop::Suspend),
            Effect::Redraw => return Some(Request4Loop::Redraw),
        }
        None
    }

    /// Takes a started session over.
    pub(super) fn adopt(&mut self, tab: u64, session: Box<Session>, told: Arc<AtomicBool>, leases: Vec<Held>) {
        // Its first output may have come before it, and nobody could say then that it was seen.
        told.store(false, Ordering::Release);
        self.sessions.insert(tab, Running { session, told, leases });
        self.share_scrollback();
    }

    /// The child of this session has ended: what was made for it is given back, although its screen stays.
    pub(super) fn ended(&mut self, tab: u64) {
        if let Some(running) = self.sessions.get_mut(&tab) {
            running.leases.clear();
        }
    }

    /// Many sessions keep fewer lines each, so that all together take no more memory than a few.
    fn share_scrollback(&self) {
        let share = SCROLLBACK_BYTES / self.sessions.len().max(1);
        for running in self.sessions.values() {
            running.session.limit_scrollback(share);
        }
    }

    /// When the sessions may take the sizes that wait for them; none if none does.
    pub(super) fn sizes_due(&self) -> Option<Instant> {
        (!self.sizes.is_empty()).then(|| self.sized + BETWEEN_SIZES)
    }

    /// Gives the sessions the sizes that wait for them.
    pub(super) fn give_sizes(&mut self) {
        for (tab, size) in std::mem::take(&mut self.sizes) {
            self.with(tab, |session| session.resize(size));
        }
        self.sized = Instant::now();
    }

    pub(super) fn has(&self, tab: u64) -> bool {
        self.sessions.contains_key(&tab)
    }

    /// The next output of this session is news again.
    pub(super) fn seen(&self, tab: u64) {
        if let Some(running) = self.sessions.get(&tab) {
            running.told.store(false, Ordering::Release);
        }
    }

    fn with(&self, tab: u64, act: impl FnOnce(&Session)) {
        if let Some(running) = self.sessions.get(&tab) {
            act(&running.session);
        }
    }

    fn send(&self, tab: u64, bytes: &[u8]) {
        let taken = self
            .sessions
            .get(&tab)
            .is_none_or(|running| running.session.send(bytes));
        if !taken {
            let amount = clipboard::amount(bytes.len());
            let text = format!("the program reads nothing, {amount} for it were not sent");
            let _ = self.replies.send(Reply::Message(Message::Said { text, bad: true }));
        }
    }

    fn check_role(&mut self, generation: u64, role: String) {
        let (ground, replies) = (self.ground.clone(), self.replies.clone());
        self.checks.retain(|task| !task.is_finished());
        self.checks.push(tokio::spawn(async move {
            let checker = Checker {
                config: &ground.config,
                providers: &ground.providers,
                world: &ground.world,
            };
            if let Some(status) = checker.role(&role).await {
                let _ = replies.send(Reply::Message(Message::RoleChecked { generation, status }));
            }
        }));
    }

    fn check_provider(&mut self, generation: u64, provider: String) {
        let (ground, replies) = (self.ground.clone(), self.replies.clone());
        self.checks.push(tokio::spawn(async move {
            let checker = Checker {
                config: &ground.config,
                providers: &ground.providers,
                world: &ground.world,
            };
            let status = checker.provider(&provider).await;
            let _ = replies.send(Reply::Message(Message::ProviderChecked { generation, status }));
        }));
    }

    /// Works on a thread where that keeps nobody waiting; says what comes of it.
    fn work(&self, work: impl FnOnce() -> Option<Message> + Send + 'static) {
        let replies = self.replies.clone();
        tokio::task::spawn_blocking(move || {
            if let Some(message) = work() {
                let _ = replies.send(Reply::Message(message));
            }
        });
    }

    fn unlock(&self, generation: u64, provider: String, passphrase: SecretString) {
        let (ground, replies) = (self.ground.clone(), self.replies.clone());
        tokio::spawn(async move {
            let result = match ground.providers.get(&provider) {
                Ok(store) => store.unlock(passphrase).await,
                Err(problem) => Err(problem),
            };
            let _ = replies.send(Reply::Message(Message::Unlocked { generation, result }));
        });
    }

    fn reload(&mut self) {
        let config = Arc::new((self.reload)());
        // Providers keep their logins and their unlocked stores as long as nothing about them changes.
        if config.providers != self.ground.config.providers {
            self.ground.providers = Arc::new(Providers::new(&config.providers, &self.ground.world));
        }
        self.ground.config = Arc::clone(&config);
        self.checks.drain(..).for_each(|task| task.abort());
        let _ = self.replies.send(Reply::Message(Message::Reloaded { config }));
    }

    /// Runs the person's editor in the foreground; the terminal has been given back for it.
    pub(super) fn edit(&mut self, at: &Location) {
        let world = &self.ground.world;
        let editor = ["VISUAL", "EDITOR"]
            .iter()
            .find_map(|name| world.text(name))
            .unwrap_or("vi");
        match editor::edit(&at.file, at.line, editor, &credential_names()) {
            Ok(()) => self.reload(),
            Err(problem) => {
                let _ = self.replies.send(Reply::Message(Message::Said {
                    text: problem.what,
                    bad: true,
                }));
            }
        }
    }
}
