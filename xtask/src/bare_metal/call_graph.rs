//! Which function calls which, and how deep the stack gets on the way.
//!
//! - Functions that call each other in a circle are one group, in which each counts once.

use std::collections::{BTreeMap, BTreeSet};

/// Of each function, whom it calls, and how deep its own stack is there at most.
pub type Calls = BTreeMap<u32, BTreeMap<u32, u32>>;

/// The deepest place of a group.
#[derive(Copy, Clone)]
struct Deepest {
    bytes: u32,
    /// The call by which it gets there: who calls whom, and how deep the stack is then.
    call: Option<(u32, u32, u32)>,
}

/// Which function calls which, with functions that call each other in a circle as one.
pub struct Graph {
    /// The circle, or the single function, that each function is in.
    group_of: BTreeMap<u32, usize>,
    groups: Vec<Vec<u32>>,
    /// Functions that call each other in a circle.
    pub circles: Vec<Vec<u32>>,
    /// Of each group, with all that it calls.
    deepest: Vec<Deepest>,
    calls: Calls,
}

impl Graph {
    /// By who calls whom, and the bytes of each function.
    pub fn new(calls: Calls, bytes: BTreeMap<u32, u32>) -> Self {
        let groups = circles_first(&calls);
        let mut graph = Self {
            group_of: BTreeMap::new(),
            circles: Vec::new(),
            deepest: Vec::new(),
            groups,
            calls,
        };
        for (index, group) in graph.groups.iter().enumerate() {
            graph.group_of.extend(group.iter().map(|function| (*function, index)));
        }
        for index in 0..graph.groups.len() {
            let deepest = graph.of_group(index, &bytes);
            graph.deepest.push(deepest);
            let group = &graph.groups[index];
            let is_circle = group.len() > 1 || graph.calls[&group[0]].contains_key(&group[0]);
            graph.circles.extend(is_circle.then(|| group.clone()));
        }
        graph
    }

    /// The groups that this one calls are done: all of its functions, each once, and the deepest call out of it.
    fn of_group(&self, index: usize, bytes: &BTreeMap<u32, u32>) -> Deepest {
        let group = &self.groups[index];
        let own: u32 = group.iter().map(|function| bytes[function]).sum();
        let mut deepest = Deepest { bytes: own, call: None };
        for caller in group {
            for (callee, depth) in &self.calls[caller] {
                let of_callee = self.group_of[callee];
                if of_callee == index {
                    continue;
                }
                let at = own - bytes[caller] + depth;
                let with_callee = at + self.deepest[of_callee].bytes;
                if with_callee > deepest.bytes {
                    deepest = Deepest {
                        bytes: with_callee,
                        call: Some((*caller, *callee, at)),
                    };
                }
            }
        }
        deepest
    }

    /// Bytes of a function at its deepest, with all that it calls.
    pub fn deepest(&self, function: u32) -> u32 {
        self.deepest[self.group_of[&function]].bytes
    }

    /// The functions on the way to the deepest place, each with the bytes up to its call of the next one.
    pub fn way(&self, function: u32) -> Vec<(u32, u32)> {
        let mut way = Vec::new();
        let mut group = self.group_of[&function];
        let mut entered = function;
        loop {
            let Deepest { bytes, call } = self.deepest[group];
            let Some((caller, callee, at)) = call else {
                way.push((entered, bytes));
                return way;
            };
            way.push((caller, at));
            (entered, group) = (callee, self.group_of[&callee]);
        }
    }

    /// All functions that one leads to, and itself.
    pub fn reached(&self, from: u32) -> BTreeSet<u32> {
        let (mut reached, mut left) = (BTreeSet::from([from]), vec![from]);
        while let Some(function) = left.pop() {
            left.extend(self.calls[&function].keys().filter(|callee| reached.insert(**callee)));
        }
        reached
    }
}

/// Functions that call each other in a circle are in one group; each group comes behind those that it calls. (Kosaraju)
fn circles_first(calls: &Calls) -> Vec<Vec<u32>> {
    let mut callers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (caller, callees) in calls {
        for callee in callees.keys() {
            callers.entry(*callee).or_default().push(*caller);
        }
    }
    let mut seen = BTreeSet::new();
    let mut finished = Vec::new();
    for function in calls.keys() {
        finish(
            *function,
            |of| callers.get(&of).cloned().unwrap_or_default(),
            &mut seen,
            &mut finished,
        );
    }
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for function in finished.iter().rev() {
        let mut group = Vec::new();
        finish(
            *function,
            |of| calls[&of].keys().copied().collect(),
            &mut seen,
            &mut group,
        );
        groups.extend((!group.is_empty()).then_some(group));
    }
    groups
}

/// Goes to all that can be reached and was not seen, and lists each behind those that it leads to.
fn finish(from: u32, next: impl Fn(u32) -> Vec<u32>, seen: &mut BTreeSet<u32>, finished: &mut Vec<u32>) {
    if !seen.insert(from) {
        return;
    }
    let mut open = vec![(from, next(from))];
    while let Some((function, left)) = open.last_mut() {
        match left.pop() {
            Some(other) if seen.insert(other) => open.push((other, next(other))),
            Some(_) => {}
            None => {
                finished.push(*function);
                open.pop();
            }
        }
    }
}
