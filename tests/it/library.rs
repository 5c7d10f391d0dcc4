//! Providers opened through the library, in a world of which the test knows every variable.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hallpass::domain::reference::ProviderKind;
use hallpass::providers::{ProviderConfig, Providers, Setting, World};

/// One provider with these settings. None of the world's folders is there.
pub fn providers(
    name: &str,
    kind: ProviderKind,
    settings: &BTreeMap<String, Setting>,
    env: &BTreeMap<String, String>,
    home: Option<&Path>,
) -> Providers {
    let config = ProviderConfig {
        name: name.to_owned(),
        kind,
        settings: settings.clone(),
        at: None,
        broken: None,
    };
    let env = env.iter().map(|(name, value)| (name.clone(), value.into()));
    let world = World {
        env: Arc::new(env.collect()),
        home: home.map(Path::to_owned),
        data_folder: "/nonexistent".into(),
        state_folder: "/nonexistent".into(),
        runtime_folder: "/nonexistent".into(),
    };
    Providers::new(&BTreeMap::from([(name.to_owned(), config)]), &world)
}
