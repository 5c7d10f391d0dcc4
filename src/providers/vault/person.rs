//! Logins that a person makes: in a browser by OIDC, or with a password that is asked for. The only thing in a Vault that may ask, and
//! only when it was called for: a launch without such a login says that it is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret;
use tokio::sync::oneshot;

use super::Vault;
use super::api::{AuthUrl, Envelope, parse};
use super::kept::Found;
use super::login::{Origin, Standing, Token};
use super::loopback::{Brought, Browser, Loopback, pasted, redirect};
use super::method::Account;
use super::settings::Login;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::Person;
use crate::providers::net::ladder::stages_until;

/// How long a person may take in the browser; Vault itself forgets a login after ten minutes.
const PATIENCE: Duration = Duration::from_secs(300);

impl Vault {
    /// The login that a person made before.
    pub(super) fn kept_login(&self, account: &Account) -> Result<Token, Problem> {
        match self.kept.read()? {
            Found::Token(token) => Ok(token),
            Found::Nothing => Err(self.login_needed(account, None)),
            Found::Ended(at) => {
                let at = at.strftime("%Y-%m-%d %H:%M UTC");
                Err(self.login_needed(account, Some(format!("the last login ended at {at}"))))
            }
            Found::Other => {
                let why =
                    "the last login is for other settings of this provider: address, namespace, mount, user or role";
                Err(self.login_needed(account, Some(why.to_owned())))
            }
        }
    }

    pub(super) fn login_needed(&self, account: &Account, why: Option<String>) -> Problem {
        let what = format!(
            "provider `{}` needs a login by you ({} at {})",
            self.name, account.method.word, self.settings.address
        );
        let problem = Problem::new(&catalogue::VAULT_LOGIN_NEEDED, what)
            .fixes(vec![format!("hallpass provider login {}", self.name)])
            .steps(stages_until("login", self.settings.https));
        match why {
            Some(why) => problem.causes(vec![why]),
            None => problem,
        }
    }

    /// Logs in with the person's help, keeps the login, and says as whom.
    pub(super) async fn log_in_with(&self, person: &dyn Person) -> Result<String, Problem> {
        let account = match &self.settings.login {
            Login::Account(account) if account.needs_person() => account,
            login => {
                let how = match login {
                    Login::Token { from, .. } => format!("it uses the token from {from}"),
                    Login::None => "it has no login at all: auth is missing in its configuration".to_owned(),
                    Login::Account(account) => {
                        format!("it logs in by {} with what is configured", account.method.word)
                    }
                };
                let what = format!("provider `{}` has no login that needs a person", self.name);
                return Err(Problem::new(&catalogue::PROVIDER_NO_LOGIN, what)
                    .causes(vec![how])
                    .fixes(vec![format!("hallpass provider test {}", self.name)]));
            }
        };
        // Nobody types a password for a login that could not be kept.
        self.kept.prepare()?;
        let token = match account.asked() {
            Some(part) => {
                let prompt = format!("Your {} for {}: ", part.name, self.endpoint_words(account));
                let answer = person.ask(&prompt)?;
                self.log_in_as(account, Some((part, answer))).await?
            }
            None => self.log_in_by_browser(account, person).await?,
        };
        let token = Arc::new(token);
        let standing = self.standing(&token).await?;
        self.kept.write(&token)?;
        self.session.current.lock().await.known = Some(Arc::clone(&token));
        person.tell(&self.where_kept());
        Ok(match standing {
            Standing::Alive(lookup) => lookup.in_words(),
            _ => "logged in; the token's policies do not let it be looked up".to_owned(),
        })
    }

    fn endpoint_words(&self, account: &Account) -> String {
        format!("the {} login at {}", account.method.word, self.settings.address)
    }

    /// An honest word on where the token lies.
    fn where_kept(&self) -> String {
        let path = self.kept.path();
        if self.volatile {
            format!(
                "The login is kept in {} until it ends or you log out of this machine.",
                path.display()
            )
        } else {
            format!(
                "The login is kept in {} (readable by you alone) until it ends. XDG_RUNTIME_DIR is not set here, so that is a file on the disk.",
                path.display()
            )
        }
    }

    async fn log_in_by_browser(&self, account: &Account, person: &dyn Person) -> Result<Token, Problem> {
        let mount = &account.mount;
        let mut role = String::new();
        for (_, credential) in &account.given {
            let value = self
                .credential(credential, |_| self.login_needed(account, None))
                .await?;
            value.expose_secret().clone_into(&mut role);
        }
        let nonce = nonce()?;
        let question = self.asker(None).auth_url(mount, &role, &redirect(account.port), &nonce);
        let (answer, line) = self.ask(question).await?;
        if answer.status != 200 {
            return Err(self.login_refused(account, &answer, &line, None).await);
        }
        let address = parse::<Envelope<AuthUrl>>(&answer)
            .and_then(|envelope| envelope.data)
            .map(|data| data.auth_url)
            .unwrap_or_default();
        // Opened in a browser and shown on a terminal: nothing but the address of a page.
        let page = Url::parse(&address)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http"));
        let Some(page) = page else {
            let what = format!("Vault at {} gives no address to log in at", self.settings.address);
            let fix = format!(
                "let the role allow {}   (allowed_redirect_uris of auth/{mount}/role/…)",
                redirect(account.port)
            );
            return Err(Problem::new(&catalogue::VAULT_LOGIN_REDIRECT, what)
                .note(format!("{line} → {}", answer.status))
                .fixes(vec![fix])
                .steps(stages_until("login", self.settings.https)));
        };
        let state = page.query_pairs().find(|(name, _)| name == "state");
        let Some(state) = state.map(|(_, state)| state.into_owned()) else {
            return Err(self.upstream(&line, answer.status));
        };

        let (brought, browser) = self.browse(account, &page, &state, person).await?;
        let code = match brought {
            Brought::Code(code) => code,
            Brought::Refused(word) => {
                let why = match word {
                    Some(word) => format!("the identity provider says: {word}"),
                    None => "the identity provider sent no code".to_owned(),
                };
                show(
                    browser,
                    "Not logged in",
                    "The identity provider refused. The terminal says what to do.",
                )
                .await;
                return Err(self.browser_problem(account, &why));
            }
        };
        let token = self.exchange(account, &state, &code, &nonce).await;
        let (title, text) = match &token {
            Ok(_) => ("Logged in", "You can close this page and go back to the terminal."),
            Err(_) => ("Not logged in", "Vault refused. The terminal says why."),
        };
        show(browser, title, text).await;
        token
    }

    /// Sends the person to the page and waits until their browser, or what they paste, brings an answer.
    async fn browse(
        &self,
        account: &Account,
        page: &Url,
        state: &str,
        person: &dyn Person,
    ) -> Result<(Brought, Option<Browser>), Problem> {
        let port = account.port;
        let loopback = Loopback::bind(port).ok();
        let mut waiting = loopback.and_then(|loopback| Waiting::start(loopback, state.to_owned()));
        let waits = waiting.is_some();
        let open = waits && person.browse(page.as_str());
        if open {
            person.tell(&format!(
                "Log in at the page that your browser shows ({}). Waiting for it; Ctrl-C gives up.",
                page.origin().ascii_serialization()
            ));
            return answer_of(&mut waiting, PATIENCE).await.ok_or_else(|| {
                let minutes = PATIENCE.as_secs() / 60;
                self.browser_problem(account, &format!("no answer came back within {minutes} minutes"))
            });
        }
        person.tell("Log in at this address:");
        person.tell("");
        person.tell(page.as_str());
        person.tell("");
        if waits {
            person.tell("With a browser on this machine: log in there, and this goes on by itself.");
            person.tell(&format!(
                "With one on another machine: the page it ends at cannot be shown (localhost:{port}); paste that page's address here."
            ));
        } else {
            person.tell(&format!(
                "Port {port} is in use on this machine (another login that waits?), so the browser cannot answer by itself: \
                 when it has ended at localhost:{port}, paste that page's address here."
            ));
            person.tell(&format!(
                "To have it answer by itself: end what listens there, or set port in auth of [providers.{}] (the role must allow it).",
                self.name
            ));
        }
        let arrived = waiting.as_ref().map(|waiting| Arc::clone(&waiting.arrived));
        let over = || arrived.as_ref().is_some_and(|arrived| arrived.load(Ordering::Acquire));
        let text = person.ask_unless("Address or code: ", &over)?;
        let text = text.as_ref().map_or("", |text| text.expose_secret());
        if let Some(brought) = pasted(text, state) {
            return Ok((brought, None));
        }
        if text.trim().is_empty()
            && let Some(answer) = answer_of(&mut waiting, Duration::from_secs(5)).await
        {
            return Ok(answer);
        }
        Err(self.browser_problem(account, "what was pasted is not the address that this login ends at"))
    }

    /// What the browser brought, for a token.
    async fn exchange(&self, account: &Account, state: &str, code: &str, nonce: &str) -> Result<Token, Problem> {
        let question = self.asker(None).callback(&account.mount, state, code, nonce);
        let (answer, line) = self.ask(question).await?;
        match self.logged_in(&answer, Origin::Person) {
            Some(token) => token,
            None => {
                let problem = self.login_refused(account, &answer, &line, None).await;
                if problem.code != &catalogue::VAULT_LOGIN {
                    return Err(problem);
                }
                let why = "Vault could not redeem the code: it was used already, or took too long, or the identity provider refused it";
                Err(self
                    .browser_problem(account, why)
                    .note(format!("{line} → {}", answer.status)))
            }
        }
    }

    fn browser_problem(&self, account: &Account, why: &str) -> Problem {
        let what = format!("the {} came to nothing", self.endpoint_words(account));
        Problem::new(&catalogue::VAULT_LOGIN_OIDC, what)
            .cause(why)
            .fixes(vec![
                format!("hallpass provider login {}", self.name),
                format!(
                    "hallpass provider login {} --no-browser   (paste the address by hand)",
                    self.name
                ),
            ])
            .steps(stages_until("login", self.settings.https))
    }
}

/// A listener on a thread of its own, where it hears the browser while this one asks the person. It ends with the login.
struct Waiting {
    answer: oneshot::Receiver<(Brought, Browser)>,
    arrived: Arc<AtomicBool>,
    _wanted: oneshot::Sender<()>,
}

impl Waiting {
    /// None where the system gives no thread.
    fn start(loopback: Loopback, state: String) -> Option<Self> {
        let (send, answer) = oneshot::channel();
        let (wanted, unwanted) = oneshot::channel::<()>();
        let arrived = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&arrived);
        let listen = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                tokio::select! {
                    brought = loopback.answer(state) => if let Ok(brought) = brought {
                        let _ = send.send(brought);
                        flag.store(true, Ordering::Release);
                    },
                    _ = unwanted => {}
                }
            });
        };
        std::thread::Builder::new()
            .name("browser".to_owned())
            .spawn(listen)
            .ok()?;
        Some(Self {
            answer,
            arrived,
            _wanted: wanted,
        })
    }
}

async fn answer_of(waiting: &mut Option<Waiting>, patience: Duration) -> Option<(Brought, Option<Browser>)> {
    let answer = &mut waiting.as_mut()?.answer;
    let (brought, browser) = tokio::time::timeout(patience, answer).await.ok()?.ok()?;
    Some((brought, Some(browser)))
}

async fn show(browser: Option<Browser>, title: &str, text: &str) {
    if let Some(browser) = browser {
        browser.show(title, text).await;
    }
}

/// Known to this process alone: a code that somebody else caught is worth nothing without it.
fn nonce() -> Result<String, Problem> {
    let mut bytes = [0u8; 20];
    getrandom::fill(&mut bytes).map_err(|_| Problem::new(&catalogue::IO, "the system gave no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
