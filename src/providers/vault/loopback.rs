//! The loopback address that a browser comes back to after a login: one answer is taken, and a page says how it ended.

use std::io;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The path that Vault's own command uses, too: roles allow it already.
const PATH: &str = "/oidc/callback";
/// A browser's request is a few hundred bytes; a code of an identity provider can be some thousand.
const LONGEST: usize = 32 << 10;
/// How long one connection may take to say what it wants. Browsers open some that they do not use.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a role must allow the browser to come back to.
pub(super) fn redirect(port: u16) -> String {
    format!("http://localhost:{port}{PATH}")
}

/// Listens on this machine alone.
pub(super) struct Loopback {
    listeners: Vec<std::net::TcpListener>,
}

/// What the browser brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Brought {
    Code(String),
    /// The identity provider's word for why not; none if it is not one of its protocol's words.
    Refused(Option<String>),
}

/// A browser that waits for a page.
pub(super) struct Browser {
    /// Of no runtime: it is answered in another one than it came to.
    stream: std::net::TcpStream,
}

impl Loopback {
    /// `localhost` is either address for a browser. Fails where the first is taken.
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let mut listeners = vec![std::net::TcpListener::bind(("127.0.0.1", port))?];
        // A machine without IPv6 has no such address; one where it is taken is told by the other.
        listeners.extend(std::net::TcpListener::bind(("::1", port)));
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
        Ok(Self { listeners })
    }

    /// Waits for the browser of the login with this state. All others get a page that says so.
    pub(super) async fn answer(self, state: String) -> io::Result<(Brought, Browser)> {
        let listeners = self.listeners.into_iter().map(TcpListener::from_std);
        let listeners: Vec<TcpListener> = listeners.collect::<io::Result<_>>()?;
        let mut asking = FuturesUnordered::new();
        loop {
            let accepts = listeners.iter().map(|listener| Box::pin(listener.accept()));
            tokio::select! {
                (accepted, ..) = futures::future::select_all(accepts) => match accepted {
                    Ok((stream, _)) => asking.push(asked(stream, &state)),
                    // Out of descriptors, most likely: no reason to spin.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                // Any pattern that does not fit would leave the others waiting for a connection more.
                asked = asking.next(), if !asking.is_empty() => if let Some(Some(brought)) = asked {
                    return Ok(brought);
                },
            }
        }
    }
}

impl Browser {
    /// Shows how the login ended.
    pub(super) async fn show(self, title: &str, text: &str) {
        if let Ok(stream) = TcpStream::from_std(self.stream) {
            respond(stream, "200 OK", title, text).await;
        }
    }
}

/// Reads one request; none if it is not the one that is waited for, which is answered here then.
async fn asked(mut stream: TcpStream, state: &str) -> Option<(Brought, Browser)> {
    let head = tokio::time::timeout(PATIENCE, head(&mut stream)).await.ok()??;
    let target = head.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
    match target.and_then(parse) {
        Some((brought, Some(of))) if of == state => {
            let stream = stream.into_std().ok()?;
            Some((brought, Browser { stream }))
        }
        Some(_) => {
            let text =
                "This page belongs to another login than the one that hallpass waits for. Start anew in the terminal.";
            respond(stream, "400 Bad Request", "Not this login", text).await;
            None
        }
        None => {
            respond(stream, "404 Not Found", "Nothing here", "hallpass waits for a login.").await;
            None
        }
    }
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::with_capacity(4096);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > LONGEST || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

/// What a request for `target`, or an address that was pasted, brings and of which state; none if it is another page.
fn parse(target: &str) -> Option<(Brought, Option<String>)> {
    let url = Url::parse("http://localhost").ok()?.join(target).ok()?;
    if url.path() != PATH {
        return None;
    }
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let brought = match value("code").filter(|code| !code.is_empty()) {
        Some(code) => Brought::Code(code),
        None => Brought::Refused(value("error").filter(|word| is_word(word))),
    };
    Some((brought, value("state")))
}

/// What a person copied out of the address bar of a browser on another machine: the whole address, or only the code.
/// None if it is of another login, or nothing.
pub(super) fn pasted(text: &str, state: &str) -> Option<Brought> {
    let text = text.trim();
    if text.starts_with("http://") || text.starts_with("https://") {
        let (brought, of) = parse(text)?;
        return (of.as_deref() == Some(state)).then_some(brought);
    }
    (!text.is_empty() && !text.contains(char::is_whitespace)).then(|| Brought::Code(text.to_owned()))
}

/// `access_denied` and its like: the words of the protocol, not a text of somebody else.
fn is_word(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

async fn respond(mut stream: TcpStream, status: &str, title: &str, text: &str) {
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>hallpass: {title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem;color-scheme:light dark}}</style>\
         <h1>{title}</h1><p>{text}</p></html>"
    );
    // The address in the browser's bar holds a code, which must not travel on: not to a cache, not as a referrer.
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n{page}",
        page.len()
    );
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(PATIENCE, write).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn what_a_person_pastes() {
        let code = |text: &str| Some(Brought::Code(text.to_owned()));
        for (text, brought) in [
            ("http://localhost:8250/oidc/callback?code=a%2Fb&state=s\n", code("a/b")),
            ("https://127.0.0.1:8250/oidc/callback?state=s&code=c", code("c")),
            ("  just-the-code ", code("just-the-code")),
            (
                "http://localhost:8250/oidc/callback?error=access_denied&state=s",
                Some(Brought::Refused(Some("access_denied".to_owned()))),
            ),
            (
                "http://localhost:8250/oidc/callback?error=Your+password+is+x&state=s",
                Some(Brought::Refused(None)),
            ),
            ("http://localhost:8250/oidc/callback?code=c&state=other", None),
            ("http://localhost:8250/elsewhere?code=c&state=s", None),
            ("", None),
            ("two words", None),
        ] {
            assert_eq!(pasted(text, "s"), brought, "{text:?}");
        }
    }

    /// A browser that opens a connection and says nothing, one of another login and a favicon do not keep the true one out.
    #[test]
    fn the_right_browser_is_answered_among_others() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let loopback = Loopback::bind(port).unwrap();
        assert!(Loopback::bind(port).is_err(), "taken");
        let waiting = runtime.spawn(loopback.answer("right".to_owned()));
        let _silent = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let get = move |target: &str| {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let mut page = String::new();
            stream.read_to_string(&mut page).unwrap();
            page
        };
        assert!(get("/favicon.ico").starts_with("HTTP/1.1 404"));
        let other = get("/oidc/callback?code=stolen&state=wrong");
        assert!(other.starts_with("HTTP/1.1 400") && !other.contains("stolen"));
        // It was connected before another one was turned away, and none comes after.
        let mut early = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        early.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(get("/favicon.ico").starts_with("HTTP/1.1 404"));
        let browser = std::thread::spawn(move || {
            write!(early, "GET /oidc/callback?code=mine&state=right HTTP/1.1\r\n\r\n").unwrap();
            let mut page = String::new();
            early.read_to_string(&mut page).unwrap();
            page
        });
        let waiting = async { tokio::time::timeout(2 * PATIENCE, waiting).await };
        let (brought, browser_waits) = runtime.block_on(waiting).unwrap().unwrap().unwrap();
        assert_eq!(brought, Brought::Code("mine".to_owned()));
        runtime.block_on(browser_waits.show("Logged in", "Close this page."));
        let page = browser.join().unwrap();
        assert!(page.contains("<h1>Logged in</h1>") && page.contains("no-store") && !page.contains("mine"));
    }
}
