//! The rollout file: what a device keeps of it says the same, and time never takes a permission back.

use tuffet_release::{Class, Gate, Question, RolloutExtract, RolloutFile, Rule, Seed, Verdict, Wave, evaluate};
use tuffet_wire::UnixSeconds;

use super::Script;

/// Five bytes choose the device and two times, the rest is the file.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let seed = Seed::new([script.byte(); 32]);
    let earlier = UnixSeconds::ZERO.saturating_add_days(u32::from(script.number()));
    let later = earlier.saturating_add_days(u32::from(script.number()));
    let file = script.bytes(data.len());

    let extract = RolloutExtract::parse(&mut &*file);
    let model = RolloutFile::parse(file);
    assert_eq!(
        extract.is_ok(),
        model.is_ok(),
        "devices and operators disagree on what is a rollout file"
    );
    let (Ok(extract), Ok(model)) = (extract, model) else {
        return;
    };
    assert_eq!(model.emit().expect("it was read"), file, "two spellings of one file");
    assert_eq!(
        RolloutExtract::decode(&extract.encode()).as_ref(),
        Some(&extract),
        "the extract says something else"
    );

    let ordered = |pair: &[Wave]| pair[0].start < pair[1].start && pair[0].share_ppm <= pair[1].share_ppm;
    assert!(
        extract.waves.windows(2).all(ordered),
        "waves out of order: {:?}",
        extract.waves
    );
    assert!(
        extract.waves.iter().all(|wave| wave.share_ppm <= 1_000_000),
        "more than all devices"
    );

    let verdict_at = |signed_now| {
        let (rule, class) = (Rule::Required { wait_max_days: 14 }, Class::Feature);
        let question = Question {
            rule,
            class,
            released: earlier,
            release: &extract.release,
            seed: &seed,
            signed_now,
        };
        evaluate(&question, Gate::Present(&extract))
    };
    if verdict_at(earlier) == Verdict::Install {
        assert_eq!(verdict_at(later), Verdict::Install, "time took a permission back");
    }
}
