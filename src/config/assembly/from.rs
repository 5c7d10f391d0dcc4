//! What the one secret of a role's `from` fills.

use super::{Assembly, beside_token, default_of, field};
use crate::config::fields::{not_a_reference, wrong_name};
use crate::config::walk::Entry;
use crate::domain::catalogue;
use crate::domain::connector::Connector;
use crate::domain::problem::Problem;
use crate::domain::reference::{SecretRef, parse_canonical};
use crate::domain::role::{Field, Source, Via};

impl<'a> Assembly<'_, 'a> {
    /// Fields that the secret of `from` fills: by `map` where it names them, else by the connector's guesses.
    pub(super) fn add_from(&self, connector: Option<&Connector>, fields: &mut Vec<Field>) {
        let map = self.get("map").map(|entry| entry.members()).unwrap_or_default();
        let Some(secret) = self.secret_of_from(&map) else {
            return;
        };
        let at = self.get("from").map(|entry| entry.place().location());
        if map.is_empty() {
            self.check_from(connector);
        }
        let map = self.checked_map(&map, fields, connector);
        let needs = beside_token(connector, fields);
        for known in connector.map_or(&[][..], |connector| &connector.fields) {
            let mapped = map.iter().find(|(name, _)| *name == known.name);
            if fields.iter().any(|field| field.name == known.name) || (mapped.is_none() && known.from.is_empty()) {
                continue;
            }
            let source = Source::From {
                secret: secret.clone(),
                keys: mapped.map_or_else(|| known.from.clone(), |(_, key)| vec![(*key).to_owned()]),
                required: mapped.is_some() || (known.required && known.default.is_none()),
            };
            let mut field = field(known, source);
            field.default = default_of(known, needs).map(str::to_owned);
            field.at.clone_from(&at);
            fields.push(field);
        }
        for (name, key) in map {
            if fields.iter().any(|field| field.name == name) {
                continue;
            }
            fields.push(Field {
                name: name.to_owned(),
                source: Source::From {
                    secret: secret.clone(),
                    keys: vec![key.to_owned()],
                    required: true,
                },
                via: Via::Env,
                trim: false,
                optional: false,
                default: None,
                masked: true,
                at: at.clone(),
            });
        }
    }

    /// A secret that fills no field would be read for nothing, and the session started without it.
    fn check_from(&self, connector: Option<&Connector>) {
        let fills = connector.is_some_and(|connector| connector.fields.iter().any(|field| !field.from.is_empty()));
        // What the layers have wrong may be the connector.
        let Some(entry) = self.get("from").filter(|_| !fills && !self.scope.has_problems()) else {
            return;
        };
        let whose = match connector {
            Some(connector) => format!("the connector {} takes no key of a secret", connector.name),
            None => "the role has no connector, which would know the keys".to_owned(),
        };
        let message = format!("`from` of {} fills no field", self.owner);
        let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message)
            .causes(vec![whose])
            .fixes(vec!["say which key goes where: map = { NAME = \"KEY\" }".to_owned()]);
        self.scope.problem(&entry.place(), problem);
    }

    fn secret_of_from(&self, map: &[Entry<'a>]) -> Option<SecretRef> {
        let Some(entry) = self.get("from") else {
            if let Some(first) = map.first() {
                let message = format!("{} has a map and no `from` whose keys it could name", self.owner);
                let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message)
                    .fixes(vec!["add to the role: from = \"PROVIDER:PATH\"".to_owned()]);
                self.scope.problem(&first.key_place(), problem);
            }
            return None;
        };
        let (message, similar) = match parse_canonical(entry.text()?, self.world.names) {
            Ok(reference) if reference.key.is_none() => return Some(reference),
            Ok(reference) => {
                let whole = SecretRef { key: None, ..reference };
                (
                    "it names a whole secret, not one key of it".to_owned(),
                    vec![whole.canonical()],
                )
            }
            Err(error) => (error.what, error.similar),
        };
        let message = format!("`from` of {}: {message}", self.owner);
        self.scope.problem(&entry.place(), not_a_reference(message, similar));
        None
    }

    /// The pairs of `map` whose names can be fields.
    fn checked_map(
        &self,
        map: &[Entry<'a>],
        fields: &[Field],
        connector: Option<&Connector>,
    ) -> Vec<(&'a str, &'a str)> {
        let mut pairs = Vec::new();
        for entry in map {
            let Some(key) = entry.text() else { continue };
            if let Some(problem) = wrong_name(entry.name, &format!("`map` of {}", self.owner)) {
                self.scope.problem(&entry.key_place(), problem);
                continue;
            }
            self.check_dangerous(entry.name, &entry.key_place());
            if connector.is_none_or(|connector| connector.field(entry.name).is_none()) {
                self.warn_misspelt(entry.name, connector);
            }
            if fields.iter().any(|field| field.name == entry.name) {
                self.warn_of(format!(
                    "{} gives {} in fields and in map; the one in fields holds",
                    self.owner, entry.name
                ));
            }
            pairs.push((entry.name, key));
        }
        pairs
    }
}
