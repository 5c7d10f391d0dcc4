//! What the refusal of one secret means: denied, missing, deleted, in another mount or of another version. Many of these share a
//! status, so they are told apart by asking further; each ends as a problem with the path, the policies and what to type.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::Vault;
use super::api::{Envelope, Keys, Lookup, Remarks, Version, Versioned, Versions, parse};
use super::login::{Standing, Token};
use super::path::{Engine, Kv, Target};
use super::read::Read;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::suggest::nearest;
use crate::providers::net::http::Answer;

/// Of two refusals, whether the first tells more than the second: a deleted version, then a denied path, then a missing one.
pub(super) fn says_more(one: &Answer, other: &Answer) -> bool {
    let weight = |answer: &Answer| match answer.status {
        404 if version_of(answer).is_some() => 3,
        403 => 2,
        404 if Remarks::of(answer).error_has("no handler for route") => 0,
        _ => 1,
    };
    weight(one) > weight(other)
}

/// The metadata that KV v2 sends with a version that is gone.
fn version_of(answer: &Answer) -> Option<Version> {
    parse::<Envelope<Versioned<'_>>>(answer)?.data?.metadata
}

/// The version of an answer that has metadata and no content, where a cache or a proxy made a 200 of it.
pub(super) fn version_gone(answer: &Answer) -> Option<Version> {
    let versioned = parse::<Envelope<Versioned<'_>>>(answer)?.data?;
    versioned.metadata.filter(|_| versioned.data.is_none())
}

/// Whether `sys/capabilities-self` grants reading the path.
pub(super) fn may_read(answer: &Answer, api: &str) -> bool {
    may(answer, api, "read").unwrap_or(false)
}

/// Whether `sys/capabilities-self` grants this on the path; none if it does not say.
pub(super) fn may(answer: &Answer, api: &str, what: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Capabilities {
        data: Option<BTreeMap<String, Vec<String>>>,
    }
    let granted = parse::<Capabilities>(answer)
        .filter(|_| answer.status == 200)?
        .data?
        .remove(api)?;
    Some(granted.iter().any(|word| word == what || word == "root"))
}

impl Lookup {
    /// The token's own policies and those of its identity.
    pub(super) fn all_policies(&self) -> Vec<String> {
        self.policies.iter().chain(&self.identity_policies).cloned().collect()
    }

    /// As whom, with which policies, and how long yet.
    pub(super) fn in_words(&self) -> String {
        let mut words = format!("policies: {}", self.all_policies().join(", "));
        if !self.display_name.is_empty() {
            words = format!("display name \"{}\", {words}", self.display_name);
        }
        let end: Option<Timestamp> = self.expire_time.as_deref().and_then(|time| time.parse().ok());
        if let Some(end) = end {
            let left = end.as_second() - Timestamp::now().as_second();
            words.push_str(&match left {
                ..=0 => " · expired".to_owned(),
                1..=119 => format!(" · expires in {left} s"),
                120..=7199 => format!(" · expires in {} min", left / 60),
                _ => format!(" · expires in {} h", left / 3600),
            });
        }
        words
    }
}

impl Vault {
    /// The mount is of the other version than the reference says.
    pub(super) fn other_kv(&self, target: &Target, line: &str, status: u16, actual: Kv) -> Problem {
        let path = target.written();
        let (is, read_as) = (actual.number(), target.kv.number());
        let what = if is == read_as {
            format!("`{path}` is in a KV v{is} mount, and is not the path that its API has for a secret")
        } else {
            format!("`{path}` is in a KV v{is} mount, and the reference reads it as KV v{read_as}")
        };
        let problem = self.at_read(Problem::new(&catalogue::VAULT_KV_VERSION, what), line, status);
        if let Some((mount, setting)) = self.settings_of(target).filter(|_| is != read_as) {
            let name = &self.name;
            return problem
                .causes(vec![format!(
                    "{setting} in [providers.{name}] says KV v{read_as}, and is not put to the test"
                )])
                .fixes(vec![format!(
                    "mounts = {{ \"{mount}\" = {is} }}   in [providers.{name}]"
                )]);
        }
        let mut fixes = vec![format!("{}:{path}   (finds the version out)", self.name)];
        if target.kv == Kv::V2 && target.mount.is_none() {
            let with_data = path.replacen('/', "/data/", 1);
            fixes.insert(
                0,
                format!("the API path of KV v2 has data/ behind the mount: _vaultkv2:{with_data}:KEY"),
            );
        } else {
            let mount = target.mount.as_deref().or(path.split('/').next()).unwrap_or_default();
            fixes.push(format!(
                "mounts = {{ \"{mount}\" = {} }}   in [providers.{}], if it is written there",
                actual.number(),
                self.name
            ));
        }
        let cause = match (&target.mount, target.kv) {
            (None, Kv::V2) => {
                "the reference names the API path, and that of KV v2 has data/ behind the mount".to_owned()
            }
            _ => format!("the reference or mounts in config.toml says KV v{}", target.kv.number()),
        };
        problem.causes(vec![cause]).fixes(fixes)
    }

    /// The mount, and which setting says how it is read; none where the reference alone does.
    fn settings_of<'t>(&self, target: &'t Target) -> Option<(&'t str, String)> {
        let mount = target.mount.as_deref()?;
        if self.settings.mounts.get(mount) == Some(&target.kv) {
            return Some((mount, format!("mounts.\"{mount}\"")));
        }
        let kv = self.settings.kv.filter(|kv| *kv == target.kv)?;
        Some((mount, format!("kv = {}", kv.number())))
    }

    /// The problem of a read that was answered 403.
    pub(super) async fn refused(&self, secret: &SecretId, read: &Read, standing: &Standing) -> Problem {
        if let Standing::Dead = standing {
            return self.dead_token(&read.token, &read.line);
        }
        let api = read.target.api();
        let what = format!("Vault refused to read {api} (HTTP 403)");
        let mut problem = self.at_read(Problem::new(&catalogue::VAULT_403, what), &read.line, 403);
        let hint = if read.target.kv == Kv::V2 {
            " (KV v2 needs data/)"
        } else {
            ""
        };
        let denied = match standing {
            Standing::Alive(lookup) => {
                problem = problem.fact("Token", lookup.in_words());
                format!(
                    "policies {} lack \"read\" on {api}{hint}",
                    lookup.all_policies().join(", ")
                )
            }
            _ => format!("the token's policies lack \"read\" on {api}{hint}"),
        };
        let mut causes = vec![
            denied,
            "the path or the mount does not exist; Vault hides that as 403".to_owned(),
        ];
        causes.push(match &self.settings.namespace {
            Some(namespace) => format!("the secret is in another namespace than {namespace}"),
            None => "the secret is in a namespace, and none is set (VAULT_NAMESPACE)".to_owned(),
        });
        let similar = self.similar(secret, &read.target, &read.token).await;
        problem.causes(causes).similar(similar).fixes(vec![
            read.target.command("get"),
            format!("let a policy of the token have: path \"{api}\" {{ capabilities = [\"read\"] }}"),
        ])
    }

    /// The problem of a read that was answered with anything but 200 and 403.
    pub(super) async fn absent(&self, secret: &SecretId, read: &Read, pin: Option<u64>) -> Problem {
        let Read {
            target,
            answer,
            line,
            token,
            ..
        } = read;
        if answer.status != 404 {
            return self.upstream(line, answer.status);
        }
        let remarks = Remarks::of(answer);
        if remarks.error_has("no handler for route") {
            return self.no_mount(target, line);
        }
        if remarks.want_v2() {
            return self.other_kv(target, line, 404, Kv::V2);
        }
        if let Some(version) = version_of(answer) {
            return self.gone(target, line, 404, &version, pin, token).await;
        }
        let metadata = self.metadata(target, token).await;
        let hidden = metadata.as_ref().is_none_or(|answer| answer.status != 404);
        let versions = metadata.as_ref().and_then(versions_of);
        if let (Some(pin), Some(versions)) = (pin, &versions) {
            let what = format!("`{}` never had a version {pin}", target.written());
            let known: Vec<&str> = versions.versions.keys().map(String::as_str).collect();
            return self
                .at_read(Problem::new(&catalogue::VAULT_NO_VERSION, what), line, 404)
                .causes(vec![format!(
                    "its versions are {}; the current one is {}",
                    known.join(", "),
                    versions.current_version
                )])
                .fixes(vec![
                    format!("version = {}", versions.current_version),
                    target.command("metadata get"),
                ]);
        }
        if versions.is_none()
            && let Ok(Some((_, Engine::Kv(actual)))) = self.mount_of(&target.api(), token).await
            && actual != target.kv
        {
            return self.other_kv(target, line, 404, actual);
        }
        if let (Some(pin), true, Kv::V2) = (pin, hidden, target.kv) {
            let path = target.written();
            let what = format!("Vault has no version {pin} of {path}, or no secret there");
            return self
                .at_read(Problem::new(&catalogue::VAULT_404, what), line, 404)
                .causes(vec![
                    format!(
                        "the secret never had a version {pin}: this token may not read its metadata, which would tell"
                    ),
                    "a typo in the path, or nobody has written the secret yet".to_owned(),
                ])
                .similar(self.similar(secret, target, token).await)
                .fixes(vec![
                    format!(
                        "{}   (whether the secret is there, and its current version)",
                        target.command("get")
                    ),
                    "take version out of the field".to_owned(),
                ]);
        }
        let what = format!("Vault has no secret at {}", target.written());
        let similar = self.similar(secret, target, token).await;
        let list = match &target.mount {
            Some(mount) => format!("vault kv list -mount={mount} {}", folder_of(&target.path)),
            None => format!("vault list {}", folder_of(&target.path)),
        };
        self.at_read(Problem::new(&catalogue::VAULT_404, what), line, 404)
            .similar(similar)
            .fixes(vec![list.trim_end().to_owned()])
    }

    pub(super) fn no_mount(&self, target: &Target, line: &str) -> Problem {
        let path = target.written();
        let mount = target.mount.as_deref().or(path.split('/').next()).unwrap_or(&path);
        let what = format!("Vault has no secrets engine mounted at {mount}");
        self.at_read(Problem::new(&catalogue::VAULT_NO_MOUNT, what), line, 404)
    }

    /// A version that was deleted or destroyed.
    pub(super) async fn gone(
        &self,
        target: &Target,
        line: &str,
        status: u16,
        version: &Version,
        pin: Option<u64>,
        token: &Token,
    ) -> Problem {
        let (number, path) = (version.version, target.written());
        let how = if version.destroyed { "destroyed" } else { "deleted" };
        let when = version.deletion_time.split('T').next().filter(|day| !day.is_empty());
        let when = when.map(|day| format!(" on {day}")).unwrap_or_default();
        let which = if pin.is_some() { "the pinned" } else { "the current" };
        let what = format!("version {number} of `{path}` was {how}{when}");
        let mut fixes = Vec::new();
        if !version.destroyed {
            fixes.push(target.command(&format!("undelete -versions={number}")));
        }
        let mut causes = vec![format!(
            "{which} version of the secret is {number}, and its content is gone"
        )];
        if let Some(versions) = self.versions(target, token).await {
            let now = Timestamp::now();
            let alive = |version: &Version| !version.destroyed && version.ends().is_none_or(|end| end > now);
            let mut alive: Vec<u64> = versions
                .versions
                .iter()
                .filter(|(_, version)| alive(version))
                .filter_map(|(number, _)| number.parse().ok())
                .collect();
            alive.sort_unstable();
            if let Some(last) = alive.last() {
                let all: Vec<String> = alive.iter().map(u64::to_string).collect();
                causes.push(format!("versions that are still there: {}", all.join(", ")));
                fixes.push(format!("pin one of them: version = {last}"));
            }
        }
        fixes.push(target.command("put") + " KEY=-   (write it anew)");
        self.at_read(Problem::new(&catalogue::VAULT_DELETED_VERSION, what), line, status)
            .causes(causes)
            .fixes(fixes)
    }

    async fn versions(&self, target: &Target, token: &Token) -> Option<Versions> {
        self.metadata(target, token).await.as_ref().and_then(versions_of)
    }

    /// What the server says when it is asked for the metadata of a KV v2 secret.
    async fn metadata(&self, target: &Target, token: &Token) -> Option<Answer> {
        let (Some(mount), Kv::V2) = (&target.mount, target.kv) else {
            return None;
        };
        let question = self.asker(Some(token)).metadata(mount, &target.path);
        self.ask(question).await.ok().map(|(answer, _)| answer)
    }

    /// References to paths that are there and look like the missing one, where the token may list: of the deepest folder that exists,
    /// the names nearest to the part that does not.
    async fn similar(&self, secret: &SecretId, target: &Target, token: &Token) -> Vec<String> {
        let mut similar: Vec<String> = without_data(&secret.provider, target).into_iter().collect();
        similar.extend(self.near(secret, target, token).await);
        similar
    }

    async fn near(&self, secret: &SecretId, target: &Target, token: &Token) -> Vec<String> {
        let parts: Vec<&str> = target.path.split('/').collect();
        for missing in (0..parts.len()).rev().take(3) {
            let folder = parts[..missing]
                .iter()
                .map(|part| format!("{part}/"))
                .collect::<String>();
            if target.mount.is_none() && folder.is_empty() {
                return Vec::new();
            }
            let question = self.asker(Some(token)).list(target, &folder);
            let Ok((answer, _)) = self.ask(question).await else {
                return Vec::new();
            };
            let Some(keys) = parse::<Envelope<Keys>>(&answer).filter(|_| answer.status == 200) else {
                continue;
            };
            let names: Vec<String> = keys.data.map(|keys| keys.keys).unwrap_or_default();
            let last = missing + 1 == parts.len();
            // A folder's name ends in a slash: only one of these can stand for a folder.
            let fitting = names.iter().filter(|name| name.ends_with('/') != last);
            let found = nearest(parts[missing], fitting.map(|name| name.trim_end_matches('/')));
            let rest = parts[missing + 1..]
                .iter()
                .map(|part| format!("/{part}"))
                .collect::<String>();
            let mount = target
                .mount
                .as_ref()
                .map(|mount| format!("{mount}/"))
                .unwrap_or_default();
            return found
                .into_iter()
                .filter(|name| name != parts[missing])
                .map(|name| format!("{}:{mount}{folder}{name}{rest}", secret.provider))
                .collect();
        }
        Vec::new()
    }
}

fn versions_of(metadata: &Answer) -> Option<Versions> {
    parse::<Envelope<Versions>>(metadata)
        .filter(|_| metadata.status == 200)?
        .data
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The reference that an API path was meant for, where `data/` of it was taken for a part of the path.
fn without_data(provider: &str, target: &Target) -> Option<String> {
    let (Some(mount), Kv::V2) = (&target.mount, target.kv) else {
        return None;
    };
    let path = target.path.strip_prefix("data/")?;
    Some(format!("{provider}:{mount}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_path_as_a_path_has_data_too_much() {
        let of = |kv, path| without_data("vault", &Target::new(kv, "secret", path));
        assert_eq!(of(Kv::V2, "data/db").as_deref(), Some("vault:secret/db"));
        assert_eq!(of(Kv::V2, "data/team/db").as_deref(), Some("vault:secret/team/db"));
        assert_eq!(of(Kv::V2, "db"), None);
        assert_eq!(of(Kv::V1, "data/db"), None);
    }
}
