//! Everything that any crate logs on this thread, at the finest level, by `tracing` or by `log`.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span;

thread_local! {
    static LOG: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn keep(text: &str) {
    LOG.with_borrow_mut(|log| {
        if let Some(log) = log {
            log.push_str(text);
            log.push('\n');
        }
    });
}

/// Runs this and gives what was logged meanwhile.
pub fn captured<T>(work: impl FnOnce() -> T) -> (String, T) {
    static LOGGER: Once = Once::new();
    LOGGER.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    LOG.set(Some(String::new()));
    let done = tracing::subscriber::with_default(Keeper, work);
    (LOG.take().unwrap_or_default(), done)
}

struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(&format!("{} {}", record.target(), record.args()));
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
        let mut line = Line(format!(
            "{} {}",
            attributes.metadata().target(),
            attributes.metadata().name()
        ));
        attributes.record(&mut line);
        keep(&line.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut line = Line("span".to_owned());
        values.record(&mut line);
        keep(&line.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        keep(&line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
