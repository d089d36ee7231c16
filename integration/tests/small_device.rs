//! The driver of small devices by itself: blocking and async alike, its poll loop, and slots that images are linked for.

mod small;

use small::*;
use std::cell::RefCell;
use tuffet_boot::{Slot, State, Why};
use tuffet_integration::device::small::{MAP, capacity, identity};
use tuffet_integration::nor::SmallNor;
use tuffet_integration::simulator::release::{firmware, rollout, successor};
use tuffet_integration::simulator::time::DAY_S;
use tuffet_integration::simulator::{Simulator, keys::sha256};
use tuffet_no_std_client::flash::Storage;
use tuffet_no_std_client::patch::Profile;
use tuffet_no_std_client::poll::Schedule;
use tuffet_no_std_client::release::WaitReason;
use tuffet_no_std_client::transport::{Ask, AsyncTransport, Opened, Transport};
use tuffet_no_std_client::{Client, Device, Failure, Outcome, Settings, Stop, Way};

impl AsyncTransport for Slow<Lines<'_>> {
    type Error = ();

    async fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        later().await;
        Ok(self.0.answer(ask))
    }

    async fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        later().await;
        Ok(self.0.bring(space))
    }
}

#[test]
fn awaited_it_does_the_very_same() {
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let [waiting, awaited] = [(); 2].map(|()| factory(&device, &healthy));
    let mut whole = healthy.clone();
    whole.stage("2.0.0");
    whole.publish();
    for repository in [&healthy, &with_delta(&healthy), &whole] {
        let [waiting, awaited] = [&waiting, &awaited].map(|flash| {
            let contents = flash.borrow().contents().to_vec();
            RefCell::new(SmallNor::with_contents(contents))
        });
        let (mut lines, mut slow) = (Lines::to(&repository.site), Slow(Lines::to(&repository.site)));
        let (mut one, mut other) = (client(&device, &waiting, at(0)), client(&device, &awaited, at(0)));
        for turn in 0..3 {
            let now = one.due_at();
            let outcome = one.turn(&mut lines, now, 7);
            assert_eq!(wait(other.turn_async(&mut slow, now, 7)), outcome, "turn {turn}");
            assert_eq!(other.due_at(), one.due_at());
            assert_eq!(slow.0.words(), lines.words());
            assert_eq!(slow.0.bytes, lines.bytes);
            assert!(
                waiting.borrow().contents() == awaited.borrow().contents(),
                "turn {turn}"
            );
            if outcome.is_err() || matches!(outcome, Ok(Outcome::Installed { .. })) {
                break;
            }
        }
        assert!(lines.count > 2);
    }
}

#[test]
fn an_idle_poll_is_one_conditional_request_without_a_body() {
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let flash = factory(&device, &healthy);
    let mut client = client(&device, &flash, at(0));
    let mut lines = Lines::to(&healthy.site);
    client.turn(&mut lines, at(0), 0).unwrap();
    let cycle = ["2.root", "timestamp", "1.targets", "1.lamp"];
    assert_eq!(lines.words(), cycle);
    let bytes = lines.bytes;
    for _ in 0..3 {
        let now = client.due_at();
        assert_eq!(client.turn(&mut lines, now, 0), Ok(Outcome::UpToDate));
    }
    assert_eq!(lines.words(), [&cycle[..], &["timestamp?"; 3]].concat());
    assert_eq!(lines.bytes, bytes, "a peek has no body");

    // Something new: the peek finds it, and the cycle fetches it in its turn.
    let next = with_delta(&healthy);
    let mut lines = Lines::to(&next.site);
    let now = client.due_at();
    let outcome = client.turn(&mut lines, now, 0).unwrap();
    assert!(
        matches!(
            outcome,
            Outcome::Installed {
                way: Way::Delta,
                fell_back: None,
                ..
            }
        ),
        "{outcome:?}"
    );
    let cycle = [
        "timestamp?",
        "2.root",
        "timestamp",
        "2.snapshot",
        "1.targets",
        "2.lamp",
        "lamp_c3_stable.release",
        "lamp_2.0.0_c3_small_delta.patch",
    ];
    assert_eq!(lines.words(), cycle);
}

#[test]
fn a_day_without_a_cycle_or_a_timestamp_near_its_end_makes_one_due() {
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let flash = factory(&device, &healthy);
    let mut client = client(&device, &flash, at(0));
    let mut lines = Lines::to(&healthy.site);
    client.turn(&mut lines, at(0), 0).unwrap();
    lines = Lines::to(&healthy.site);
    client
        .turn(&mut lines, at(Schedule::DEFAULT.cycle_interval_s.into()), 0)
        .unwrap();
    assert_eq!(lines.words()[..2], ["2.root", "timestamp"]);
}

#[test]
fn a_failed_poll_backs_off_and_the_next_one_goes_on() {
    struct Dead;
    impl Transport for Dead {
        type Error = ();
        fn open(&mut self, _: &Ask<'_>) -> Result<Opened, ()> {
            Err(())
        }
        fn read(&mut self, _: &mut [u8]) -> Result<usize, ()> {
            Err(())
        }
        fn retry_after_s(&self) -> Option<u32> {
            Some(5_000)
        }
    }
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let flash = factory(&device, &healthy);
    let mut client = client(&device, &flash, at(0));
    assert_eq!(client.turn(&mut Dead, at(0), 0), Err(Stop::Transport));
    assert!(client.due_at() >= at(5_000), "what the server asked for counts");
    let now = client.due_at();
    assert_eq!(
        client.turn(&mut Lines::to(&healthy.site), now, 0),
        Ok(Outcome::UpToDate)
    );
}

/// What is stored carries the decision while nothing has expired, and no longer.
#[test]
fn the_decision_is_made_again_from_what_is_stored() {
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let flash = factory(&device, &healthy);
    let mut next = healthy.clone();
    next.stage("2.0.0");
    next.release.require_rollout(14);
    let digest = sha256(&next.document_bytes());
    next.stage_rollout(Some(rollout(&digest, "active", &[(NOW + DAY_S, 1_000_000)])));
    next.publish();

    let mut client = client(&device, &flash, at(0));
    let mut lines = Lines::to(&next.site);
    let waiting = Outcome::Waiting(WaitReason::NotInWaveYet { opens: Some(at(DAY_S)) });
    assert_eq!(client.update(&mut lines, at(0)), Ok(waiting));
    let count = lines.count;
    assert_eq!(client.again(&mut lines, at(10)), Ok(waiting));
    assert_eq!(lines.count, count, "nothing is asked for");
    // After a restart too.
    let mut client = self::client(&device, &flash, at(20));
    assert_eq!(client.again(&mut lines, at(20)), Ok(waiting));
    // The timestamp has expired by the device's clock.
    let late = at(40 * DAY_S);
    assert_eq!(
        client.again(&mut lines, late),
        Err(Stop::Failure(Failure::StoredTooOld))
    );
    // The document's area was overwritten: the repository has it.
    let mut contents = flash.borrow().contents().to_vec();
    contents[MAP.document.start as usize + 100] ^= 1;
    let damaged = RefCell::new(SmallNor::with_contents(contents));
    let mut client = self::client(&device, &damaged, at(20));
    assert_eq!(
        client.again(&mut lines, at(20)),
        Err(Stop::Failure(Failure::StoredTooOld))
    );
    // Its wave has come: a newer timestamp says so.
    next.now = NOW + DAY_S + 60;
    next.revise();
    next.timestamp.sign_at(next.now);
    next.snapshot.sign_at(next.now);
    next.publish_snapshot();
    let mut lines = Lines::to(&next.site);
    let outcome = client.update(&mut lines, at(DAY_S + 60)).unwrap();
    assert!(matches!(outcome, Outcome::Installed { .. }), "{outcome:?}");
}

/// Each slot has the image that is linked for it, and the delta from whichever runs.
#[test]
fn each_slot_gets_the_image_that_is_linked_for_it() {
    let [a, b] = MAP.slots.addresses();
    let device = Device {
        slot_addresses: Some([a, b]),
        ..identity()
    };
    let (first, second) = (firmware("1.0.0"), successor("2.0.0", &firmware("1.0.0")));
    let linked = |version: &str, address: u32| {
        let mut image = if version == "1.0.0" {
            first.clone()
        } else {
            second.clone()
        };
        for word in image.chunks_exact_mut(1_024) {
            word[..4].copy_from_slice(&address.to_le_bytes());
        }
        image
    };
    let mut repository = Simulator::healthy(NOW);
    repository.release.carry(linked("1.0.0", a));
    repository.release.image_mut()["address"] = format!("0x{a:08x}").into();
    repository.publish();
    let flash = factory(&device, &repository);

    // Only slot A's image is there: nothing for slot B.
    let mut next = repository.clone();
    next.stage("2.0.0");
    next.release.carry(linked("2.0.0", a));
    next.release.image_mut()["address"] = format!("0x{a:08x}").into();
    next.publish();
    let outcome = client(&device, &flash, at(0)).update(&mut Lines::to(&next.site), at(0));
    assert_eq!(
        outcome,
        Ok(Outcome::Refused(tuffet_no_std_client::release::Refusal::WrongHardware))
    );

    next.stage("2.1.0");
    next.release.carry(linked("2.0.0", b));
    next.release.image_mut()["address"] = format!("0x{b:08x}").into();
    next.release.add_patch(Some(&linked("1.0.0", a)), Profile::Small);
    next.publish();
    let outcome = client(&device, &flash, at(0)).update(&mut Lines::to(&next.site), at(0));
    let installed = Outcome::Installed {
        version: version("2.1.0"),
        way: Way::Delta,
        fell_back: None,
    };
    let shorter = next.release.patches[0].file.len() < next.release.for_all_devices().patches[1].file.len();
    assert!(shorter, "the delta is worth its while");
    assert_eq!(outcome, Ok(installed));
    let image = linked("2.0.0", b);
    assert_eq!(slot_sha256(&flash, Slot::B, image.len()), sha256(&image));
    assert_eq!(boots(&flash), (Slot::B, Why::Trial { attempts_left: 2 }));
    let records = Storage::new(&flash, &MAP).boot_records().unwrap();
    assert!(matches!(records.state(), State::Trial { .. }));
}

/// A release has an image for each slot; the one that runs is linked for the other one than an update would go to.
#[test]
fn a_release_with_an_image_for_each_slot_is_installed_once() {
    let [a, b] = MAP.slots.addresses();
    let device = Device {
        slot_addresses: Some([a, b]),
        ..identity()
    };
    let mut repository = Simulator::healthy(NOW);
    let for_b = repository.release.image_mut().clone();
    repository.release.image_mut()["address"] = format!("0x{a:08x}").into();
    let mut published = repository.release.for_all_devices();
    let mut second = for_b;
    second["address"] = format!("0x{b:08x}").into();
    second["digest"] = "ab".repeat(32).into();
    published.document["components"][0]["images"]
        .as_array_mut()
        .unwrap()
        .push(second);
    repository.release = published;
    repository.publish();
    let flash = factory(&device, &repository);
    let mut client = client(&device, &flash, at(0));
    for _ in 0..2 {
        let outcome = client.update(&mut Lines::to(&repository.site), at(0));
        assert_eq!(outcome, Ok(Outcome::UpToDate));
    }
}

/// The factory does not take the running firmware of a device away.
#[test]
fn a_provisioned_device_is_not_provisioned_again() {
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let flash = factory(&device, &healthy);
    let before = flash.borrow().contents().to_vec();
    let mut client = client(&device, &flash, at(0));
    let refused = Stop::Failure(Failure::AlreadyProvisioned);
    let root = healthy.site.file("metadata/1.root.json").unwrap();
    assert_eq!(client.provision_root(root), Err(refused));
    assert_eq!(client.provision(&mut Lines::to(&healthy.site), at(0)), Err(refused));
    assert!(flash.borrow().contents() == before, "nothing was written");
}

/// A repository that has nothing for a new device says why.
#[test]
fn the_factory_says_why_there_is_no_first_image() {
    let mut other = Simulator::healthy(NOW);
    other.release.image_mut()["hardware"] = "c6".into();
    other.publish();
    let device = identity();
    let flash = RefCell::new(SmallNor::new(capacity(&MAP)));
    let mut client = client(&device, &flash, at(0));
    let root = other.site.file("metadata/1.root.json").unwrap();
    client.provision_root(root).unwrap();
    let outcome = client.provision(&mut Lines::to(&other.site), at(0));
    let refusal = tuffet_no_std_client::release::Refusal::WrongHardware;
    assert_eq!(outcome, Err(Stop::NothingToProvision(Outcome::Refused(refusal))));
}

/// "Not modified" does not make up for an installation that fails each time: the waits grow.
#[test]
fn a_release_that_cannot_be_installed_is_tried_ever_less_often() {
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let flash = factory(&device, &healthy);
    let mut next = healthy.clone();
    next.stage("2.0.0");
    next.publish();
    let whole = next.whole_path();
    next.site.edit(&whole, |file| {
        let last = file.len() - 1;
        file[last] ^= 1;
    });
    let mut client = client(&device, &flash, at(0));
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let mut lines = Lines::to(&next.site);
        assert!(client.turn(&mut lines, now, u32::MAX).is_err());
        waits.push(client.due_at().as_secs() - now.as_secs());
        now = client.due_at();
    }
    assert!(waits.is_sorted() && waits[5] > 8 * waits[0], "{waits:?}");
}

/// Metadata that is newer than the last completed cycle takes the decision away from what is stored.
#[test]
fn a_cycle_that_broke_off_leaves_nothing_to_decide_about_again() {
    let healthy = Simulator::healthy(NOW);
    let device = identity();
    let flash = factory(&device, &healthy);
    let mut next = healthy.clone();
    next.stage("2.0.0");
    next.release.require_rollout(14);
    next.publish();
    let mut client = client(&device, &flash, at(0));
    let waiting = Outcome::Waiting(WaitReason::RolloutMissing);
    assert_eq!(client.update(&mut Lines::to(&next.site), at(0)), Ok(waiting));
    assert_eq!(client.again(&mut Lines::to(&next.site), at(0)), Ok(waiting));
    // The release is withdrawn; of that the device sees the snapshot, and not the role.
    let mut withdrawn = next.clone();
    withdrawn.revise();
    let now = withdrawn.now;
    let role = withdrawn.role("lamp");
    role.revise(role.version() + 1, now);
    role.signed["targets"] = serde_json::json!({});
    withdrawn.publish_roles();
    withdrawn.site.remove("metadata/3.lamp.json");
    assert!(client.update(&mut Lines::to(&withdrawn.site), at(0)).is_err());
    assert_eq!(
        client.again(&mut Lines::to(&withdrawn.site), at(0)),
        Err(Stop::Failure(Failure::StoredTooOld))
    );
}

/// A device whose decoder is of another profile than it says is a mistake of its firmware.
#[test]
fn the_decoder_must_be_of_the_profile() {
    let device = Device {
        intake: tuffet_no_std_client::Intake::Streamed(tuffet_no_std_client::release::Profile::Standard),
        ..identity()
    };
    let flash = RefCell::new(SmallNor::new(capacity(&MAP)));
    let refused: Result<SmallClient<'_>, _> =
        Client::new(&device, Storage::new(&flash, &MAP), Settings::DEFAULT, at(0));
    assert!(refused.is_err());
}
