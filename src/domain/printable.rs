//! Text that somebody else wrote – in a file, as the name of a key in a store – as a terminal may show it.

/// Control and direction-changing characters never reach a terminal; one character stays one column.
#[must_use]
pub fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        c if is_unsafe(c) => '·',
        c => c,
    };
    text.chars().map(shown).collect()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
