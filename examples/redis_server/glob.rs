//! Patterns for names: `h?llo`, `h*llo`, `h[ae]llo`, `h[^e]llo`, `h[a-b]llo`, `h\?llo`.

/// Whether `text` matches `pattern`. Takes time in proportion to the product of their lengths at most: when something does not
/// match, only the last `*` takes one more byte.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // What follows the last `*`, and the text from which it has been tried.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let next = match (pattern, text) {
            ([b'*', after @ ..], _) => {
                retry = Some((after, text));
                Some((after, text))
            }
            ([], []) => return true,
            ([], _) | (_, []) => None,
            (_, [byte, rest @ ..]) => one(pattern, *byte).map(|after| (after, rest)),
        };
        (pattern, text) = match (next, retry) {
            (Some(next), _) => next,
            (None, Some((after, [_, rest @ ..]))) => {
                retry = Some((after, rest));
                (after, rest)
            }
            (None, _) => return false,
        };
    }
}

/// Matches a byte with the first element of a pattern. Returns the pattern that follows the element.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', after @ ..] => Some(after),
        [b'[', set @ ..] => one_of(set, byte),
        [b'\\', escaped, after @ ..] => (*escaped == byte).then_some(after),
        [literal, after @ ..] => (*literal == byte).then_some(after),
        [] => None,
    }
}

/// Matches a byte with a set, whose opening bracket has been read. A set that is not closed ends with the pattern.
fn one_of(set: &[u8], byte: u8) -> Option<&[u8]> {
    let (is_negated, mut rest) = match set {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut is_member = false;
    loop {
        rest = match rest {
            [] | [b']', ..] => break,
            [b'\\', escaped, rest @ ..] => {
                is_member |= *escaped == byte;
                rest
            }
            [first, b'-', last, rest @ ..] => {
                is_member |= (*first.min(last)..=*first.max(last)).contains(&byte);
                rest
            }
            [member, rest @ ..] => {
                is_member |= *member == byte;
                rest
            }
        };
    }
    (is_member != is_negated).then_some(rest.get(1..).unwrap_or_default())
}
