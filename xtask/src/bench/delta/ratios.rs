//! Ours in parts of theirs: for each pair, and over pairs as geometric mean and worst.
//!
//! A ratio below one says that ours is shorter, or faster. The worst of some is the largest one.

use serde_json::{Value, json};
use tuffet_server::delta::Effort;

use super::peers::Decoder;
use super::row::Row;

/// Of one pair; small, standard, large where there are three.
#[derive(Clone, PartialEq, Debug)]
pub struct Ratios {
    /// Bytes, to the smallest patch that a microcontroller decodes.
    pub to_mcu: [Option<f64>; 3],
    /// Bytes, to the smallest patch of all peers.
    pub to_host: [Option<f64>; 3],
    /// Seconds of encoding by the clock, to HDiffPatch's.
    pub time: [Option<f64>; 3],
    /// The same without the proof, which HDiffPatch's figure does not hold either.
    pub time_unproven: [Option<f64>; 3],
    /// Seconds of processors, likewise.
    pub cpu_time: [Option<f64>; 3],
}

/// One of the ratios of a pair.
pub type Kind = fn(&Ratios) -> Option<f64>;

/// Of several pairs.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// How many pairs have this ratio.
    pub pairs: usize,
    /// The geometric mean.
    pub mean: f64,
    /// The largest one.
    pub worst: f64,
    /// Whose it is.
    pub worst_pair: String,
}

impl Ratios {
    /// What was measured of a pair with a setting, divided.
    pub fn of(row: &Row, effort: Effort) -> Self {
        let ours = row.ours(effort);
        let to = |decoder| {
            let theirs = row.best(decoder).map(|(_, bytes)| bytes as f64);
            ours.map(|done| ratio(done.map(|done| done.bytes as f64), theirs))
        };
        let timed = row.timed();
        Self {
            to_mcu: to(Decoder::Microcontroller),
            to_host: to(Decoder::Host),
            time: ours.map(|done| ratio(done.map(|done| done.encode.seconds), timed.map(|cost| cost.seconds))),
            time_unproven: ours.map(|done| {
                ratio(
                    done.map(|done| done.encode.seconds - done.proof_seconds),
                    timed.map(|cost| cost.seconds),
                )
            }),
            cpu_time: ours.map(|done| {
                ratio(
                    done.map(|done| done.encode.cpu_seconds),
                    timed.map(|cost| cost.cpu_seconds),
                )
            }),
        }
    }

    /// By name, null where there is none.
    pub fn json(&self) -> Value {
        json!({
            "small_to_mcu_peer": rounded(self.to_mcu[0]), "standard_to_mcu_peer": rounded(self.to_mcu[1]),
            "large_to_mcu_peer": rounded(self.to_mcu[2]),
            "small_to_host_peer": rounded(self.to_host[0]), "standard_to_host_peer": rounded(self.to_host[1]),
            "large_to_host_peer": rounded(self.to_host[2]),
            "encode_seconds_to_hdiffpatch": by_profile(self.time),
            "encode_seconds_without_proof_to_hdiffpatch": by_profile(self.time_unproven),
            "encode_cpu_seconds_to_hdiffpatch": by_profile(self.cpu_time),
        })
    }
}

impl Summary {
    /// One kind of ratio over some rows.
    pub fn over<'a>(rows: impl Iterator<Item = &'a Row>, effort: Effort, kind: Kind) -> Option<Self> {
        Self::of(rows.map(|row| (row.pair.name.as_str(), kind(&Ratios::of(row, effort)))))
    }

    /// Over the pairs that have a ratio; none if no pair has one.
    fn of<'a>(ratios: impl Iterator<Item = (&'a str, Option<f64>)>) -> Option<Self> {
        let ratios: Vec<(&str, f64)> = ratios.filter_map(|(name, ratio)| Some((name, ratio?))).collect();
        let (worst_pair, worst) = ratios.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1))?;
        let logarithms: f64 = ratios.iter().map(|(_, ratio)| ratio.ln()).sum();
        Some(Self {
            pairs: ratios.len(),
            mean: (logarithms / ratios.len() as f64).exp(),
            worst,
            worst_pair: worst_pair.to_owned(),
        })
    }

    /// As an object.
    pub fn json(&self) -> Value {
        json!({
            "pairs": self.pairs, "geometric_mean": rounded(Some(self.mean)), "worst": rounded(Some(self.worst)),
            "worst_pair": self.worst_pair,
        })
    }
}

/// What stands in parts of nothing, or is not there, has no ratio; nor is one of zero a ratio to take a mean of.
fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    let (ours, theirs) = (ours?, theirs?);
    (ours > 0.0 && theirs > 0.0).then(|| ours / theirs)
}

fn by_profile(ratios: [Option<f64>; 3]) -> Value {
    let [small, standard, large] = ratios.map(rounded);
    json!({ "small": small, "standard": standard, "large": large })
}

/// To a ten-thousandth.
fn rounded(ratio: Option<f64>) -> Option<f64> {
    ratio.map(|ratio| (ratio * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_is_geometric_and_the_worst_is_the_largest() {
        let ratios = [("a", Some(0.5)), ("b", None), ("c", Some(2.0)), ("d", Some(1.0))];
        let summary = Summary::of(ratios.into_iter()).unwrap();
        assert!((summary.mean - 1.0).abs() < 1e-9, "{}", summary.mean);
        assert_eq!(
            (summary.pairs, summary.worst, summary.worst_pair.as_str()),
            (3, 2.0, "c")
        );
        let one = Summary::of([("a", Some(0.25))].into_iter()).unwrap();
        assert!((one.mean - 0.25).abs() < 1e-9 && one.worst == 0.25);
        assert_eq!(Summary::of([("a", None)].into_iter()), None);
        assert_eq!(Summary::of(std::iter::empty()), None);
    }

    #[test]
    fn there_is_no_ratio_to_nothing() {
        assert_eq!(ratio(Some(1.0), Some(4.0)), Some(0.25));
        for (ours, theirs) in [
            (None, Some(1.0)),
            (Some(1.0), None),
            (Some(1.0), Some(0.0)),
            (Some(0.0), Some(1.0)),
        ] {
            assert_eq!(ratio(ours, theirs), None);
        }
    }
}
