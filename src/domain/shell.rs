//! Words as a shell takes them.

/// The word as it can be pasted into a POSIX shell: in single quotes where something in it would mean more than itself.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_more_than_itself_is_quoted() {
        for plain in ["/etc/hallpass-2.d", "prod/db+x=1.0@a-b:c,d%e_f"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted("my 'db'; x"), r"'my '\''db'\''; x'");
        assert_eq!(quoted("it's a ~ $HOME"), r"'it'\''s a ~ $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
