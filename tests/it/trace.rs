//! Everything that any crate logs in this process, on whatever thread, at the finest level, by `tracing` or by `log`.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span;

/// What was logged since [`captured`] began; none while nobody listens.
static LOG: Mutex<Option<String>> = Mutex::new(None);

fn keep(text: impl FnOnce() -> String) {
    let log = || LOG.lock().unwrap_or_else(PoisonError::into_inner);
    if log().is_none() {
        return;
    }
    // Outside the lock: what is shown may log itself.
    let text = text();
    if let Some(log) = log().as_mut() {
        log.push_str(&text);
        log.push('\n');
    }
}

/// Runs this and gives what was logged meanwhile, by other tests too: values are each test's own. One at a time.
pub fn captured<T>(work: impl FnOnce() -> T) -> (String, T) {
    static ONE: Mutex<()> = Mutex::new(());
    static LOGGER: Once = Once::new();
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    LOGGER.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        tracing::subscriber::set_global_default(Keeper).unwrap();
    });
    *LOG.lock().unwrap_or_else(PoisonError::into_inner) = Some(String::new());
    let done = work();
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner).take();
    (log.unwrap_or_default(), done)
}

struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(|| format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// The fields of an event or a span, as text.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    // As it is, without the quotes and escapes of Debug.
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}

impl tracing::Subscriber for Keeper {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        keep(|| {
            let metadata = attributes.metadata();
            let mut line = Line(format!("{} {}", metadata.target(), metadata.name()));
            attributes.record(&mut line);
            line.0
        });
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        keep(|| {
            let mut line = Line("span".to_owned());
            values.record(&mut line);
            line.0
        });
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        keep(|| {
            let mut line = Line(event.metadata().target().to_owned());
            event.record(&mut line);
            line.0
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
