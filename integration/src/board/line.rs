//! A line of the contract between firmware and host, as `tuffet_board_layout` lists them.

use tuffet_no_std_client::name_of;

/// What the firmware said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub event: String,
    /// Names, and what they are, in order.
    pub fields: Vec<(String, String)>,
}

impl Line {
    /// Reads a line; `None` if it is none of the contract.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim_end().split(' ');
        if words.next()? != "tuffet" {
            return None;
        }
        let event = words.next()?.to_owned();
        let fields = words
            .map(|word| {
                word.split_once('=')
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
            })
            .collect::<Option<_>>()?;
        Some(Self { event, fields })
    }

    /// The line with the name of each error that it says by its number: firmware that has no room for names leaves them to its host.
    #[must_use]
    pub fn named(mut self) -> Self {
        let name = |code: &str| code.parse().map_or("", name_of);
        for (_, fault) in self.fields.iter_mut().filter(|(field, _)| field == "fell_back") {
            if fault.bytes().all(|byte| byte.is_ascii_digit()) {
                *fault = name(fault).to_owned();
            }
        }
        let error = self.field("error");
        if !error.is_empty() && self.field("name").is_empty() {
            let name = name(error).to_owned();
            self.fields.push(("name".to_owned(), name));
        }
        self
    }

    /// What stands under a name; nothing if it does not.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// A number that stands under a name.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        let text = self.field(name);
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number in {self:?}"))
    }

    /// Whether the line begins with these words, `tuffet` left out.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        let text = self.to_string();
        text.strip_prefix("tuffet ")
            .and_then(|text| text.strip_prefix(words))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tuffet {}", self.event)?;
        self.fields
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_read_and_written() {
        let text = "tuffet update outcome=installed version=2.0.0 way=delta";
        let line = Line::parse(text).unwrap();
        assert_eq!((line.event.as_str(), line.field("way")), ("update", "delta"));
        assert_eq!(line.to_string(), text);
        assert!(line.says("update outcome=installed") && !line.says("update outcome=install"));
        assert_eq!(Line::parse("tuffet update outcome"), None);
        assert_eq!(Line::parse("hello"), None);
    }
    #[test]
    fn numbers_of_errors_are_named() {
        for (said, meant) in [
            ("tuffet update error=104", "tuffet update error=104 name=Expired"),
            (
                "tuffet update error=104 name=Expired",
                "tuffet update error=104 name=Expired",
            ),
            (
                "tuffet update outcome=installed way=whole fell_back=306",
                "tuffet update outcome=installed way=whole fell_back=PatchRefused",
            ),
            (
                "tuffet update outcome=refused name=FailedBefore",
                "tuffet update outcome=refused name=FailedBefore",
            ),
        ] {
            assert_eq!(Line::parse(said).unwrap().named().to_string(), meant);
        }
    }
}
