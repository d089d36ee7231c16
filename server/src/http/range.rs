/// What a `Range` header asks of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The file. Also for what RFC 9110 §14.2 lets a server ignore: other units, bad syntax and several ranges.
    Whole,
    /// A non-empty part.
    Part { first: u64, length: u64 },
    /// A range that begins behind the end: 416.
    Unsatisfiable,
}

/// Reads a `Range` header against a file of `file_length` bytes.
pub fn parse(header: &str, file_length: u64) -> Wanted {
    let Some((unit, spec)) = header.split_once('=') else {
        return Wanted::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    match (digits(first), digits(last)) {
        (Digits::None, Digits::Number(suffix)) => {
            let length = suffix.min(file_length);
            part(file_length - length, file_length, file_length)
        }
        (Digits::Number(first), Digits::None) => part(first, file_length, file_length),
        (Digits::Number(first), Digits::Number(last)) if first <= last => {
            part(first, last.saturating_add(1), file_length)
        }
        (Digits::Number(_), Digits::Number(_))
        | (Digits::None, Digits::None)
        | (Digits::Other, _)
        | (_, Digits::Other) => Wanted::Whole,
    }
}

fn part(first: u64, end: u64, file_length: u64) -> Wanted {
    match end.min(file_length).checked_sub(first) {
        None | Some(0) => Wanted::Unsatisfiable,
        Some(length) => Wanted::Part { first, length },
    }
}

enum Digits {
    None,
    Number(u64),
    Other,
}

fn digits(text: &str) -> Digits {
    if text.is_empty() {
        return Digits::None;
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Digits::Other;
    }
    // A number that does not fit is behind the end of every file.
    Digits::Number(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Wanted, parse};

    #[test]
    fn ranges_of_a_file_of_ten_bytes() {
        let part = |first, length| Wanted::Part { first, length };
        for (header, wanted) in [
            ("bytes=0-", part(0, 10)),
            ("bytes=0-0", part(0, 1)),
            ("bytes=3-5", part(3, 3)),
            ("Bytes=9-", part(9, 1)),
            ("bytes=2-9999999999999999999999", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=18446744073709551615-18446744073709551615", Wanted::Unsatisfiable),
            ("bytes=5-3", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("", Wanted::Whole),
            ("pages=1-2", Wanted::Whole),
        ] {
            assert_eq!(parse(header, 10), wanted, "{header}");
        }
    }

    #[test]
    fn an_empty_file_has_no_part() {
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(parse(header, 0), Wanted::Unsatisfiable, "{header}");
        }
    }
}
