//! "Did you mean": the nearest known words to a misspelt one.

/// The known words nearest to `word`, best first, at most three: those that a slip or two of the fingers lead to, fewest slips first, then
/// those of a Jaro-Winkler similarity of at least 0.7. That measure alone misses short words (`evn`, `vlt`) and prefers a known word that
/// `word` is the beginning of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<(usize, f64, &str)> = known
        .into_iter()
        .map(|k| (slips(word, k).unwrap_or(usize::MAX), strsim::jaro_winkler(word, k), k))
        .filter(|(slips, similarity, _)| *slips < usize::MAX || *similarity >= 0.7)
        .collect();
    scored.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(b.2)));
    scored.dedup_by(|a, b| a.2 == b.2);
    scored.into_iter().take(3).map(|(.., k)| k.to_owned()).collect()
}

/// How many slips of the fingers lie between the words; none if they are too many for their length.
fn slips(word: &str, known: &str) -> Option<usize> {
    let few = match word.chars().count().max(known.chars().count()) {
        0..3 => 0,
        3..5 => 1,
        _ => 2,
    };
    let slips = strsim::osa_distance(word, known);
    (slips <= few).then_some(slips)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_the_typo() {
        assert_eq!(nearest("conector", ["connector", "command", "env"])[0], "connector");
        assert_eq!(nearest("evn", ["env", "owner"]), ["env"]);
        assert!(nearest("zzz", ["connector"]).is_empty());
        assert!(nearest("dev", ["env", "aws"]).is_empty());
        assert_eq!(nearest("vlt", ["vaultkv1", "vaultdb", "vault"])[0], "vault");
        assert_eq!(nearest("awsiamrds", ["aws", "aws_iam_rds"])[0], "aws_iam_rds");
    }
}
