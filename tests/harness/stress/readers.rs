//! Threads that take snapshots and let them go again, sooner or later.

use std::sync::mpsc::Sender;

use super::{EndsAll, Held, Stage};
use crate::Random;

/// Snapshots that one reader holds at most.
const HELD_MAX: usize = 20;
/// For how many of its rounds a reader holds a snapshot.
const ROUNDS: [u64; 8] = [0, 0, 1, 2, 5, 20, 80, u64::MAX];

pub(super) struct Reader<'s> {
    stage: &'s Stage,
    random: Random,
    round: u64,
    /// Snapshots, and the rounds in which they are let go.
    held: Vec<(u64, Held)>,
    others: Sender<Held>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(stage: &'s Stage, seed: u64, others: Sender<Held>) -> Self {
        Self {
            stage,
            random: Random::new(seed),
            round: 0,
            held: Vec::new(),
            others,
        }
    }

    /// Takes and lets go until enough was seen; what is left then goes in any order.
    pub(super) fn run(mut self) {
        let _ends_all = EndsAll(self.stage);
        while self.stage.goes_on() {
            self.round += 1;
            let due = self.round.saturating_add(self.random.pick(&ROUNDS));
            let held = Held::take(&self.stage.db);
            if self.random.one_in(3) {
                // Who drops the first of two has not dropped the snapshot.
                drop(held.clone());
            }
            self.held.push((due, held));
            let mut place = 0;
            while place < self.held.len() {
                match self.held[place].0 <= self.round {
                    true => self.let_go(place),
                    false => place += 1,
                }
            }
            if self.held.len() > HELD_MAX {
                let place = self.random.place(self.held.len());
                self.let_go(place);
            }
        }
        while !self.held.is_empty() {
            let place = self.random.place(self.held.len());
            self.let_go(place);
        }
    }

    /// Lets one go here, or in another thread, or here and there.
    fn let_go(&mut self, place: usize) {
        let (_, held) = self.held.swap_remove(place);
        match self.random.below(4) {
            0 => self.others.send(held).expect("it takes all"),
            1 => {
                self.others.send(held.clone()).expect("it takes all");
                held.read_again();
            }
            _ => self.stage.let_go(held),
        }
    }
}
