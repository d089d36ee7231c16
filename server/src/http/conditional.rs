use hyper::{
    HeaderMap,
    header::{self, HeaderName},
};

/// What the conditions of a request make of a file that exists (RFC 9110 §13.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Send it; whether the range counts is answered by [`range_counts`].
    Send,
    /// The client has it: 304.
    Unchanged,
    /// `If-Match` names other content: 412.
    Failed,
}

/// Evaluates `If-Match` and `If-None-Match` against the strong entity tag of the file. Dates are not looked at: no answer
/// carries one.
pub fn evaluate(headers: &HeaderMap, etag: &str) -> Outcome {
    if headers.contains_key(header::IF_MATCH) && !listed(headers, &header::IF_MATCH, etag, false) {
        return Outcome::Failed;
    }
    if listed(headers, &header::IF_NONE_MATCH, etag, true) {
        return Outcome::Unchanged;
    }
    Outcome::Send
}

/// §13.1.5: with `If-Range`, a range counts only when the tag is exactly this file's. A date there never is.
pub fn range_counts(headers: &HeaderMap, etag: &str) -> bool {
    let mut tags = headers.get_all(header::IF_RANGE).iter();
    match (tags.next(), tags.next()) {
        (None, _) => true,
        (Some(tag), None) => tag.as_bytes().trim_ascii() == etag.as_bytes(),
        (Some(_), Some(_)) => false,
    }
}

/// Whether a list header holds `*` or the tag. The weak comparison is allowed only where a stale answer harms nobody.
fn listed(headers: &HeaderMap, name: &HeaderName, etag: &str, weak_allowed: bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        // None of our tags holds a comma, so a tag that does is torn apart here and equals none.
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| {
            let bare = if weak_allowed {
                tag.strip_prefix("W/").unwrap_or(tag)
            } else {
                tag
            };
            tag == "*" || bare == etag
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn none_match_means_unchanged() {
        for value in ["\"a\"", "W/\"a\"", "*", "\"x\", \"a\"", "\"x\",W/\"a\""] {
            let map = headers(&[(header::IF_NONE_MATCH, value)]);
            assert_eq!(evaluate(&map, "\"a\""), Outcome::Unchanged, "{value}");
        }
        for value in ["\"b\"", "a", "", "\"ab\"", "w/\"a\""] {
            let map = headers(&[(header::IF_NONE_MATCH, value)]);
            assert_eq!(evaluate(&map, "\"a\""), Outcome::Send, "{value}");
        }
        let twice = headers(&[(header::IF_NONE_MATCH, "\"x\""), (header::IF_NONE_MATCH, "\"a\"")]);
        assert_eq!(evaluate(&twice, "\"a\""), Outcome::Unchanged);
    }

    #[test]
    fn match_is_strong_and_goes_first() {
        let map = headers(&[(header::IF_MATCH, "W/\"a\"")]);
        assert_eq!(evaluate(&map, "\"a\""), Outcome::Failed);
        let map = headers(&[(header::IF_MATCH, "\"b\""), (header::IF_NONE_MATCH, "\"a\"")]);
        assert_eq!(evaluate(&map, "\"a\""), Outcome::Failed);
        let map = headers(&[(header::IF_MATCH, "\"a\"")]);
        assert_eq!(evaluate(&map, "\"a\""), Outcome::Send);
    }

    #[test]
    fn if_range_needs_the_very_tag() {
        assert!(range_counts(&HeaderMap::new(), "\"a\""));
        assert!(range_counts(&headers(&[(header::IF_RANGE, "\"a\"")]), "\"a\""));
        for value in ["W/\"a\"", "\"b\"", "*", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert!(
                !range_counts(&headers(&[(header::IF_RANGE, value)]), "\"a\""),
                "{value}"
            );
        }
    }
}
