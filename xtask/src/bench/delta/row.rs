//! What was measured of one pair.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tuffet_server::{
    delta::{Effort, Profile},
    release::packed_bytes,
};

use super::job::{Files, Outcome, in_json};
use super::pairs::Pair;
use super::peers::{self, Decoder, Peer};
use super::ratios::Ratios;
use super::tools::Tools;
use super::{job, ours};
use crate::bench::measure::{Cost, Gauge};
use crate::bench::read;
use crate::failure::{Blame, Failure};

/// What measures, and where.
#[derive(Debug)]
pub struct Bench {
    /// Measures, with the program that is measured.
    pub gauge: Gauge,
    /// Those of the peers, if there are to be any.
    pub tools: Option<Tools>,
    /// For patches and images that come out.
    pub folder: PathBuf,
}

/// Peak memory of processes that do nothing: less cannot be seen.
#[derive(Debug)]
pub struct Floors {
    /// A program.
    pub program_bytes: u64,
    /// The script of the peers: interpreter and imports.
    pub script_bytes: Option<u64>,
}

/// One pair.
#[derive(Debug)]
pub struct Row {
    pub pair: Pair,
    /// The full image, as a release packs it.
    pub full: u64,
    /// By the default setting.
    pub patches: [(Profile, Outcome); 3],
    /// By the setting that releases are built with.
    pub searched: [(Profile, Outcome); 3],
    /// The full image for a device without zstd: a patch from nothing, by the default setting.
    pub nothing: [(Profile, Outcome); 3],
    pub peers: Vec<(&'static Peer, Outcome)>,
    pub image_peers: Vec<(&'static Peer, Outcome)>,
}

impl Bench {
    /// Measures what does nothing.
    pub fn floors(&self) -> Result<Floors, Failure> {
        let peak = |command: &[_]| {
            let ended = self.gauge.run(command, std::time::Duration::from_secs(60))?;
            Ok::<_, Failure>(ended.cost.peak_memory_bytes)
        };
        Ok(Floors {
            program_bytes: peak(&["true".into()])?,
            script_bytes: self
                .tools
                .as_ref()
                .map(|tools| peak(&tools.script(&["nothing"])))
                .transpose()?,
        })
    }

    fn files(&self, old: &Path, new: &Path) -> Files {
        Files {
            old: old.to_owned(),
            new: new.to_owned(),
            patch: self.folder.join("patch"),
            out: self.folder.join("out"),
        }
    }
}

impl Row {
    /// Measures everything, one after the other.
    pub fn measure(pair: Pair, bench: &Bench) -> Result<Self, Failure> {
        let not_packed = |error| Failure::new(Blame::Storage, format!("{} was not packed: {error}", pair.name));
        let full = packed_bytes(&read(&pair.new)?).map_err(not_packed)?;
        let (files, from_nothing) = (
            bench.files(&pair.old, &pair.new),
            bench.files(Path::new("/dev/null"), &pair.new),
        );
        let of_ours = |files: &Files, effort: Effort, bytes| {
            let measured = [Profile::Small, Profile::Standard, Profile::Large].map(|profile| {
                let outcome = ours::measure(&bench.gauge, files, (profile, effort), bytes)?;
                let from = if files.old == pair.old { "" } else { " from nothing" };
                tell(&pair.name, &format!("{}{from}", named(profile, effort)), &outcome);
                Ok::<_, Failure>((profile, outcome))
            });
            let [small, standard, large] = measured;
            Ok::<_, Failure>([small?, standard?, large?])
        };
        let patches = of_ours(&files, Effort::Quick, pair.bytes())?;
        let searched = of_ours(&files, Effort::Search, pair.bytes())?;
        let nothing = of_ours(&from_nothing, Effort::Quick, pair.new_bytes)?;

        let found = patches
            .iter()
            .find_map(|(_, outcome)| outcome.as_ref().ok()?.architecture.as_deref());
        let format = peers::format(pair.architecture(), found);
        let of_peers = |peers: &'static [Peer]| {
            let Some(tools) = &bench.tools else {
                return Ok(Vec::new());
            };
            let measured = peers.iter().map(|peer| {
                let outcome = peer.measure((&bench.gauge, tools), &files, pair.bytes(), format)?;
                tell(&pair.name, peer.name, &outcome);
                Ok((peer, outcome))
            });
            measured.collect::<Result<Vec<_>, Failure>>()
        };
        Ok(Self {
            full,
            patches,
            searched,
            nothing,
            peers: of_peers(peers::PATCHES)?,
            image_peers: of_peers(peers::IMAGES)?,
            pair,
        })
    }

    /// Our patches by a setting, with what became of each.
    pub fn outcomes(&self, effort: Effort) -> &[(Profile, Outcome); 3] {
        match effort {
            Effort::Quick => &self.patches,
            Effort::Search => &self.searched,
        }
    }

    /// Our patches: small, standard, large.
    pub fn ours(&self, effort: Effort) -> [Option<&job::Done>; 3] {
        self.outcomes(effort)
            .each_ref()
            .map(|(_, outcome)| outcome.as_ref().ok())
    }

    /// Our patches from nothing: small, standard, large.
    pub fn ours_from_nothing(&self) -> [Option<&job::Done>; 3] {
        self.nothing.each_ref().map(|(_, outcome)| outcome.as_ref().ok())
    }

    /// The smallest patch of the peers with this decoder. A host decodes what a microcontroller does, too.
    pub fn best(&self, decoder: Decoder) -> Option<(&'static str, u64)> {
        let fits = |peer: &Peer| decoder == Decoder::Host || peer.decoder == decoder;
        let made = self.peers.iter().filter(|(peer, _)| fits(peer));
        let made = made.filter_map(|(peer, outcome)| Some((peer.name, outcome.as_ref().ok()?.bytes)));
        made.min_by_key(|(_, bytes)| *bytes)
    }

    /// What the peer took whose time ours is compared with.
    pub fn timed(&self) -> Option<&Cost> {
        let timed = self.peers.iter().find(|(peer, _)| peer.name == peers::TIMED);
        timed.and_then(|(_, outcome)| Some(&outcome.as_ref().ok()?.encode))
    }

    /// Of the full image, in percent.
    pub fn percent(&self, bytes: u64) -> f64 {
        // Enough digits for any file that is measured here.
        100.0 * bytes as f64 / self.full as f64
    }

    /// What was not measured: name of the coder, reason.
    pub fn skipped(&self) -> Vec<(String, String)> {
        let ours = [Effort::Quick, Effort::Search].into_iter().flat_map(|effort| {
            let outcomes = self.outcomes(effort).iter();
            outcomes.map(move |(profile, outcome)| (named(*profile, effort), outcome))
        });
        let nothing = self.nothing.iter();
        let nothing = nothing.map(|(profile, outcome)| (format!("{profile} from nothing"), outcome));
        let peers = self.peers.iter().chain(&self.image_peers);
        let peers = peers.map(|(peer, outcome)| (peer.name.to_owned(), outcome));
        let all = ours.chain(nothing).chain(peers);
        all.filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?.to_string())))
            .collect()
    }

    /// Everything about the pair; null stands for what could not be had.
    pub fn json(&self) -> Value {
        let bytes = |done: [Option<&job::Done>; 3]| done.map(|done| done.map(|done| done.bytes));
        let percent = |bytes: Option<u64>| bytes.map(|bytes| (self.percent(bytes) * 100.0).round() / 100.0);
        let ([small, standard, large], [nothing, ..]) =
            (bytes(self.ours(Effort::Quick)), bytes(self.ours_from_nothing()));
        let encoded = self
            .ours(Effort::Quick)
            .into_iter()
            .chain(self.ours_from_nothing())
            .flatten();
        let seconds: f64 = encoded.map(|done| done.encode.seconds).sum();
        let by_profile = |outcomes: &[(Profile, Outcome); 3]| -> Map<String, Value> {
            let each = outcomes.iter();
            each.map(|(profile, outcome)| (profile.to_string(), in_json(outcome)))
                .collect()
        };
        let of_peers = |peers: &[(&Peer, Outcome)]| -> Vec<Value> {
            let each = peers.iter().map(|(peer, outcome)| {
                let mut object = in_json(outcome);
                object["name"] = peer.name.into();
                object["decoder"] = peer.decoder.name().into();
                object
            });
            each.collect()
        };
        let best = |decoder| {
            self.best(decoder)
                .map(|(name, bytes)| json!({ "name": name, "bytes": bytes }))
        };
        json!({
            "name": self.pair.name, "old_bytes": self.pair.old_bytes, "new_bytes": self.pair.new_bytes,
            "is_mcu": self.pair.is_mcu(), "full": self.full,
            "small_from_nothing": nothing, "small": small, "standard": standard, "large": large,
            "percent_of_full": {
                "small_from_nothing": percent(nothing), "small": percent(small),
                "standard": percent(standard), "large": percent(large),
            },
            "seconds": seconds,
            "profiles": by_profile(&self.patches), "searched": by_profile(&self.searched),
            "from_nothing": by_profile(&self.nothing),
            "peers": of_peers(&self.peers), "image_peers": of_peers(&self.image_peers),
            "best_host_peer": best(Decoder::Host), "best_mcu_peer": best(Decoder::Microcontroller),
            "ratios": Ratios::of(self, Effort::Quick).json(),
            "ratios_searched": Ratios::of(self, Effort::Search).json(),
        })
    }
}

/// How one of ours is called.
pub fn named(profile: Profile, effort: Effort) -> String {
    match effort {
        Effort::Quick => profile.to_string(),
        Effort::Search => format!("{profile}, --search"),
    }
}

fn tell(pair: &str, name: &str, outcome: &Outcome) {
    match outcome {
        Ok(done) => eprintln!("… {pair}, {name}: {} bytes in {:.2} s", done.bytes, done.encode.seconds),
        Err(reason) => eprintln!("… {pair}, {name}: {reason}"),
    }
}
