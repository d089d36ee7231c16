//! Time as a value: whole seconds since 1970, written as `YYYY-MM-DDTHH:MM:SSZ`.

use core::fmt;

const DAY_SECONDS: u64 = 86_400;
const LAST_SECOND: u64 = 253_402_300_799;
/// How a time is written: `0` is any digit.
const FORM: [u8; 20] = *b"0000-00-00T00:00:00Z";
/// What [`first_day`] says of January 1970.
const FIRST_DAY_1970: u32 = 719_468;

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
        let mut numbers = [0_u32; 6];
        let mut places = numbers.iter_mut();
        let mut number = places.next()?;
        if text.len() != FORM.len() {
            return None;
        }
        for (form, byte) in FORM.iter().zip(text.bytes()) {
            if *form == b'0' {
                let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
                // Invariant: a number has four digits at most.
                *number = number.wrapping_mul(10).wrapping_add(digit.into());
            } else if *form != byte {
                return None;
            } else if byte != b'Z' {
                number = places.next()?;
            }
        }
        let [year, month, day, hour, minute, second] = numbers;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if year < 1970 || !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
            return None;
        }
        // Invariant: up to the year 9999 nothing of this overflows. A check of a product takes a small part more than the product.
        let minutes = hour.wrapping_mul(60).wrapping_add(minute);
        let seconds = minutes.wrapping_mul(60).wrapping_add(second);
        let days = first_day(year, month).wrapping_add(day).wrapping_sub(FIRST_DAY_1970);
        let before = u64::from(days.wrapping_sub(1)).wrapping_mul(DAY_SECONDS);
        Some(Self(before.wrapping_add(seconds.into())))
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

/// The number of the first day of a month, counted from some day long ago; the month behind December is the next January. A year is
/// counted from March on here, so that the day that only some years have is its last one.
#[inline(never)]
fn first_day(year: u32, month: u32) -> u32 {
    // Invariant: a year has four digits, and is not the year 0.
    let (year, month) = if month > 2 {
        (year, month.wrapping_sub(3))
    } else {
        (year.wrapping_sub(1), month.wrapping_add(9))
    };
    let leap_days = (year / 4).wrapping_sub(year / 100).wrapping_add(year / 400);
    // From March on five months have 153 days, over and over.
    let months = month.wrapping_mul(153).wrapping_add(2) / 5;
    year.wrapping_mul(365).wrapping_add(leap_days).wrapping_add(months)
}

fn year_days(year: u32) -> u32 {
    first_day(year, 13).wrapping_sub(first_day(year, 1))
}

fn month_days(year: u32, month: u32) -> u32 {
    first_day(year, month.wrapping_add(1)).wrapping_sub(first_day(year, month))
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

    /// Counted day by day, with the lengths of the months and the rule of leap years.
    #[test]
    fn every_day_is_one_after_the_day_before() {
        let mut day = 0;
        for year in 1970..=2400 {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if is_leap { 29 } else { 28 };
            for (month, days) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
                for date in 1..=days {
                    let text = std::format!("{year:04}-{month:02}-{date:02}T00:00:00Z");
                    let time = UnixSeconds::new(day * DAY_SECONDS);
                    assert_eq!(UnixSeconds::parse(&text), Some(time), "{text}");
                    assert_eq!(time.to_string(), text);
                    day += 1;
                }
                let behind = std::format!("{year:04}-{month:02}-{:02}T00:00:00Z", days + 1);
                assert_eq!(UnixSeconds::parse(&behind), None, "{behind}");
            }
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
