//! Dates in HTTP: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).

use std::fmt;
use std::time::{Duration, SystemTime};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 24 * 60 * 60;

/// A time in whole seconds, which prints as an HTTP date. Times before 1970 become 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HttpDate(u64);

impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since: Duration| since.as_secs()))
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        let (year, month, day) = date_of(days);
        let (weekday, month) = (DAYS[(days % 7) as usize], MONTHS[month as usize - 1]);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

impl HttpDate {
    /// Parses a date. `None` if it is malformed, or in one of the two obsolete formats: clients have not sent those since 1999.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.strip_suffix(" GMT")?.get(5..)?.split([' ', ':']).collect();
        let [day, month, year, hour, minute, second] = words[..] else { return None };
        let number = |word: &str, most: u64| word.parse::<u64>().ok().filter(|number| *number <= most);
        let (day, year) = (number(day, 31)?, number(year, 9999)?);
        let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
        let (hour, minute, second) = (number(hour, 23)?, number(minute, 59)?, number(second, 60)?);
        let days = days_to(year.max(1970), month, day.max(1));
        Some(Self(days * DAY + hour * 3600 + minute * 60 + second))
    }
}

/// The year, month and day that is this many days after 1970-01-01. Years begin in March here, so that a leap day is the last
/// day of its year.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, after) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + after, month, day)
}

/// The number of days from 1970-01-01 to a date.
fn days_to(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year / 400, year % 400);
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}
