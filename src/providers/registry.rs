//! The providers of a run by their names: each is opened when it is first asked for, and kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::lanes::{Lane, Lanes};
use super::{Credentials, PROVIDERS, Provider, ProviderConfig, ProviderSpec, World};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderKind;
use crate::domain::suggest::nearest;

/// The providers of this run, each opened when it is first asked for and kept, so that its login is used again.
pub struct Providers {
    pub(super) registry: Arc<Registry>,
    lanes: Lanes,
}

/// A provider, or why it cannot be opened: its settings do not change during a run.
type Opened = Result<Arc<dyn Provider>, Problem>;

/// The providers by name; also those that hold the credentials of others come from here.
pub(super) struct Registry {
    configured: BTreeMap<String, ProviderConfig>,
    pub(super) world: World,
    opened: Mutex<BTreeMap<String, Opened>>,
}

impl Providers {
    pub fn new(configured: &BTreeMap<String, ProviderConfig>, world: &World) -> Self {
        Self {
            registry: Arc::new(Registry {
                configured: configured.clone(),
                world: world.clone(),
                opened: Mutex::default(),
            }),
            lanes: Lanes::new(),
        }
    }

    /// The questions that are under way with this provider.
    pub fn lane(&self, name: &str) -> Arc<Lane> {
        self.lanes.of(name)
    }

    /// The provider of this name: a configured one, or a kind's default.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Provider>, Problem> {
        Registry::get(&self.registry, name)
    }

    /// A login was made elsewhere: the provider of this name looks for it, or is opened anew when it is next asked for.
    pub fn reopen(&self, name: &str) {
        let mut opened = self.registry.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = |opened: &Opened| opened.as_ref().is_ok_and(|provider| provider.look_for_login());
        if !opened.get(name).is_some_and(looks) {
            opened.remove(name);
        }
    }

    /// The names that a list of providers should show: those written into the configuration, the default ones that the
    /// environment sets up, and those in `used`. Sorted.
    pub fn names<'a>(&self, used: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let registry = &self.registry;
        let written = registry
            .configured
            .values()
            .filter(|config| config.at.is_some())
            .map(|config| config.name.clone());
        let set_up = PROVIDERS
            .iter()
            .filter(|spec| spec.signs.iter().any(|sign| registry.world.text(sign).is_some()))
            .map(|spec| spec.kind.word().to_owned());
        let used = used.into_iter().map(str::to_owned);
        let mut names: Vec<String> = written.chain(set_up).chain(used).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The settings of a provider: as configured, or those of a kind's default.
    pub fn config(&self, name: &str) -> Option<ProviderConfig> {
        self.registry.config(name)
    }
}

impl Registry {
    pub(super) fn get(self: &Arc<Self>, name: &str) -> Result<Arc<dyn Provider>, Problem> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.entry(name.to_owned()).or_insert_with(|| self.open(name)).clone()
    }

    fn config(&self, name: &str) -> Option<ProviderConfig> {
        self.configured.get(name).cloned().or_else(|| {
            Some(ProviderConfig {
                name: name.to_owned(),
                kind: ProviderKind::from_word(name)?,
                settings: BTreeMap::new(),
                at: None,
                broken: None,
            })
        })
    }

    fn open(self: &Arc<Self>, name: &str) -> Result<Arc<dyn Provider>, Problem> {
        let Some(config) = self.config(name) else {
            let known = self.configured.keys().map(String::as_str);
            let known = known.chain(ProviderKind::ALL.iter().map(|kind| kind.word()));
            let what = format!("no provider is called `{name}`");
            return Err(Problem::new(&catalogue::CONFIG_UNKNOWN_NAME, what).similar(nearest(name, known)));
        };
        if let Some(problem) = config.broken {
            return Err(problem);
        }
        match ProviderSpec::of(config.kind).and_then(|spec| spec.open) {
            Some(open) => open(&config, &self.world, &Credentials::new(self, &config)),
            None => {
                let what = format!(
                    "provider `{name}`: kind {} is not built into this binary",
                    config.kind.word()
                );
                Err(Problem::new(&catalogue::PROVIDER_NOT_BUILT, what))
            }
        }
    }
}
