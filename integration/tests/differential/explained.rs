//! Why two clients may differ: every difference is one of these, or a bug.
//!
//! - A client is held against python-tuf, the reference. An entry says who departs from whom, how, and why that is as it
//!   should be or not ours to change.
//! - An entry goes by the words of the refusal, by the files themselves, or by what was done to them; the first one that
//!   holds is the reason.
//! - An entry that nothing has used for long goes; `docs/differential.md` has the counts of the last long run.

use crate::case::{Case, Verdict, role_of};
use serde_json::Value;
use tuffet_integration::simulator::keys::sha256;

/// A difference between a client and python-tuf, the reference.
pub struct Difference<'a> {
    /// In which case.
    pub case: &'a Case,
    /// In which of its states.
    pub state: usize,
    /// About which name.
    pub name: &'a str,
    /// Who differs.
    pub client: &'a str,
    /// What the client says.
    pub verdict: &'a Verdict,
    /// What python-tuf says.
    pub reference: &'a Verdict,
    /// The roles whose files python-tuf trusts.
    pub roles: &'a [String],
    /// Whether both refused an earlier state, at different files.
    pub parted_before: bool,
}

/// A reason for some differences.
pub struct Explanation {
    /// What it is called: by whom it departs from the others.
    pub name: &'static str,
    /// How and why.
    pub why: &'static str,
    /// Whether it is the reason for this one.
    pub holds: fn(&Difference<'_>) -> bool,
}

/// All reasons, the more special ones first.
pub const EXPLANATIONS: &[Explanation] = &[
    // Between python-tuf and both others.
    Explanation {
        name: "python_tuf_takes_the_last_of_repeated_keys",
        why: "A JSON object that holds a key twice is refused by us, and by tough for the fields that it knows.",
        holds: |d| d.verdict.is_refusal() && d.was("key_repeated", d.verdict.role()),
    },
    Explanation {
        name: "python_tuf_refuses_a_key_id_listed_twice",
        why: "We and tough count a key once, however often a role lists it, so it is no harm.",
        holds: |d| d.python_says("Nonunique keyids"),
    },
    Explanation {
        name: "lenient_takes_an_empty_set_of_hashes",
        why: "A listing whose `hashes` are an empty object lists none, and hashes are optional; python-tuf wants the field \
              away then.",
        holds: |d| d.client == "lenient" && d.python_says("Hashes must be a non empty dictionary"),
    },
    Explanation {
        name: "python_tuf_checks_sha512_too",
        why: "A pin with a right sha256 and a wrong sha512: our strict reading and tough go by sha256 and skip the other.",
        holds: |d| d.python_says("LengthOrHashMismatchError") && d.was_done("_pin: ", "kind 9"),
    },
    Explanation {
        name: "python_tuf_takes_any_key_id",
        why: "tough wants the hash of the key, and hexadecimal digits; we want 64 lowercase digits.",
        holds: |d| {
            let why = d.verdict.why();
            let is_strict = d.is_ours() && (why.contains("what: NotHex") || why.contains("what: KeyId"));
            let words = ["Invalid key ID", "Duplicate key ID", "Invalid hex string"];
            let changes = [
                ("key_id_not_its_hash", ""),
                ("key_under_two_ids", ""),
                ("unknown_field", "/keys/"),
                ("kind: ", "/keyids"),
            ];
            (is_strict || d.tough_says(&words)) && changes.iter().any(|(change, words)| d.was_done(change, words))
        },
    },
    Explanation {
        name: "python_tuf_looks_at_few_kinds",
        why: "A value of another kind passes where Python can make sense of it: true for 1, null for nothing, a text for \
              a list.",
        holds: |d| {
            let words = ["what: WrongKind", "invalid type: "];
            let is_kind = words.iter().any(|words| d.verdict.why().contains(words));
            is_kind && (d.was_done("field_of_another_kind", "") || d.was_done("target_entry", "kind 7"))
        },
    },
    Explanation {
        name: "python_tuf_verifies_a_role_for_one_delegator",
        why: "A role that one delegation has led to in this update is trusted for all others, whatever keys and threshold \
              they name; we and tough hold it against the delegation at hand.",
        holds: |d| {
            let words = ["TooFewSignatures", "Signature threshold"];
            let is_unsigned = words.iter().any(|words| d.verdict.why().contains(words));
            let delegations = d.delegations();
            let same = |role: &&Value| {
                role["name"]
                    .as_str()
                    .is_some_and(|name| encoded(name) == d.verdict.role())
            };
            is_unsigned && d.python_trusts(d.verdict.role()) && delegations.iter().filter(same).count() > 1
        },
    },
    Explanation {
        name: "python_tuf_keeps_a_snapshot_without_targets",
        why: "It stores a snapshot before it looks for targets in it, and holds the next one against it.",
        holds: |d| d.python_says("is missing info for") && d.was_done("snapshot_entry_gone", "targets.json"),
    },
    Explanation {
        name: "python_tuf_keeps_a_snapshot_of_the_pinned_version",
        why: "If the version fits, it does not hold the snapshot that it keeps against the digest in the new timestamp.",
        holds: |d| d.another_snapshot_of_this_version_was_served(),
    },
    Explanation {
        name: "python_tuf_remembers_beyond_a_rotation",
        why: "When a root replaces the keys of timestamp or snapshot, what they signed is to be forgotten (5.3.11); \
              python-tuf keeps what the new keys still verify.",
        holds: |d| {
            let words = ["BadVersionNumberError", "is missing info for"];
            let is_late = d.python_says_any(&words) || d.timestamp_has_an_old_version();
            is_late && d.online_keys_change()
        },
    },
    Explanation {
        name: "python_tuf_takes_signatures_of_weak_keys",
        why: "tough does not count them, and we refuse the key.",
        holds: |d| d.tough_says(&["Signature threshold"]) && d.was_done("weak_key", ""),
    },
    // Ours.
    Explanation {
        name: "strict_reads_one_spelling",
        why: "The strict reading refuses every spelling but the canonical one.",
        holds: |d| d.client == "strict" && d.verdict.why().contains("what: Spelling("),
    },
    Explanation {
        name: "lenient_reads_numbers_to_the_53rd_bit",
        why: "Larger ones are read differently by different readers of JSON, so a file that holds one is refused.",
        holds: |d| d.client == "lenient" && d.verdict.why().contains("what: Spelling(IntegerTooLarge)"),
    },
    Explanation {
        name: "ours_wants_length_and_sha256_in_every_pin",
        why: "They are optional in the specification; a small device needs them before it reads a byte.",
        holds: |d| {
            let is_pin = ["role: Timestamp", "role: Snapshot"]
                .iter()
                .any(|role| d.verdict.why().contains(role));
            d.is_ours() && is_pin && d.verdict.why().contains("what: Missing")
        },
    },
    Explanation {
        name: "ours_refuses_weak_keys",
        why: "A key for which anybody can sign, or that is no key at all, makes the others refuse its signatures only.",
        holds: |d| {
            let is_none = d.verdict.why().contains("what: NotHex") && d.was_done("key_of_another_kind", "");
            d.is_ours() && (is_none || d.verdict.why().starts_with("WeakKey"))
        },
    },
    Explanation {
        name: "ours_wants_lowercase_signatures",
        why: "A signature in other digits than lowercase hexadecimal ones does not count; elsewhere it does.",
        holds: |d| d.is_ours() && d.verdict.why().starts_with("TooFewSignatures") && d.has_uppercase_signature(),
    },
    Explanation {
        name: "ours_counts_keys_and_not_ids",
        why: "One key under two ids counts once for us; for python-tuf, twice.",
        holds: |d| {
            d.is_ours() && d.verdict.why().starts_with("TooFewSignatures") && d.was_done("key_under_two_ids", "")
        },
    },
    Explanation {
        name: "ours_reads_only_what_it_needs",
        why: "Entries of other names, and keys and delegations that the search does not need, are skipped, not judged.",
        holds: |d| {
            let needless = [
                "AttributeError",
                "Hashes must be",
                "KeyError",
                "One of roles and succinct_roles must be set",
                "TypeError",
                "Unsupported public key",
                "public key string required",
            ];
            let is_targets = !["root", "timestamp", "snapshot"].contains(&d.reference.role());
            let is_unread = d.python_says("DeserializationError") && d.python_says_any(&needless);
            d.is_ours() && is_targets && is_unread && !d.verdict.is_refusal()
        },
    },
    Explanation {
        name: "ours_skips_keys_of_other_kinds",
        why: "Nobody can sign with them here; the others refuse the whole file.",
        holds: |d| d.is_ours() && !d.verdict.is_refusal() && d.python_says("Unsupported public key"),
    },
    Explanation {
        name: "ours_skips_other_roles_of_a_root",
        why: "A root may have roles of the repository's own; python-tuf wants them to look like the four.",
        holds: |d| d.is_ours() && d.reference.role() == "root" && d.was_done("unknown_field: root", "/roles"),
    },
    Explanation {
        name: "ours_skips_signatures_that_are_none",
        why: "An entry of `signatures` without `sig` does not count; the others refuse the whole file.",
        holds: |d| d.is_ours() && !d.verdict.is_refusal() && d.python_says("KeyError: 'sig'"),
    },
    Explanation {
        name: "ours_takes_every_edition_1",
        why: "We look for a spec_version that begins with `1.`; python-tuf wants two or three numbers.",
        holds: |d| d.is_ours() && !d.verdict.is_refusal() && d.python_says("Failed to parse spec_version 1."),
    },
    Explanation {
        name: "ours_skips_other_entries_of_a_timestamp",
        why: "A timestamp lists the snapshot; whatever else it lists means nothing to us. tough refuses it, and python-tuf \
              loses it on the way to the signature.",
        holds: |d| d.is_ours() && d.python_says("timestamp was signed by") && d.was_done("timestamp_meta", ""),
    },
    Explanation {
        name: "ours_wants_a_sha256_of_every_target",
        why: "In 64 lowercase digits; python-tuf takes any text, and any algorithm.",
        holds: |d| {
            let words = ["what: NotHex", "what: Missing"];
            let is_flawed = words.iter().any(|words| d.verdict.why().contains(words));
            d.is_ours() && is_flawed && (d.was_done("target_entry", "kind") || d.was_done("", "/hashes"))
        },
    },
    Explanation {
        name: "ours_has_limits",
        why: "Role names of at most 64 bytes, thresholds below 65,536, and what `LimitExceeded` says.",
        holds: |d| {
            let words = ["what: RoleName", "what: Threshold", "LimitExceeded"];
            d.is_ours() && words.iter().any(|words| d.verdict.why().contains(words))
        },
    },
    Explanation {
        name: "ours_has_no_character_classes",
        why: "`[` in a pattern stands for itself; the others read `[fg]*` as a shell does. Wider rules for who may sign \
              what are not needed on a device.",
        holds: |d| d.is_ours() && d.delegates_by(&['[']),
    },
    // tough.
    Explanation {
        name: "tough_wants_every_listing_delegated",
        why: "One role that lists a name which is not delegated to it makes tough refuse the whole repository.",
        holds: |d| d.tough_says(&["Target file not delegated"]),
    },
    Explanation {
        name: "tough_loads_all_delegated_roles",
        why: "tough loads every delegated role before it searches; one bad role that the search does not visit is enough.",
        holds: |d| {
            // A delegation may lead to the file of a top-level role, too.
            let is_top = d.was_done("role_named_otherwise", "") && d.verdict.why().contains("targets metadata");
            let is_unvisited = d.is_delegated() && !d.python_trusts(d.verdict.role());
            d.is_tough() && d.verdict.is_refusal() && (is_unvisited || is_top)
        },
    },
    Explanation {
        name: "tough_takes_roles_delegated_twice",
        why: "A list of delegations that names a role twice is refused by us and by python-tuf.",
        holds: |d| d.is_tough() && d.python_says("Duplicate role"),
    },
    Explanation {
        name: "tough_takes_any_role_name",
        why: "A delegation to no name, or to the name of a top-level role, is refused by us and by python-tuf.",
        holds: |d| d.is_tough() && d.python_says("use top-level role names"),
    },
    Explanation {
        name: "tough_skips_roles_that_the_snapshot_does_not_list",
        why: "It then says that the name is not found, or found elsewhere; we and python-tuf refuse. It skips the roles \
              that stand behind that one, too.",
        holds: |d| d.is_tough() && !d.verdict.is_refusal() && d.has_unlisted_role(),
    },
    Explanation {
        name: "tough_does_not_look_at_spec_version",
        why: "The others refuse another edition.",
        holds: |d| d.is_tough() && d.python_says("spec_version"),
    },
    Explanation {
        name: "tough_downloads_all_again",
        why: "tough never uses the snapshot and targets that it keeps, so that one that is no longer served stops it.",
        holds: |d| {
            let words = ["'file not found'", "Hash mismatch", "Maximum size"];
            d.tough_says(&words) && !d.reference.is_refusal() && d.state > 0
        },
    },
    Explanation {
        name: "tough_takes_shorter_files_than_pinned",
        why: "The length of a pin is the most that it reads; the digest decides.",
        holds: |d| d.is_tough() && d.python_says("Observed length") && d.was_done("_pin: ", "kind 2"),
    },
    Explanation {
        name: "tough_takes_a_timestamp_of_an_equal_version",
        why: "A timestamp of the version that is kept is nothing new (5.4.3.1); tough uses it.",
        holds: |d| d.is_tough() && d.timestamp_has_an_old_version(),
    },
    Explanation {
        name: "tough_goes_on_behind_a_terminating_delegation_to_a_visited_role",
        why: "A role that was visited is skipped before it is seen that the delegation to it ends the search.",
        holds: |d| {
            let goes_on = *d.reference == Verdict::NotFound && matches!(d.verdict, Verdict::Found { .. });
            d.is_tough() && goes_on && d.has_second_and_terminating_delegation()
        },
    },
    Explanation {
        name: "tough_keeps_hashes_that_it_does_not_know",
        why: "Whatever they are; python-tuf wants texts.",
        holds: |d| d.is_tough() && d.python_says("Hashes items must be strings"),
    },
    Explanation {
        name: "tough_wants_sha256",
        why: "One entry without it makes the whole file unreadable.",
        holds: |d| d.tough_says(&["missing field `sha256`"]),
    },
    Explanation {
        name: "tough_loses_unknown_fields_of_delegations",
        why: "It signs what it has read anew, and so finds no signature right.",
        holds: |d| d.tough_says(&["Signature threshold"]) && d.was_done("unknown_field", "/delegations"),
    },
    Explanation {
        name: "tough_wants_hexadecimal_signatures",
        why: "One that is not makes the whole file unreadable; for the others it does not count.",
        holds: |d| d.tough_says(&["Invalid hex string"]),
    },
    Explanation {
        name: "tough_cannot_tell_the_last_day",
        why: "9999-12-31T23:59:59Z is out of its range.",
        holds: |d| d.tough_says(&["failed to convert civil datetime"]),
    },
    Explanation {
        name: "tough_has_globs_of_its_own",
        why: "In tough's patterns `*` and `?` match `/` too, braces mean something, and a bad pattern stops it.",
        holds: |d| d.tough_says(&["as a glob"]) || d.is_tough() && d.globs_differ(),
    },
    // Histories.
    Explanation {
        name: "parted_at_an_earlier_refusal",
        why: "Both refused an earlier state, for different faults in it, and so kept different files of it.",
        holds: |d| d.parted_before,
    },
];

impl Difference<'_> {
    fn is_ours(&self) -> bool {
        self.client == "strict" || self.client == "lenient"
    }

    fn is_tough(&self) -> bool {
        self.client == "tough"
    }

    fn python_says(&self, words: &str) -> bool {
        self.reference.why().contains(words)
    }

    fn python_says_any(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.python_says(words))
    }

    fn tough_says(&self, words: &[&str]) -> bool {
        self.is_tough() && words.iter().any(|words| self.verdict.why().contains(words))
    }

    /// Whether the client stopped at a delegated role.
    fn is_delegated(&self) -> bool {
        !["root", "timestamp", "snapshot", "targets"].contains(&self.verdict.role())
    }

    fn python_trusts(&self, role: &str) -> bool {
        self.roles.iter().any(|trusted| encoded(trusted) == role)
    }

    /// What was done until now, one thing after the other.
    fn story(&self) -> impl Iterator<Item = &str> {
        let states = self.case.states.iter().take(self.state + 1);
        states.flat_map(|state| state.story.iter().map(String::as_str))
    }

    /// Whether this kind of change was made, with these words in its description.
    fn was_done(&self, change: &str, words: &str) -> bool {
        self.story().any(|line| line.contains(change) && line.contains(words))
    }

    /// Whether this kind of change was made to this role's file.
    fn was(&self, change: &str, role: &str) -> bool {
        self.story().any(|line| {
            let Some((done, rest)) = line.split_once(": ") else {
                return false;
            };
            done == change && encoded(rest.split(',').next().unwrap_or_default()) == role
        })
    }

    /// Whether a signature of the refused file has uppercase digits.
    fn has_uppercase_signature(&self) -> bool {
        let Verdict::Refused { file, .. } = self.verdict else {
            return false;
        };
        let signatures = self
            .parsed(file)
            .and_then(|file| file["signatures"].as_array().cloned());
        let texts = signatures
            .into_iter()
            .flatten()
            .map(|signature| signature["sig"].to_string());
        texts
            .into_iter()
            .any(|text| text.bytes().any(|byte| byte.is_ascii_uppercase()))
    }

    /// The delegations that the files of this state hold.
    fn delegations(&self) -> Vec<Value> {
        let files = self.case.states[self.state].files.values();
        let parsed = files.filter_map(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        parsed
            .filter_map(|file| file.pointer("/signed/delegations/roles")?.as_array().cloned())
            .flatten()
            .collect()
    }

    /// Whether some pattern means something else to tough than to the specification, as far as this name goes.
    fn globs_differ(&self) -> bool {
        (self.name.contains('/') && self.delegates_by(&['*', '?'])) || self.delegates_by(&['[', '{', '\\'])
    }

    /// Whether some pattern holds one of these.
    fn delegates_by(&self, characters: &[char]) -> bool {
        let delegations = self.delegations();
        let patterns = delegations.iter().filter_map(|role| role["paths"].as_array()).flatten();
        let mut patterns = patterns.filter_map(Value::as_str);
        patterns.any(|pattern| pattern.contains(characters))
    }

    /// A file of this state, if it can be read at all.
    fn parsed(&self, file: &str) -> Option<Value> {
        serde_json::from_slice(self.case.states[self.state].files.get(file)?).ok()
    }

    /// Whether an earlier state served another timestamp of the same version.
    fn timestamp_has_an_old_version(&self) -> bool {
        let version = |state: usize| {
            let bytes = self.case.states[state].files.get("timestamp.json")?;
            let file: Value = serde_json::from_slice(bytes).ok()?;
            Some((file["signed"]["version"].as_u64()?, bytes))
        };
        let now = version(self.state);
        let same = |(before, bytes): (u64, _), (now, newest)| before == now && bytes != newest;
        (0..self.state).any(|state| version(state).zip(now).is_some_and(|(before, now)| same(before, now)))
    }

    /// Whether two delegations lead to one role, and one of them ends a search.
    fn has_second_and_terminating_delegation(&self) -> bool {
        let delegations = self.delegations();
        delegations.iter().any(|delegation| {
            let same = delegations.iter().filter(|other| other["name"] == delegation["name"]);
            delegation["terminating"] == true && same.count() > 1
        })
    }

    /// Whether an earlier state served another snapshot of the version that the newest timestamp pins.
    fn another_snapshot_of_this_version_was_served(&self) -> bool {
        let timestamp = self.parsed("timestamp.json");
        let pin = timestamp.and_then(|file| file.pointer("/signed/meta/snapshot.json").cloned());
        let Some(pin) = pin else {
            return false;
        };
        let name = format!("{}.snapshot.json", pin["version"]);
        let is_other = |bytes: &Vec<u8>| pin["hashes"]["sha256"] != sha256(bytes);
        let mut before = self.case.states.iter().take(self.state);
        before.any(|state| state.files.get(&name).is_some_and(is_other))
    }

    /// Whether some delegation leads to a role that the newest snapshot does not list.
    fn has_unlisted_role(&self) -> bool {
        let snapshot = || {
            let timestamp = self.parsed("timestamp.json")?;
            let version = timestamp.pointer("/signed/meta/snapshot.json/version")?.as_u64()?;
            self.parsed(&format!("{version}.snapshot.json"))
        };
        let Some(snapshot) = snapshot() else {
            return false;
        };
        let delegations = self.delegations();
        let mut names = delegations.iter().filter_map(|role| role["name"].as_str());
        names.any(|name| snapshot["signed"]["meta"].get(format!("{name}.json")).is_none())
    }

    /// Whether some root that is new in this state, or in one before it, gives timestamp or snapshot other keys.
    fn online_keys_change(&self) -> bool {
        let keys = |version: u64| {
            let root = self.parsed(&format!("{version}.root.json"))?;
            let of = |role: &str| {
                root.pointer(&format!("/signed/roles/{role}/keyids"))
                    .map(Value::to_string)
            };
            Some((of("timestamp"), of("snapshot")))
        };
        let first = &self.case.states[0].files;
        (1..64).any(|version| {
            let is_new = !first.contains_key(&format!("{}.root.json", version + 1));
            let (before, after) = (keys(version), keys(version + 1));
            is_new && after.is_some() && before.is_some() && before != after
        })
    }
}

/// A role's name as it stands in the name of its file.
fn encoded(role: &str) -> String {
    role_of(&crate::repository::file_name(role, 1)).to_owned()
}
