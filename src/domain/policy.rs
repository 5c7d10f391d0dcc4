//! The policy of a session: whether it is recorded, how long the recording is kept, when the session must end. Layered: what is said nearest to
//! the role holds.

use std::time::Duration;

/// Whether sessions are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Record {
    Off,
    /// As far as it goes: a recording that cannot be written is a warning that is seen.
    #[default]
    On,
    /// No session without its recording: nothing is resolved if it cannot be made, and the session ends when it cannot be written any more.
    Required,
}

impl Record {
    /// The word in documents and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Required => "required",
        }
    }
}

/// `[recordings]`: how recordings are written, whatever is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingSettings {
    /// Recipients of age (`age1…`); if there are any, only they can read a recording.
    pub recipients: Vec<String>,
    /// The largest file of one recording.
    pub max_bytes: u64,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self {
            recipients: Vec::new(),
            max_bytes: 1 << 30,
        }
    }
}

/// What becomes of text that would leave a session by way of the person's clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clipboard {
    Allow,
    /// The person is asked when the program wants to set it.
    Ask,
    /// Neither the program nor the person copies anything out of it.
    Deny,
}

/// How long recordings are kept where nothing says it.
pub const KEEP: Duration = Duration::from_secs(90 * 86_400);

/// What holds for the sessions of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPolicy {
    pub record: Record,
    /// Whether what is typed is recorded as well, except while the terminal does not echo it.
    pub record_input: bool,
    /// How long its recordings are kept; none: for ever.
    pub keep: Option<Duration>,
    /// Time without a typed key after which a session ends; none: never.
    pub idle_timeout: Option<Duration>,
    /// Time after which a session ends whatever happens in it; none: never.
    pub max_duration: Option<Duration>,
    /// None where nothing says it.
    pub clipboard: Option<Clipboard>,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self::of(&[])
    }
}

/// What one layer says: the defaults, an environment, a template, a role. A limit that is `Some(None)` takes a farther layer's away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyLayer {
    pub record: Option<Record>,
    pub record_input: Option<bool>,
    pub keep: Option<Option<Duration>>,
    pub idle_timeout: Option<Option<Duration>>,
    pub max_duration: Option<Option<Duration>>,
    pub clipboard: Option<Clipboard>,
}

impl SessionPolicy {
    /// What the layers come to, nearest first.
    pub fn of(layers: &[PolicyLayer]) -> Self {
        Self {
            record: nearest(layers, |layer| layer.record).unwrap_or_default(),
            record_input: nearest(layers, |layer| layer.record_input).unwrap_or(false),
            keep: nearest(layers, |layer| layer.keep).unwrap_or(Some(KEEP)),
            idle_timeout: nearest(layers, |layer| layer.idle_timeout).flatten(),
            max_duration: nearest(layers, |layer| layer.max_duration).flatten(),
            clipboard: nearest(layers, |layer| layer.clipboard),
        }
    }

    /// What the program in a session may do to the clipboard. A production one reaches nothing outside unless somebody has said so.
    pub fn clipboard_of_program(said: Option<Clipboard>, production: bool) -> Clipboard {
        said.unwrap_or(if production { Clipboard::Deny } else { Clipboard::Ask })
    }

    /// `on, kept 90d` · `required, with what is typed, kept for ever` · `off`
    pub fn record_words(&self) -> String {
        if self.record == Record::Off {
            return self.record.word().to_owned();
        }
        let typed = if self.record_input { ", with what is typed" } else { "" };
        let kept = self.keep.map_or_else(|| "for ever".to_owned(), length);
        format!("{}{typed}, kept {kept}", self.record.word())
    }

    /// `ends after 15m without a key, after 4h in any case`; none where nothing ends it.
    pub fn limit_words(&self) -> Option<String> {
        let idle = self
            .idle_timeout
            .map(|limit| format!("after {} without a key", length(limit)));
        let most = self
            .max_duration
            .map(|limit| format!("after {} in any case", length(limit)));
        let limits: Vec<String> = [idle, most].into_iter().flatten().collect();
        (!limits.is_empty()).then(|| format!("ends {}", limits.join(", ")))
    }
}

fn nearest<T>(layers: &[PolicyLayer], what: impl Fn(&PolicyLayer) -> Option<T>) -> Option<T> {
    layers.iter().find_map(what)
}

/// A length of time as configuration files write it, in the largest unit that tells it whole: `90d`, `15m`, `90m`, `500ms`.
pub fn length(time: Duration) -> String {
    const UNITS: &[(u128, &str)] = &[(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let all = time.as_millis();
    match UNITS.iter().find(|(unit, _)| all > 0 && all.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", all / unit),
        None => format!("{all}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_nearest_layer_that_says_something_holds() {
        let role = PolicyLayer {
            record_input: Some(true),
            idle_timeout: Some(None),
            ..PolicyLayer::default()
        };
        let environment = PolicyLayer {
            record: Some(Record::Required),
            record_input: Some(false),
            ..PolicyLayer::default()
        };
        let defaults = PolicyLayer {
            record: Some(Record::Off),
            keep: Some(Some(7 * 1440 * MINUTE)),
            idle_timeout: Some(Some(15 * MINUTE)),
            max_duration: Some(Some(240 * MINUTE)),
            clipboard: Some(Clipboard::Allow),
            ..PolicyLayer::default()
        };
        let policy = SessionPolicy::of(&[role, environment, defaults]);
        let expected = SessionPolicy {
            record: Record::Required,
            record_input: true,
            keep: Some(7 * 1440 * MINUTE),
            idle_timeout: None,
            max_duration: Some(240 * MINUTE),
            clipboard: Some(Clipboard::Allow),
        };
        assert_eq!(policy, expected);
        assert_eq!(policy.record_words(), "required, with what is typed, kept 7d");
        assert_eq!(policy.limit_words().as_deref(), Some("ends after 4h in any case"));
    }

    #[test]
    fn without_a_word_sessions_are_recorded_and_not_limited() {
        let policy = SessionPolicy::default();
        assert_eq!(policy.record_words(), "on, kept 90d");
        assert_eq!(policy.limit_words(), None);
    }

    #[test]
    fn lengths_read_as_they_are_written() {
        for text in ["500ms", "1500ms", "90s", "15m", "90m", "4h", "36h", "90d"] {
            let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap());
            let unit = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => 86_400_000,
            };
            assert_eq!(
                length(Duration::from_millis(number.parse::<u64>().unwrap() * unit)),
                text
            );
        }
        assert_eq!(length(Duration::from_secs(172_800)), "2d");
        assert_eq!(length(Duration::ZERO), "0ms");
    }
}
