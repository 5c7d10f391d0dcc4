//! One request in the clear to a server or a double, with no client in between that would try again, pool connections or hide anything.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// What came back.
pub struct Response {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Response {
    /// The body; null where it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Where a redirect leads; empty where there is none.
    pub fn location(&self) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix("Location: "));
        line.unwrap_or_default()
    }
}

/// `address` is `http://HOST:PORT`, `headers` are whole lines with their ends.
pub fn request(method: &str, address: &str, path: &str, headers: &str, body: &str) -> Response {
    let host = address.strip_prefix("http://").unwrap();
    // HTTP/1.0: the answer ends where the connection does, never in chunks.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Response {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// A word of a double's control plane, and its answer.
#[track_caller]
pub fn control(address: &str, word: &str, body: &Value) -> Value {
    let answer = request("POST", address, &format!("/_control/{word}"), "", &body.to_string());
    assert_eq!(answer.status, 200, "{word}: {}", answer.body);
    answer.json()
}
