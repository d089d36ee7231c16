//! UTC times as metadata spells them, written independently of the product.

/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// `YYYY-MM-DDTHH:MM:SSZ` of a count of seconds since 1970.
#[must_use]
pub fn utc(seconds: u64) -> String {
    let (day, second) = (seconds / DAY_S, seconds % DAY_S);
    let (year, month, day_of_month) = civil(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Counts years and months off; slow, and easy to see to be right.
fn civil(mut day: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    loop {
        let days = if is_leap(year) { 366 } else { 365 };
        if day < days {
            break;
        }
        day -= days;
        year += 1;
    }
    for (month, days) in (1..).zip(month_lengths(year)) {
        if day < days {
            return (year, month, day + 1);
        }
        day -= days;
    }
    unreachable!("the months of a year have all its days");
}

fn month_lengths(year: u64) -> [u64; 12] {
    let february = if is_leap(year) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(utc(4_102_444_799), "2099-12-31T23:59:59Z");
    }
}
