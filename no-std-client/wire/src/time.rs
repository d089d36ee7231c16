//! Time as a value: whole seconds since 1970, written as `YYYY-MM-DDTHH:MM:SSZ`.

use core::fmt;

const DAY_SECONDS: u64 = 86_400;
const LAST_SECOND: u64 = 253_402_300_799;

/// Seconds since 1970-01-01T00:00:00Z, never later than the last second of the year 9999.
///
/// No core reads a clock: a time is handed in by the shell, or read from a signed file.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// 1970-01-01T00:00:00Z; also what "unknown" reads as, because it is earlier than every signed time.
    pub const ZERO: Self = Self(0);
    /// 9999-12-31T23:59:59Z, the last second that has a written form.
    pub const MAX: Self = Self(LAST_SECOND);

    /// The given second; one after [`Self::MAX`] becomes [`Self::MAX`].
    pub const fn new(seconds: u64) -> Self {
        if seconds > LAST_SECOND {
            Self::MAX
        } else {
            Self(seconds)
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// This time plus `seconds`, at most [`Self::MAX`].
    pub const fn saturating_add(self, seconds: u64) -> Self {
        Self::new(self.0.saturating_add(seconds))
    }

    /// This time minus `seconds`, at least [`Self::ZERO`].
    pub const fn saturating_sub(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// This time plus `days` of 86,400 seconds, at most [`Self::MAX`].
    pub const fn saturating_add_days(self, days: u32) -> Self {
        // `u64::from` is not const yet; widening by hand keeps this function const and free of `as`.
        let [a, b, c, d] = days.to_be_bytes();
        let days = u64::from_be_bytes([0, 0, 0, 0, a, b, c, d]);
        self.saturating_add(days.saturating_mul(DAY_SECONDS))
    }

    /// Seconds from `earlier` to this time, zero if `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads exactly `YYYY-MM-DDTHH:MM:SSZ`: no fraction, no offset, no leap second, only dates that exist.
    pub fn parse(text: &str) -> Option<Self> {
        let [
            y0,
            y1,
            y2,
            y3,
            b'-',
            m0,
            m1,
            b'-',
            d0,
            d1,
            b'T',
            h0,
            h1,
            b':',
            n0,
            n1,
            b':',
            s0,
            s1,
            b'Z',
        ] = *text.as_bytes()
        else {
            return None;
        };
        let year = decimal(&[y0, y1, y2, y3])?;
        let month = decimal(&[m0, m1])?;
        let day = decimal(&[d0, d1])?;
        let (hour, minute, second) = (decimal(&[h0, h1])?, decimal(&[n0, n1])?, decimal(&[s0, s1])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Days and seconds of a day fit 32 bits: a small part has neither a product nor a quotient of 64.
        let second = hour
            .checked_mul(3600)?
            .checked_add(minute.checked_mul(60)?)?
            .checked_add(second)?;
        let days = u64::from(days_before(year, month, day)?);
        days.checked_mul(DAY_SECONDS)?.checked_add(u64::from(second)).map(Self)
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Invariant: up to the year 9999 the days fit 32 bits.
        let mut days = u32::try_from(self.0.div_euclid(DAY_SECONDS)).unwrap_or(u32::MAX);
        let second = self.0.rem_euclid(DAY_SECONDS);
        let mut year = 1970;
        while days >= year_days(year) {
            days = days.saturating_sub(year_days(year));
            year = year.saturating_add(1);
        }
        let mut month = 1;
        while days >= month_days(year, month) {
            days = days.saturating_sub(month_days(year, month));
            month = month.saturating_add(1);
        }
        let day = days.saturating_add(1);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Days from 1970-01-01 to a date that exists.
fn days_before(year: u32, month: u32, day: u32) -> Option<u32> {
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    let mut days = leap_years_until(year.checked_sub(1)?).checked_sub(leap_years_until(1969))?;
    days = days.checked_add(year.checked_sub(1970)?.checked_mul(365)?)?;
    for earlier in 1..month {
        days = days.checked_add(month_days(year, earlier))?;
    }
    days.checked_add(day.checked_sub(1)?)
}

/// Leap years from year 1 up to and including `year`.
fn leap_years_until(year: u32) -> u32 {
    (year / 4).saturating_sub(year / 100).saturating_add(year / 400)
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_days(year: u32) -> u32 {
    if is_leap(year) { 366 } else { 365 }
}

fn month_days(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn decimal(digits: &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value = value.checked_mul(10)?.checked_add(u32::from(digit))?;
    }
    Some(value)
}

#[cfg(feature = "emit")]
mod serde_form {
    use super::UnixSeconds;
    use alloc::string::String;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    impl Serialize for UnixSeconds {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> Deserialize<'de> for UnixSeconds {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).ok_or_else(|| D::Error::custom("expected a time like 2026-01-31T00:00:00Z"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn known_times() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-11-22T03:30:45Z", 1_795_318_245),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", LAST_SECOND),
        ] {
            assert_eq!(UnixSeconds::parse(text), Some(UnixSeconds(seconds)), "{text}");
            assert_eq!(UnixSeconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn days_of_every_year_round_trip() {
        // 149 is coprime to 365 and 366, so the samples wander through all dates and cover every year twice.
        for day in 0..(LAST_SECOND / DAY_SECONDS / 149) {
            let time = UnixSeconds::new(day * 149 * DAY_SECONDS + day % DAY_SECONDS);
            assert_eq!(UnixSeconds::parse(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn refusals() {
        for text in [
            "1969-12-31T23:59:59Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.0Z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01 00:00:00Z",
            "+026-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(UnixSeconds::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(UnixSeconds::new(u64::MAX), UnixSeconds::MAX);
        assert_eq!(UnixSeconds::MAX.saturating_add_days(u32::MAX), UnixSeconds::MAX);
        assert_eq!(UnixSeconds::new(5).saturating_sub(6), UnixSeconds::ZERO);
        assert_eq!(
            UnixSeconds::new(86_405).seconds_since(UnixSeconds::new(5).saturating_add_days(1)),
            0
        );
    }
}
