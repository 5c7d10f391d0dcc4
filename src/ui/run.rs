//! The loop: waits for keys, replies, signals and time; lets `update` work; draws when something changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEventKind, MouseEventKind};
use futures::StreamExt as _;
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::launch::Request;
use crate::providers::{Providers, World, leases};
use crate::recording::wait_for_writers;
use crate::replay::Start;
use crate::session::job::{self, Stop};
use crate::session::turns::Typist;
use crate::session::{SessionEvent, wait_for_children};
use crate::ui::effects::{Effect, Reload, Reply, Request4Loop, Runner};
use crate::ui::front::Front;
use crate::ui::message::Message;
use crate::ui::model::Model;
use crate::ui::terminal::{self, Screen};
use crate::ui::theme::Look;
use crate::ui::update;

/// What the user interface is started with.
pub struct UiOptions {
    pub config: Arc<Config>,
    pub providers: Arc<Providers>,
    pub world: World,
    /// A role to open at once; its session's exit code becomes ours.
    pub open: Option<Request>,
    /// ASCII symbols only, also where the locale knows more.
    pub ascii: bool,
    /// What a shell starts hallpass by on the same files.
    pub program: String,
    /// A recording to play, instead of everything else.
    pub replay: Option<Start>,
    pub reload: Reload,
}

impl UiOptions {
    /// What the terminal can show, as the environment says it.
    fn look(&self) -> Look {
        let set = |name: &str| {
            let value = self.world.env.get(name).and_then(|value| value.to_str());
            value.filter(|value| !value.is_empty())
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(set)
            .unwrap_or_default();
        let utf8 = locale.to_ascii_uppercase().replace('-', "").contains("UTF8");
        Look {
            color: set("NO_COLOR").is_none() && set("TERM") != Some("dumb"),
            ascii: self.ascii || self.config.ui.ascii || !utf8,
        }
    }
}

/// Between two pictures; right after a key the next one comes sooner, so that typing does not lag behind its echo.
const FRAME: Duration = Duration::from_millis(16);
const FRAME_AFTER_KEY: Duration = Duration::from_millis(4);
const KEY_IS_RECENT: Duration = Duration::from_millis(60);
/// Something moves by itself, or only ages are shown.
const TICK_ANIMATED: Duration = Duration::from_millis(250);
const TICK: Duration = Duration::from_secs(1);
/// One and more of each session, and what else there is to say.
const REPLIES_AFTER_DRAWING: usize = 64;
/// For children of tabs that were closed just before the end.
const LAST_GRACE: Duration = Duration::from_secs(7);

/// Runs the user interface until the person leaves; answers the exit code. Makes its own runtime.
///
/// # Errors
/// `E-TTY-REQUIRED` without a terminal, `E-IO` where the system gives no threads.
pub fn run(options: UiOptions) -> Result<i32, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|_| Problem::new(&catalogue::IO, "the system gives no threads"))?;
    let code = runtime.block_on(Loop::start(options));
    // What was made for the sessions goes back, also by requests that are still under way.
    runtime.block_on(leases::made(leases::PATIENCE));
    // A provider that does not answer must not keep the process; a child that still ends would be killed with it.
    runtime.shutdown_background();
    wait_for_children(LAST_GRACE);
    // Their recordings have an end then.
    wait_for_writers(LAST_GRACE);
    code
}

struct Loop {
    model: Model,
    screen: Screen,
    runner: Runner,
    replies: UnboundedReceiver<Reply>,
    input: Option<EventStream>,
    /// What happened to sessions that are not adopted yet.
    early: HashMap<u64, Vec<SessionEvent>>,
    changed: bool,
    /// Whether the terminal was closed under us.
    gone: bool,
    drawn: Instant,
    last_key: Option<Instant>,
}

/// What woke the loop up.
enum Woken {
    Input(Option<std::io::Result<Event>>),
    Reply(Option<Reply>),
    Signal(i32),
    Stop,
    Sizes,
    Draw,
    Tick,
}

impl Loop {
    async fn start(options: UiOptions) -> Result<i32, Problem> {
        let look = options.look();
        let screen = Screen::take(options.config.ui.mouse)?;
        let variables = set_variables(&options.world);
        let inside = outer_role(&options.world);
        let (sender, replies) = unbounded_channel();
        let runner = Runner::new(
            Arc::clone(&options.config),
            options.providers,
            options.world,
            options.reload,
            sender,
        )?;
        let mut model = Model::new(options.config, screen.size()?, Timestamp::now(), look);
        model.zone = jiff::tz::TimeZone::system();
        model.variables = Arc::new(variables);
        model.inside = inside;
        model.program = options.program;
        let mut effects = Vec::new();
        if let Some(request) = options.open {
            model.single = true;
            effects = update::open(&mut model, request);
        }
        if let Some(start) = options.replay {
            effects = update::replay(&mut model, start, true);
        }
        let this = Self {
            model,
            screen,
            runner,
            replies,
            input: Some(EventStream::new()),
            early: HashMap::new(),
            changed: true,
            gone: false,
            drawn: Instant::now(),
            last_key: None,
        };
        this.run(effects).await
    }

    async fn run(mut self, effects: Vec<Effect>) -> Result<i32, Problem> {
        let no_signal = |_| Problem::new(&catalogue::IO, "the system gives no signals");
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(no_signal)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signal)?;
        let mut quit = signal(SignalKind::quit()).map_err(no_signal)?;
        let mut stop = signal(SignalKind::from_raw(signal_hook::consts::SIGTSTP)).map_err(no_signal)?;
        // The first picture needs no provider; what it shows is checked afterwards.
        match self.draw() {
            Ok(()) => self.run_effects(effects).await?,
            Err(_) => self.lose_terminal().await?,
        }
        let mut next_tick = Instant::now();
        while self.model.exit.is_none() {
            let due = self.due();
            let woken = tokio::select! {
                biased;
                event = next_event(&mut self.input) => Woken::Input(event),
                _ = terminate.recv() => Woken::Signal(128 + 15),
                _ = hangup.recv() => Woken::Signal(128 + 1),
                _ = interrupt.recv() => Woken::Signal(128 + 2),
                _ = quit.recv() => Woken::Signal(128 + 3),
                _ = stop.recv() => Woken::Stop,
                () = until(self.runner.sizes_due()) => Woken::Sizes,
                // Before what sessions print: there is no end to that.
                () = sleep_until(next_tick) => Woken::Tick,
                () = sleep_until(due), if self.changed && !self.gone => Woken::Draw,
                reply = self.replies.recv() => Woken::Reply(reply),
            };
            self.model.now = Timestamp::now();
            match woken {
                Woken::Draw => match self.draw() {
                    Ok(()) => self.catch_up().await?,
                    Err(_) => self.lose_terminal().await?,
                },
                Woken::Input(None | Some(Err(_))) => self.lose_terminal().await?,
                Woken::Input(Some(Ok(event))) => {
                    let moved = matches!(&event, Event::Mouse(mouse) if mouse.kind == MouseEventKind::Moved);
                    let changed = self.changed;
                    if !moved {
                        self.last_key = Some(Instant::now());
                        Typist::OURSELVES.typed();
                    }
                    if let Some(message) = message_of(event) {
                        self.take(message).await?;
                    }
                    // The mouse passing over us changes nothing that is drawn.
                    if moved {
                        self.changed = changed;
                    }
                }
                Woken::Sizes => {
                    self.runner.give_sizes();
                    self.changed = true;
                }
                Woken::Stop => self.suspend(Stop::Process)?,
                Woken::Signal(code) => self.take(Message::Signal(code)).await?,
                Woken::Reply(Some(reply)) => self.reply(reply).await?,
                Woken::Reply(None) => {}
                Woken::Tick => {
                    self.take(Message::Tick).await?;
                    next_tick = Instant::now() + TICK;
                }
            }
            let wakes = self.model.replay_wakes();
            let wakes = wakes.or_else(|| self.model.animated().then_some(TICK_ANIMATED));
            if let Some(wakes) = wakes {
                next_tick = next_tick.min(Instant::now() + wakes);
            }
        }
        Ok(self.model.exit.unwrap_or(0))
    }

    /// Takes replies that wait, but not without end. On a machine so busy that each picture takes longer than the next tick is away, they
    /// would never have their turn.
    async fn catch_up(&mut self) -> Result<(), Problem> {
        for _ in 0..REPLIES_AFTER_DRAWING {
            let Ok(reply) = self.replies.try_recv() else { break };
            self.reply(reply).await?;
        }
        Ok(())
    }

    /// The terminal is gone: nobody can see or say anything any more. The same as its hang-up, which may not come or may be ignored.
    async fn lose_terminal(&mut self) -> Result<(), Problem> {
        self.gone = true;
        // Asked again, it would answer at once and for ever, and nothing else would be heard: that the children ended, say.
        self.input = None;
        self.take(Message::Signal(128 + 1)).await
    }

    /// When the next picture may be drawn.
    fn due(&self) -> Instant {
        let recent = self.last_key.is_some_and(|at| at.elapsed() < KEY_IS_RECENT);
        self.drawn + if recent { FRAME_AFTER_KEY } else { FRAME }
    }

    fn draw(&mut self) -> Result<(), Problem> {
        self.screen.draw(&self.model)?;
        self.drawn = Instant::now();
        self.changed = false;
        Ok(())
    }

    async fn reply(&mut self, reply: Reply) -> Result<(), Problem> {
        match reply {
            Reply::Message(message) => {
                if let Message::Session { tab, event } = &message {
                    match event {
                        SessionEvent::Output => self.runner.seen(*tab),
                        // A child that ends at once can be quicker than the news that it was started.
                        _ if !self.runner.has(*tab) => self.early.entry(*tab).or_default().push(event.clone()),
                        SessionEvent::Ended(_) => self.runner.ended(*tab),
                        SessionEvent::Unrecorded { .. } => {}
                    }
                }
                self.take(message).await
            }
            Reply::Copy(copying) => {
                let said = self.runner.copy_by_terminal(&copying);
                self.take(said).await
            }
            Reply::Started {
                generation,
                session,
                opened,
                leases,
            } => {
                let tab = opened.tab;
                self.runner.adopt(tab, session, Arc::clone(&opened.told), leases);
                self.take(Message::Opened { generation, opened }).await?;
                for event in self.early.remove(&tab).unwrap_or_default() {
                    if matches!(event, SessionEvent::Ended(_)) {
                        self.runner.ended(tab);
                    }
                    self.take(Message::Session { tab, event }).await?;
                }
                Ok(())
            }
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), Problem> {
        let before = Front::before(&self.model, &message);
        let effects = update::update(&mut self.model, message);
        self.changed |= Front::changed(before, &self.model, &effects);
        self.run_effects(effects).await
    }

    async fn run_effects(&mut self, effects: Vec<Effect>) -> Result<(), Problem> {
        for effect in effects {
            match self.runner.run(effect) {
                None => {}
                Some(Request4Loop::Redraw) => {
                    self.screen.forget()?;
                    self.changed = true;
                }
                Some(Request4Loop::Suspend) => self.suspend(Stop::Job)?,
                Some(Request4Loop::Edit(at)) => {
                    // Two readers of one terminal would each get half of the keys.
                    self.input = None;
                    let runner = &mut self.runner;
                    self.screen.lend(|| tokio::task::block_in_place(|| runner.edit(&at)))?;
                    self.input = Some(EventStream::new());
                    self.resized()?;
                }
            }
        }
        Ok(())
    }

    /// Gives the terminal back and stops, until we are continued. The children run on.
    fn suspend(&mut self, whom: Stop) -> Result<(), Problem> {
        if whom == Stop::Job && !job::somebody_continues_us() {
            self.model
                .complain("nobody is there to continue hallpass: no shell started it");
            self.changed = true;
            return Ok(());
        }
        self.screen.lend(|| whom.stop())?;
        self.resized()
    }

    /// The terminal may have another size than before it was lent.
    fn resized(&mut self) -> Result<(), Problem> {
        let (columns, rows) = self.screen.size()?;
        for effect in update::update(&mut self.model, Message::Resize { columns, rows }) {
            self.runner.run(effect);
        }
        self.changed = true;
        Ok(())
    }
}

/// Waits until then; for ever where there is nothing to wait for.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn next_event(input: &mut Option<EventStream>) -> Option<std::io::Result<Event>> {
    match input {
        Some(stream) => {
            std::future::poll_fn(|context| {
                if terminal_is_gone() {
                    return Poll::Ready(None);
                }
                stream.poll_next_unpin(context)
            })
            .await
        }
        None => std::future::pending().await,
    }
}

/// crossterm reads a terminal that was closed for ever, without ever coming back: it must not be asked then.
fn terminal_is_gone() -> bool {
    let stdin = rustix::stdio::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::empty())];
    rustix::event::poll(&mut polled, Some(&Timespec::default())).is_ok()
        && polled[0].revents().intersects(PollFlags::HUP | PollFlags::NVAL)
}

fn message_of(event: Event) -> Option<Message> {
    Some(match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => return None,
        Event::Key(key) => Message::Key(key),
        Event::Paste(text) => Message::Paste(text),
        Event::Mouse(mouse) => Message::Mouse(mouse),
        Event::Resize(columns, rows) => {
            let (columns, rows) = terminal::drawn_size(columns, rows);
            Message::Resize { columns, rows }
        }
        Event::FocusGained => Message::Focus(true),
        Event::FocusLost => Message::Focus(false),
    })
}

/// The names of the variables that are set to something.
fn set_variables(world: &World) -> std::collections::BTreeSet<String> {
    let set = world.env.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, _)| name.clone()).collect()
}

/// The role of the session in which we run, shown before the names of ours.
fn outer_role(world: &World) -> Option<String> {
    world.text("HALLPASS_SESSION_ID")?;
    let role = world.text("HALLPASS_ROLE")?;
    Some(printable(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_terminal_is_not_filled() {
        let told = message_of(Event::Resize(65_535, 65_535));
        assert!(matches!(
            told,
            Some(Message::Resize {
                columns: 1000,
                rows: 500
            })
        ));
        let told = message_of(Event::Resize(300, 1));
        assert!(matches!(told, Some(Message::Resize { columns: 300, rows: 1 })));
    }
}
