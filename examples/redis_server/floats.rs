//! Numbers with a fraction, as text.

/// Parses a number. `None` if it is none, or too large or too small.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text.parse().ok().filter(|number: &f64| !number.is_nan())?;
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    let is_lost = match number {
        0.0 => digits.contains(|digit: char| matches!(digit, '1'..='9')),
        _ => number.is_infinite() && digits.contains(|digit: char| digit.is_ascii_digit()),
    };
    (!is_lost).then_some(number)
}

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
    let (a, b) = (parse(one)?, parse(other)?);
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
