//! Reads the settings of `[providers.NAME]`: the type of each, and clear words where it does not fit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub(super) use super::DEFAULT_LIMIT;
use super::net::tls::Pem;
use super::{ProviderConfig, Setting, World};
use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// A table of settings and where it stands, for messages.
pub(super) struct Settings<'a> {
    config: &'a ProviderConfig,
    table: &'a BTreeMap<String, Setting>,
    /// `auth.` within the table `auth`.
    prefix: &'static str,
}

#[allow(dead_code, reason = "not every kind has tables among its settings")]
impl<'a> Settings<'a> {
    pub(super) fn of(config: &'a ProviderConfig) -> Self {
        Self {
            config,
            table: &config.settings,
            prefix: "",
        }
    }

    /// A setting of any type.
    pub(super) fn get(&self, key: &str) -> Option<&'a Setting> {
        self.table.get(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(Setting::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "must be a text")),
        }
    }

    pub(super) fn switch(&self, key: &str) -> Result<Option<bool>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(Setting::Switch(on)) => Ok(Some(*on)),
            Some(_) => Err(self.wrong(key, "must be true or false")),
        }
    }

    /// Certificates or a key, in all forms that [`Pem::parse`] knows.
    pub(super) fn pem(&self, key: &str, world: &World) -> Result<Option<Pem>, Problem> {
        self.text(key)?.map(|text| self.pem_of(key, text, world)).transpose()
    }

    /// The same of a text that stands for the setting.
    pub(super) fn pem_of(&self, key: &str, text: &str, world: &World) -> Result<Pem, Problem> {
        Pem::parse(text, world).ok_or_else(|| self.wrong(key, "is not base64 of PEM text"))
    }

    pub(super) fn table(&self, key: &'static str, prefix: &'static str) -> Result<Option<Self>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(Setting::Table(table)) => Ok(Some(Self {
                config: self.config,
                table,
                prefix,
            })),
            Some(_) => Err(self.wrong(key, "must be a table")),
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Setting)> {
        self.table.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A time limit: `"5s"`, `"500ms"`, `"1m"`, or a number of seconds. Between 1 ms and 10 minutes.
    pub(super) fn duration(&self, key: &str) -> Result<Option<Duration>, Problem> {
        let duration = match self.get(key) {
            None => return Ok(None),
            Some(Setting::Number(seconds)) => u64::try_from(*seconds).ok().map(Duration::from_secs).filter(in_range),
            Some(Setting::Text(text)) => duration(text),
            Some(_) => None,
        };
        let duration = duration.ok_or_else(|| self.wrong(key, "must be a time limit such as \"5s\" or \"500ms\""))?;
        Ok(Some(duration))
    }

    /// The problem of a setting that does not fit.
    pub(super) fn wrong(&self, key: &str, why: &str) -> Problem {
        let what = format!("providers.{}.{}{key} {why}", self.config.name, self.prefix);
        // What only the provider itself sees is well for `config check`.
        let fix = format!(
            "correct {}{key} in [providers.{name}], then: hallpass provider test {name}",
            self.prefix,
            name = self.config.name
        );
        let problem = Problem::new(&catalogue::CONFIG_TYPE, what).fixes(vec![fix]);
        match &self.config.at {
            Some(at) => problem.at(at.clone()),
            None => problem,
        }
    }
}

/// A time limit as people write it.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim() {
        "" | "s" => number.checked_mul(1000)?,
        "ms" => number,
        "m" => number.checked_mul(60_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds)).filter(in_range)
}

fn in_range(duration: &Duration) -> bool {
    (Duration::from_millis(1)..=Duration::from_secs(600)).contains(duration)
}

/// A path with `~/` for the home folder.
pub(super) fn path(text: &str, world: &World) -> PathBuf {
    match (text.strip_prefix("~/"), &world.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits() {
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("7"), Some(Duration::from_secs(7)));
        for wrong in [
            "",
            "s",
            "-1",
            "0",
            "1h",
            "1.5s",
            "99999999999999999999",
            "11m",
            "18446744073709551615s",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
