//! Making patches of the bulk codec: linear in time and memory, on all cores.

mod code;
mod programs;
mod search;

use crate::{
    Layout, Step,
    bulk::{covers::Cover, covers_max, segments::Segment},
};
use std::vec::Vec;

/// What the coder is told.
pub(super) struct Plan {
    pub(super) covers: Vec<Cover>,
    pub(super) olds: Vec<Segment>,
    pub(super) news: Vec<Segment>,
}

/// The coded bytes of the patch from `old` to `new`. Where nothing tells what the images hold, `layout` does.
pub(super) fn code(old: &[u8], new: &[u8], layout: Layout, watch: &dyn Fn(Step)) -> Vec<u8> {
    watch(Step::Searching);
    let (mut olds, mut news) = (programs::segments(old), programs::segments(new));
    if olds.is_empty() || news.is_empty() {
        olds = programs::whole(old, layout);
        news = programs::whole(new, layout);
    }
    let image_bytes = old.len().max(new.len()) as u32;
    let covers = longest(search::covers(old, new), covers_max(image_bytes));
    watch(Step::Coding { round: 1, rounds: 1 });
    code::code(&Plan { covers, olds, news }, old, new)
}

/// As many covers as a decoder has room for. The shortest ones are left out: they save least.
fn longest(mut covers: Vec<Cover>, count_max: usize) -> Vec<Cover> {
    if covers.len() > count_max {
        let mut lengths: Vec<u32> = covers.iter().map(|cover| cover.length).collect();
        let (_, longest_of_rest, _) = lengths.select_nth_unstable(covers.len() - count_max - 1);
        let longest_of_rest = *longest_of_rest;
        covers.retain(|cover| cover.length > longest_of_rest);
    }
    covers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_covers_are_kept() {
        let cover = |length| Cover {
            length,
            ..Cover::default()
        };
        let covers: Vec<Cover> = [5, 9, 1, 7, 3, 5].map(cover).into();
        let lengths = |count_max| {
            let kept = longest(covers.clone(), count_max);
            kept.iter().map(|cover| cover.length).collect::<Vec<u32>>()
        };
        assert_eq!(lengths(6), [5, 9, 1, 7, 3, 5]);
        assert_eq!(lengths(5), [5, 9, 7, 3, 5]);
        // Of those that are as long none is kept.
        assert_eq!(lengths(3), [9, 7]);
        assert_eq!(lengths(0), [0; 0]);
    }
}
