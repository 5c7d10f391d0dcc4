//! References: any text is read or refused, and what is read prints as something that means the same.

use hallpass::domain::reference::{Parsed, ProviderKind, ProviderNames, parse_canonical, parse_value};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut names = ProviderNames::default();
    names.add("vault-eu", ProviderKind::Vault);
    if let Ok(Parsed::Secret(reference)) = parse_value(text, &names) {
        same_again(&reference.canonical(), &reference.id, &reference.key, &names);
        assert_eq!(reference.to_string(), text, "a reference prints as it was written");
    }
    match parse_canonical(text, &names) {
        Ok(reference) => same_again(&reference.canonical(), &reference.id, &reference.key, &names),
        Err(error) => assert!(!error.what.is_empty()),
    }
}

fn same_again(
    canonical: &str,
    id: &hallpass::domain::reference::SecretId,
    key: &Option<String>,
    names: &ProviderNames,
) {
    match parse_canonical(canonical, names) {
        Ok(again) => assert_eq!((&again.id, &again.key), (id, key), "{canonical:?} means something else"),
        Err(error) => panic!("{canonical:?} is printed and not read: {}", error.what),
    }
}
