//! What earlier runs left that were killed: given back by each provider for itself, so that one that does not answer holds up no other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use jiff::Timestamp;

use super::journal::{self, Entry, Leftover};
use super::{News, SHARED, Work, folder, is_final, is_refusal, key, lock, tell};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::{Provider, Registry};

/// How many credentials of a provider are given back at once.
const AT_ONCE: usize = 8;
/// Giving one credential back takes no longer than this.
const LIMIT: Duration = Duration::from_secs(5);
/// The way out of the program waits for a provider's first answer no longer than this.
const SILENCE: Duration = Duration::from_millis(500);
/// A process that lives asks those that did not answer again after this.
pub(super) const AGAIN: Duration = Duration::from_secs(60);

/// An entry, and the journal that it stands in.
type Left = (Arc<Mutex<Leftover>>, Entry);

/// Gives back what is left. Whether a later try may have better luck: a provider did not answer. `awaited` is what the way out of the
/// program waits for until each provider is waited for by itself.
pub(super) async fn all(registry: &Arc<Registry>, awaited: Option<Work>) -> bool {
    let mut by_provider: BTreeMap<String, Vec<Left>> = BTreeMap::new();
    for leftover in journal::leftovers(&folder(registry)) {
        let entries = leftover.entries.clone();
        let journal = Arc::new(Mutex::new(leftover));
        for entry in entries {
            let entries = by_provider.entry(entry.provider.clone()).or_default();
            entries.push((Arc::clone(&journal), entry));
        }
    }
    let swept: Vec<_> = by_provider
        .into_iter()
        .map(|(name, entries)| {
            let own = awaited.is_some().then(|| Work::new(|counts| &mut counts.sweeping));
            of_provider(Registry::get(registry, &name), entries, own)
        })
        .collect();
    drop(awaited);
    join_all(swept).await.contains(&true)
}

/// Gives back what one provider has made, until it does not answer. What stays in its journal a later try may give back, or another
/// login; it ends by itself at last.
async fn of_provider(provider: Result<Arc<dyn Provider>, Problem>, entries: Vec<Left>, awaited: Option<Work>) -> bool {
    let provider = &provider;
    let over: Vec<Left> = entries.iter().filter(|(_, entry)| is_over(entry)).cloned().collect();
    let mut answers = futures::stream::iter(entries)
        .map(|(journal, entry)| async move {
            let result = match provider {
                Ok(provider) => give_back(&**provider, &entry).await,
                Err(problem) => Err(problem.clone()),
            };
            let unanswered = result.as_ref().err().filter(|problem| !is_settled(problem)).cloned();
            note(&mut lock(&journal), &entry, result);
            unanswered
        })
        .buffer_unordered(AT_ONCE);
    let first = tokio::time::timeout(SILENCE, answers.next()).await;
    // Who is slow to answer is not waited for at the end.
    let _awaited = awaited.filter(|_| first.is_ok());
    let mut answer = match first {
        Ok(answer) => answer,
        Err(_) => answers.next().await,
    };
    while let Some(unanswered) = answer {
        if let Some(problem) = unanswered {
            // They need no answer, and would be the first to be asked about at the next start.
            over.iter()
                .for_each(|(journal, entry)| lock(journal).strike(entry.lease().key()));
            return is_silence(&problem);
        }
        answer = answers.next().await;
    }
    false
}

/// The code of an entry that is another server's.
static MOVED: &catalogue::Code = &catalogue::PROVIDER_CANCELLED;

async fn give_back(provider: &dyn Provider, entry: &Entry) -> Result<(), Problem> {
    if provider.endpoint() != entry.endpoint {
        // Another server would say of any name that there is no such lease.
        return Err(Problem::new(MOVED, "the provider is at another address now"));
    }
    let lease = entry.lease();
    let answered = tokio::time::timeout(LIMIT, provider.revoke(&lease)).await;
    answered.unwrap_or_else(|_| Err(Problem::new(&catalogue::NET_TIMEOUT, "the provider gave no answer")))
}

/// Whether the next entry may fare better than this one.
fn is_settled(problem: &Problem) -> bool {
    is_final(problem) || problem.code == MOVED
}

/// Whether nothing but the way to the provider, or its health, is in the way. A login that fails is not tried again by itself: too many
/// wrong ones lock an account.
fn is_silence(problem: &Problem) -> bool {
    let unwell = [
        &catalogue::PROVIDER_UPSTREAM,
        &catalogue::VAULT_SEALED,
        &catalogue::VAULT_STANDBY,
        &catalogue::VAULT_UNINITIALISED,
        &catalogue::VAULT_RATE,
    ];
    problem.code.id.starts_with("E-NET-") || unwell.contains(&problem.code)
}

fn is_over(entry: &Entry) -> bool {
    entry.lease().left(Timestamp::now()) == 0
}

fn note(journal: &mut Leftover, entry: &Entry, result: Result<(), Problem>) {
    let lease = entry.lease();
    match result {
        Ok(()) => journal.strike(lease.key()),
        Err(_) if is_over(entry) => journal.strike(lease.key()),
        Err(problem) if is_refusal(&problem) && entry.told => {}
        Err(problem) if is_final(&problem) => {
            if is_refusal(&problem) {
                journal.told(entry);
            } else {
                journal.strike(lease.key());
            }
            lock(&SHARED.owed).insert(key(&lease), (lease.clone(), problem.clone()));
            tell(News::NotRevoked(lease, problem));
        }
        Err(_) => {}
    }
}

#[cfg(feature = "vault")]
#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::super::journal::Journal;
    use super::*;
    use crate::domain::reference::ProviderKind;
    use crate::providers::{ProviderConfig, Providers, Setting, World};

    fn vault(name: &str, server: &TcpListener, limit: &str) -> (String, ProviderConfig) {
        let address = format!("http://{}", server.local_addr().unwrap());
        let text = |text: &str| Setting::Text(text.to_owned());
        let settings = [
            ("address", text(&address)),
            ("token", text("token")),
            ("timeout", text(limit)),
        ];
        (
            name.to_owned(),
            ProviderConfig::of(name, ProviderKind::Vault, &settings),
        )
    }

    fn entry(provider: &str, endpoint: String, accessor: &str) -> Entry {
        Entry {
            provider: provider.to_owned(),
            endpoint,
            lease: format!("database/creds/{accessor}"),
            accessor: Some(accessor.to_owned()),
            expires: Timestamp::from_second(4_000_000_000).unwrap(),
            told: false,
        }
    }

    /// Answers every request with 204.
    fn serve(server: &TcpListener) {
        for mut stream in server.incoming().flatten() {
            std::thread::spawn(move || {
                while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
                }
            });
        }
    }

    #[test]
    fn who_may_answer_later_is_asked_later() {
        let waits = |code| is_silence(&Problem::new(code, "x"));
        for code in [
            &catalogue::NET_TIMEOUT,
            &catalogue::VAULT_SEALED,
            &catalogue::VAULT_RATE,
        ] {
            assert!(waits(code), "{}", code.id);
        }
        assert!(!waits(&catalogue::VAULT_LOGIN_NEEDED), "a login is not tried by itself");
    }

    #[test]
    fn a_provider_that_does_not_answer_holds_up_no_other() {
        let home = tempfile::tempdir().unwrap();
        let bound = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (silent, alive) = (bound(), bound());
        let world = World {
            state_folder: home.path().to_owned(),
            ..World::of(&[])
        };
        let of_limit = |limit| {
            let configured = [vault("a-silent", &silent, limit), vault("b-alive", &alive, limit)];
            Providers::new(&configured.into(), &world)
        };
        let patient = of_limit("10m");
        let folder = folder(&patient.registry);
        let endpoint = |name: &str| patient.get(name).unwrap().endpoint();
        for number in 0..3 {
            // One file, in which the silent one stands first.
            let mut journal = Journal::default();
            for name in ["a-silent", "b-alive"] {
                let accessor = format!("{name}-{number}");
                journal.enter(&folder, entry(name, endpoint(name), &accessor)).unwrap();
            }
            // One that has ended needs no answer.
            let over = Entry {
                expires: Timestamp::UNIX_EPOCH,
                ..entry("a-silent", endpoint("a-silent"), &format!("over-{number}"))
            };
            journal.enter(&folder, over).unwrap();
        }
        let given_back = || {
            let files = std::fs::read_dir(&folder).unwrap().flatten();
            let texts = files.map(|file| std::fs::read_to_string(file.path()).unwrap());
            texts.filter(|text| text.contains("\"struck\":\"b-alive")).count() == 3
        };
        let alive = alive.try_clone().unwrap();
        std::thread::spawn(move || serve(&alive));

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let looked = async {
                while !given_back() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                _ = all(&patient.registry, None) => panic!("waited for the silent one"),
                () = looked => {}
            }
        });
        drop(patient);
        let again = runtime.block_on(all(&of_limit("100ms").registry, None));
        assert!(again, "it is asked again later");
        let left = journal::leftovers(&folder);
        let left: Vec<_> = left.iter().flat_map(|leftover| &leftover.entries).collect();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left.iter().all(|entry| entry.provider == "a-silent"), "{left:?}");
    }
}
