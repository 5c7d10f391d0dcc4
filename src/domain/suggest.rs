//! "Did you mean": the nearest known words to a misspelt one.

/// The known words nearest to `word`, best first, at most three: by Jaro-Winkler similarity of at least 0.7, or one slip of the fingers
/// away, which that measure misses in the shortest words (`evn`).
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|k| (similarity(word, k), k))
        .filter(|(score, _)| *score >= 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, k)| k.to_owned()).collect()
}

fn similarity(word: &str, known: &str) -> f64 {
    let similarity = strsim::jaro_winkler(word, known);
    let slip = similarity < 0.7 && word.len() >= 3 && strsim::osa_distance(word, known) == 1;
    if slip { 0.7 } else { similarity }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_the_typo() {
        assert_eq!(nearest("conector", ["connector", "command", "env"])[0], "connector");
        assert_eq!(nearest("evn", ["env", "owner"]), ["env"]);
        assert!(nearest("zzz", ["connector"]).is_empty());
    }
}
