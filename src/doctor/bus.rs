//! Asks the session bus whether a Secret Service is on it: the two calls of the D-Bus protocol that this takes, written out
//! (D-Bus specification, "Authentication Protocol" and "Message Protocol").

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

const SERVICE: &str = "org.freedesktop.secrets";
const METHOD_RETURN: u8 = 2;

/// Whether a Secret Service is on the bus at this address; none if the bus does not answer.
pub(super) fn has_secret_service(address: &str, limit: Duration) -> Option<bool> {
    let mut stream = UnixStream::connect(path_of(address)?).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.set_write_timeout(Some(limit)).ok()?;
    let uid = rustix::process::geteuid().as_raw().to_string();
    let uid: String = uid.bytes().map(|byte| format!("{byte:02x}")).collect();
    stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes()).ok()?;
    let mut answer = [0; 256];
    let length = stream.read(&mut answer).ok()?;
    if !answer[..length].starts_with(b"OK ") {
        return None;
    }
    stream.write_all(b"BEGIN\r\n").ok()?;
    stream.write_all(&call(1, "Hello", None)).ok()?;
    stream.write_all(&call(2, "NameHasOwner", Some(SERVICE))).ok()?;
    // The answer to Hello, the news that we have a name, then ours; a bus that says more than this is none.
    for _ in 0..8 {
        let message = message(&mut stream)?;
        if message.kind == METHOD_RETURN && message.body.len() == 4 {
            return Some(message.body[0] == 1);
        }
    }
    None
}

/// The socket of an address such as `unix:path=/run/user/1000/bus,guid=…`.
fn path_of(address: &str) -> Option<PathBuf> {
    let first = address.split(';').next()?.strip_prefix("unix:")?;
    let path = first.split(',').find_map(|part| part.strip_prefix("path="))?;
    Some(PathBuf::from(path))
}

/// A call of the bus itself, with one text as its argument or none.
fn call(serial: u32, method: &str, argument: Option<&str>) -> Vec<u8> {
    const BUS: &str = "org.freedesktop.DBus";
    let mut body = Vec::new();
    if let Some(argument) = argument {
        put_text(&mut body, argument);
    }
    let mut fields = Vec::new();
    for (code, signature, text) in [
        (1, b'o', "/org/freedesktop/DBus"),
        (2, b's', BUS),
        (3, b's', method),
        (6, b's', BUS),
    ] {
        pad(&mut fields, 8);
        fields.extend([code, 1, signature, 0]);
        put_text(&mut fields, text);
    }
    if argument.is_some() {
        pad(&mut fields, 8);
        fields.extend([8, 1, b'g', 0, 1, b's', 0]);
    }
    let mut message = vec![b'l', 1, 0, 1];
    message.extend(length(&body).to_le_bytes());
    message.extend(serial.to_le_bytes());
    message.extend(length(&fields).to_le_bytes());
    message.extend(&fields);
    pad(&mut message, 8);
    message.extend(body);
    message
}

fn put_text(into: &mut Vec<u8>, text: &str) {
    pad(into, 4);
    into.extend(length(text.as_bytes()).to_le_bytes());
    into.extend(text.as_bytes());
    into.push(0);
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

struct Message {
    kind: u8,
    body: Vec<u8>,
}

/// The next message of the bus; none if it is longer than any answer to us, or not little-endian like our calls.
fn message(stream: &mut UnixStream) -> Option<Message> {
    const LONGEST: usize = 4096;
    let mut head = [0; 16];
    stream.read_exact(&mut head).ok()?;
    let number = |at: usize| {
        let bytes: [u8; 4] = head[at..at + 4].try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let (body, fields) = (number(4)?, number(12)?);
    if head[0] != b'l' || body > LONGEST || fields > LONGEST {
        return None;
    }
    let mut rest = vec![0; fields.next_multiple_of(8) + body];
    stream.read_exact(&mut rest).ok()?;
    Some(Message {
        kind: head[1],
        body: rest.split_off(fields.next_multiple_of(8)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let path = |address| path_of(address).map(|path| path.display().to_string());
        assert_eq!(
            path("unix:path=/run/user/1000/bus").as_deref(),
            Some("/run/user/1000/bus")
        );
        assert_eq!(path("unix:guid=0a,path=/tmp/b;tcp:host=h").as_deref(), Some("/tmp/b"));
        assert_eq!(path("unix:abstract=/tmp/dbus-x"), None);
        assert_eq!(path("tcp:host=h,port=1"), None);
    }

    #[test]
    fn a_call_is_laid_out_as_the_protocol_says() {
        let hello = call(1, "Hello", None);
        assert_eq!(hello.len() % 8, 0);
        assert_eq!(&hello[..12], &[b'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]);
        let asked = call(2, "NameHasOwner", Some(SERVICE));
        assert!(asked.ends_with(b"org.freedesktop.secrets\0"));
        assert_eq!(usize::from(asked[4]), SERVICE.len() + 5, "its length, the text, a zero");
    }

    #[test]
    fn nobody_at_the_address_is_no_bus() {
        assert_eq!(
            has_secret_service("unix:path=/nonexistent/bus", Duration::from_millis(10)),
            None
        );
    }
}
