//! Numbers with a fraction, as text.

/// Parses a number. `None` if it is none, or too large or too small.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let number = parse_any(text)?;
    let (digits, exponent) = match hexadecimal_digits(text) {
        Some(digits) => (digits, b'p'),
        None => (text, b'e'),
    };
    let mut digits = digits.iter().take_while(|byte| byte.to_ascii_lowercase() != exponent);
    let is_lost = match number {
        0.0 => digits.any(|digit| digit.is_ascii_hexdigit() && *digit != b'0'),
        _ => number.is_infinite() && !text.to_ascii_lowercase().windows(3).any(|word| word == b"inf"),
    };
    (!is_lost).then_some(number)
}

/// Parses a number. One that is too large is infinite, and one that is too small is 0.
pub(crate) fn parse_any(text: &[u8]) -> Option<f64> {
    let number = match hexadecimal_digits(text) {
        Some(digits) if text.starts_with(b"-") => -parse_hexadecimal(digits)?,
        Some(digits) => parse_hexadecimal(digits)?,
        None => std::str::from_utf8(text).ok()?.parse().ok()?,
    };
    Some(number).filter(|number| !number.is_nan())
}

/// Parses a number to add. One that is too small is 0, since it adds nothing.
pub(crate) fn parse_term(text: &[u8]) -> Option<f64> {
    parse_any(text).filter(|number| number.is_finite() || parse(text).is_some())
}

/// What follows `0x`. C reads such numbers too, so Redis does.
fn hexadecimal_digits(text: &[u8]) -> Option<&[u8]> {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    digits.strip_prefix(b"0x").or(digits.strip_prefix(b"0X"))
}

/// Digits to the base of 16, and an exponent of 2: `1.8p3` is 12.
fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, exponent) = text.split_once(['p', 'P']).unwrap_or((text, "0"));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + rest.len() == 0 {
        return None;
    }
    let mut exponent = exponent.parse::<i64>().ok()?.clamp(-FAR, FAR) - 4 * rest.len() as i64;
    let mut number: u64 = 0;
    for digit in whole.chars().chain(rest.chars()) {
        let digit = u64::from(digit.to_digit(16)?);
        if number >> 59 == 0 {
            number = number << 4 | digit;
        } else {
            // What does not fit only matters for rounding.
            number |= u64::from(digit > 0);
            exponent += 4;
        }
    }
    // Two steps, because the power alone may be too small for a number that is not.
    let exponent = exponent.clamp(-FAR, FAR) as i32;
    Some(number as f64 * 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2))
}

/// An exponent of 2 beyond those of any number.
const FAR: i64 = 2000;

/// With 17 significant digits, as `%.17g` in C.
pub(crate) fn text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:.16e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    match usize::try_from(16 - exponent) {
        Ok(decimals @ 0..=20) => trimmed(format!("{number:.decimals$}")),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trimmed(digits.to_owned()), exponent.abs())
        }
    }
}

/// The sum of two numbers, as text. Exact if both have 17 decimals at most, and 19 digits before them. Redis has the 64 bits of
/// an x87 register instead, so its last digits may differ. `None` if one is no number.
pub(crate) fn sum(one: &[u8], other: &[u8]) -> Option<Result<String, NotFinite>> {
    let (a, b) = (parse_term(one)?, parse_term(other)?);
    if let (Some(a), Some(b)) = (decimal(one), decimal(other)) {
        let sum = a + b;
        let (whole, rest) = (sum.unsigned_abs() / UNIT, sum.unsigned_abs() % UNIT);
        let sign = if sum < 0 { "-" } else { "" };
        return Some(Ok(trimmed(format!("{sign}{whole}.{rest:017}"))));
    }
    Some(if (a + b).is_finite() { Ok(trimmed(format!("{:.17}", a + b))) } else { Err(NotFinite) })
}

/// A sum is infinite, or no number.
pub(crate) struct NotFinite;

const UNIT: u128 = 10_u128.pow(17);

/// A number in units of the 17th decimal.
fn decimal(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_short = whole.len() <= 19 && rest.len() <= 17;
    let digits = format!("{whole}{rest:0<17}");
    if is_short && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        Some(sign * digits.parse::<i128>().ok()?)
    } else {
        None
    }
}

/// Without zeros at the end of the decimals.
fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
