//! From a line to words, as in a shell: for requests that a person types.

/// Splits a line into words. `"\x00\n"` and `'it\'s'` are words too. `None` if a quote is not closed, or not followed by a
/// blank.
pub(super) fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Some(words)
}

fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] => return Some((word, rest)),
            [blank, ..] if blank.is_ascii_whitespace() => return Some((word, rest)),
            [quote @ (b'"' | b'\''), after @ ..] => {
                rest = quoted(*quote, after, &mut word)?;
                return rest.first().is_none_or(u8::is_ascii_whitespace).then_some((word, rest));
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// Appends what is quoted to `word`. Returns what follows the closing quote.
fn quoted<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    loop {
        let (byte, after) = match rest {
            [b'\\', b'x', high, low, after @ ..] if quote == b'"' && hex(*high).and(hex(*low)).is_some() => {
                (16 * hex(*high)? + hex(*low)?, after)
            }
            [b'\\', escaped, after @ ..] if quote == b'"' => (unescaped(*escaped), after),
            [b'\\', b'\'', after @ ..] if quote == b'\'' => (b'\'', after),
            [byte, after @ ..] if *byte == quote => return Some(after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        word.push(byte);
        rest = after;
    }
}

fn unescaped(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}
