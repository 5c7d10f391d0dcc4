//! A server that says to every request what a test wants it to: for faults that no real server has on demand.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct Liar {
    /// `http://127.0.0.1:PORT`
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Liar {
    /// Answers each request with what `answer` makes of its head and body; the connection then ends.
    pub fn new(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                    let mut head = Vec::new();
                    let mut byte = [0u8; 1];
                    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    // A body that was not read would end the connection before the answer is through.
                    let mut body = vec![0; content_length(&head)];
                    let _ = stream.read_exact(&mut body);
                    let head = head + &String::from_utf8_lossy(&body);
                    let said = answer(&head);
                    kept.lock().unwrap().push(head);
                    drop(stream.write_all(said.as_bytes()));
                });
            }
        });
        Self { address, asked }
    }

    /// The heads and bodies of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn content_length(head: &str) -> usize {
    let header = |line: &str| {
        Some(
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse(),
        )
    };
    head.lines().find_map(header).and_then(Result::ok).unwrap_or(0)
}

/// A whole answer; `more` are further header lines.
pub fn http(status: &str, more: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n{body}",
        body.len()
    )
}
