//! A recording that is being written: what happens goes into a queue that nobody ever waits for, and a thread of its own puts it on the disk.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cast::{Event, Kind, Size};
use super::sink::Sink;
use super::store;
use crate::domain::catalogue::{self, Code};
use crate::domain::characters::Characters;
use crate::domain::policy::Record;
use crate::domain::problem::Problem;

/// What waits for the disk at most. Who has more asks [`Recorder::has_room`] first.
const QUEUE: usize = 4 << 20;
/// So much is written at once, without waiting for more.
const BATCH: usize = 64 << 10;
/// What is printed within so short a time of another is one event: nobody sees it apart.
const TOGETHER: Duration = Duration::from_millis(4);
/// An event is on the disk after so long at the latest, and after a kill every recording plays up to there.
const FLUSH: Duration = Duration::from_millis(150);
/// Each batch of a sealed recording is a message of its own with a head of its own: fewer, larger ones, as far as a quarter of a second
/// allows.
const FLUSH_SEALED: Duration = Duration::from_millis(225);
const _: () = assert!(FLUSH_SEALED.as_millis() < 250 && FLUSH.as_millis() < 250);
/// How long a disk that takes nothing may hold up the child's output, and the end of a session.
const PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE_REQUIRED: Duration = Duration::from_secs(10);

/// The recording of one session. All clones are the same recording; it ends with [`Recorder::finish`], or with the last of them. Nothing
/// stays of one that was never [`Recorder::connected`].
#[derive(Clone)]
pub struct Recorder {
    handle: Arc<Handle>,
}

/// What the clones share and the thread does not hold.
struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    required: bool,
    records_input: bool,
    flush: Duration,
    began: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Event>,
    /// Of texts in `queue`.
    bytes: usize,
    /// When the oldest event in it came.
    waiting_since: Option<Instant>,
    full_since: Option<Instant>,
    /// The child runs.
    connected: bool,
    /// The thread is at it.
    writing: bool,
    end: Option<End>,
    /// The thread has done all it can.
    done: bool,
    failure: Option<Problem>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    Discarded,
}

impl Recorder {
    /// Goes on with a file whose header is written; time counts from now.
    pub(super) fn start(sink: Sink, policy: Record, records_input: bool) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            path: sink.path().to_owned(),
            required: policy == Record::Required,
            records_input,
            flush: if sink.is_sealed() { FLUSH_SEALED } else { FLUSH },
            began: Instant::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let recorder = Self {
            handle: Arc::new(Handle {
                shared: Arc::clone(&shared),
            }),
        };
        writers().change(1);
        let thread = std::thread::Builder::new().name("recorder".to_owned());
        let spawned = thread.spawn(move || {
            shared.prune();
            shared.write(sink);
            let mut state = shared.lock();
            (state.done, state.writing) = (true, false);
            drop(state);
            shared.changed.notify_all();
            writers().change(-1);
        });
        if let Err(error) = spawned {
            writers().change(-1);
            return Err(error);
        }
        Ok(recorder)
    }

    pub fn path(&self) -> &Path {
        &self.handle.shared.path
    }

    /// Whether the session must not go on without it.
    pub fn is_required(&self) -> bool {
        self.handle.shared.required
    }

    /// Whether what is typed is recorded, too.
    pub fn records_input(&self) -> bool {
        self.handle.shared.records_input
    }

    /// The child runs: from here on the recording is kept.
    pub fn connected(&self) {
        self.handle.shared.lock().connected = true;
        self.push(Kind::Mark("connected".to_owned()));
    }

    pub fn resize(&self, size: Size) {
        self.push(Kind::Resize(size));
    }

    pub fn mark(&self, name: &str) {
        self.push(Kind::Mark(name.to_owned()));
    }

    pub fn input(&self, text: String) {
        self.push(Kind::Input(text));
    }

    /// Never waits, and takes everything: the queue is as short as those who fill it keep it.
    fn push(&self, kind: Kind) {
        let mut state = self.handle.shared.lock();
        if state.end.is_some() || state.failure.is_some() {
            return;
        }
        let now = Instant::now();
        let time = now.saturating_duration_since(self.handle.shared.began);
        if let Kind::Output(text) | Kind::Input(text) = &kind {
            state.bytes += text.len();
        }
        match (state.queue.back_mut(), &kind) {
            (
                Some(Event {
                    time: before,
                    kind: Kind::Output(last),
                }),
                Kind::Output(text),
            ) if time - *before < TOGETHER && last.len() < BATCH => last.push_str(text),
            _ => state.queue.push_back(Event { time, kind }),
        }
        state.waiting_since.get_or_insert(now);
        if state.bytes >= QUEUE {
            state.full_since.get_or_insert(now);
        }
        let wake = state.queue.len() == 1 || state.bytes >= BATCH;
        drop(state);
        if wake {
            self.handle.shared.changed.notify_all();
        }
    }

    /// Whether more may come. While not, the child is to wait, as for any slow terminal; a disk that takes nothing for long is a failure.
    pub fn has_room(&self) -> bool {
        let mut state = self.handle.shared.lock();
        let Some(since) = state.full_since else { return true };
        if since.elapsed() < self.patience() {
            return false;
        }
        let problem = self.handle.shared.problem(&catalogue::REC_SLOW, None);
        state.fail(problem);
        drop(state);
        self.handle.shared.changed.notify_all();
        true
    }

    fn patience(&self) -> Duration {
        if self.handle.shared.required {
            PATIENCE_REQUIRED
        } else {
            PATIENCE
        }
    }

    /// Whether something is not on the disk yet, which may still fail.
    pub fn is_behind(&self) -> bool {
        let state = self.handle.shared.lock();
        state.writing || !state.queue.is_empty()
    }

    /// Why nothing is written any more; none while all is well.
    pub fn failure(&self) -> Option<Problem> {
        self.handle.shared.lock().failure.clone()
    }

    /// Ends it with the code that the child ended with, and waits until it is on the disk, as long as the policy allows; what went wrong.
    pub fn finish(&self, code: i32) -> Option<Problem> {
        self.push(Kind::Exit(code));
        self.end();
        self.failure()
    }

    fn end(&self) {
        let mut state = self.handle.shared.lock();
        state.end.get_or_insert(End::Finished);
        self.handle.shared.changed.notify_all();
        let (mut state, waited) = self
            .handle
            .shared
            .changed
            .wait_timeout_while(state, self.patience(), |state| !state.done)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() && !state.done {
            let problem = self.handle.shared.problem(&catalogue::REC_SLOW, None);
            state.fail(problem);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let end = if state.connected { End::Finished } else { End::Discarded };
        state.end.get_or_insert(end);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl State {
    /// The first failure counts. What waits is of no use any more.
    fn fail(&mut self, problem: Problem) {
        self.failure.get_or_insert(problem);
        self.take();
    }

    fn take(&mut self) -> VecDeque<Event> {
        self.bytes = 0;
        self.waiting_since = None;
        self.full_since = None;
        std::mem::take(&mut self.queue)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room: recordings whose time is over go when a new one begins.
    fn prune(&self) {
        if let Some(folder) = self.path.parent() {
            // What cannot be removed is tried again by the next one.
            let _ = store::prune(folder, None);
        }
    }

    /// The thread: until the end, or until nothing can be written.
    fn write(&self, mut sink: Sink) {
        loop {
            let (events, end) = self.next();
            if end == Some(End::Discarded) {
                sink.remove();
                return;
            }
            if let Err((code, error)) = sink.write(&events) {
                let problem = self.problem(code, error.as_ref());
                self.lock().fail(problem);
                sink.give_up(code.title);
                return;
            }
            if end.is_some() {
                if let Err(error) = sink.finish() {
                    let problem = self.problem(&catalogue::REC_WRITE, Some(&error));
                    self.lock().fail(problem);
                }
                return;
            }
        }
    }

    /// What is to be written, once there is much of it or it has waited long enough; and whether that is the end.
    fn next(&self) -> (VecDeque<Event>, Option<End>) {
        let mut state = self.lock();
        state.writing = false;
        loop {
            let due = state.waiting_since.map(|since| since + self.flush);
            let now = Instant::now();
            if state.end.is_some() || state.bytes >= BATCH || due.is_some_and(|due| now >= due) {
                state.writing = true;
                return (state.take(), state.end);
            }
            if state.failure.is_some() {
                return (VecDeque::new(), Some(End::Finished));
            }
            state = match due {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    self.changed
                        .wait_timeout(state, due - now)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    fn problem(&self, code: &'static Code, error: Option<&io::Error>) -> Problem {
        let name = self.path.display();
        let what = if self.required {
            format!("the session has to be recorded, and the recording {name} cannot be written any more")
        } else {
            format!("the session is not recorded any more: {name} cannot be written")
        };
        let problem = Problem::new(code, what);
        match error.and_then(io::Error::raw_os_error) {
            Some(number) => problem.cause(format!("the system said: {}", io::Error::from_raw_os_error(number))),
            None => problem,
        }
    }
}

/// One stream of the child on its way into a recording: bytes that the redactor has let through, cut where characters end.
pub struct Tee {
    recorder: Recorder,
    characters: Characters,
    /// Where no terminal drives the child's line feeds home.
    returns: bool,
}

impl Tee {
    /// Of a child on a terminal.
    pub fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            characters: Characters::default(),
            returns: false,
        }
    }

    /// Of a child on a pipe: its line feeds get the carriage returns that a terminal would have added, or it would not play as it looked.
    pub fn of_pipe(recorder: Recorder) -> Self {
        Self {
            returns: true,
            ..Self::new(recorder)
        }
    }

    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Records what the child printed. Bytes that are no UTF-8 are, as on the screen, replacement characters.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.characters.whole(bytes)).into_owned();
        self.print(text);
    }

    /// What will never be finished.
    pub fn finish(&mut self) {
        let rest = self.characters.rest();
        self.print(String::from_utf8_lossy(&rest).into_owned());
    }

    fn print(&self, text: String) {
        if !text.is_empty() {
            let text = if self.returns { text.replace('\n', "\r\n") } else { text };
            self.recorder.push(Kind::Output(text));
        }
    }
}

/// How many recordings are being written.
#[derive(Default)]
struct Writers {
    count: Mutex<isize>,
    fewer: Condvar,
}

impl Writers {
    fn change(&self, by: isize) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += by;
        self.fewer.notify_all();
    }
}

fn writers() -> &'static Writers {
    static WRITERS: Writers = Writers {
        count: Mutex::new(0),
        fewer: Condvar::new(),
    };
    &WRITERS
}

/// Waits until every recording is on the disk, at most this long. For the way out of the program, when all children have ended.
pub fn wait_for_writers(limit: Duration) {
    let writers = writers();
    let count = writers.count.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = writers.fewer.wait_timeout_while(count, limit, |count| *count > 0);
}
