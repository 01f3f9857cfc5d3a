//! One thread of a crowd: the steps that it takes, and what each of them has to show.

use std::sync::atomic::Ordering;

use tickbase::{Error, Isolation, Result, TransactionError};

use super::{
    Crowd, Held, Tally,
    changes::Source,
    common,
    share::{Parcel, Share, parcel_id},
};

/// Snapshots that one thread holds at most.
const HELD_MAX: usize = 6;

/// The code of the first lot.
const LOTS: u64 = 1_000;

/// One kind of step: its name, how many of a thousand are of it, and what it does.
type Step<'c> = (&'static str, u64, fn(&mut Worker<'c>) -> Result<()>);

/// Kinds of steps.
const KINDS: usize = 14;

pub(super) struct Worker<'c> {
    crowd: &'c Crowd,
    number: u32,
    pub(super) share: Share,
    source: Source,
    held: Vec<Held>,
    /// The lot that it holds, and the parcel that has its code.
    lot: Option<(usize, u64)>,
    last_version: u64,
    counts: [u64; KINDS],
    tally: Tally,
}

impl<'c> Worker<'c> {
    const STEPS: [Step<'c>; KINDS] = [
        ("read own records", 170, Self::read),
        ("change a record at once", 200, Self::change_directly),
        ("change a record in a transaction", 170, Self::change_one),
        ("change several records", 100, Self::change_several),
        ("change several records and refuse", 50, Self::refuse),
        ("commit by hand", 96, Self::by_hand),
        ("transfer", 80, Self::transfer),
        ("change a twin", 60, Self::change_twin),
        ("claim a code", 20, Self::claim),
        ("hold a snapshot", 20, Self::hold),
        ("read a held snapshot again", 20, Self::read_again),
        ("pass over own parcels", 6, Self::pass),
        ("pass over all accounts", 6, Self::pass_accounts),
        ("compact", 2, Self::compact),
    ];

    pub(super) fn new(crowd: &'c Crowd, number: u32, seed: u64) -> Self {
        Self {
            crowd,
            number,
            share: Share::new(number),
            source: Source::new(number, seed.wrapping_mul(64) + u64::from(number)),
            held: Vec::new(),
            lot: None,
            last_version: 0,
            counts: [0; KINDS],
            tally: Tally::default(),
        }
    }

    /// Takes so many steps.
    pub(super) fn run(mut self, steps: u64) -> Self {
        let whole: u64 = Self::STEPS.iter().map(|(_, weight, _)| weight).sum();
        for _ in 0..steps {
            let mut drawn = self.source.random.below(whole);
            let place = Self::STEPS.iter().position(|(_, weight, _)| {
                let found = drawn < *weight;
                drawn = drawn.saturating_sub(*weight);
                found
            });
            let place = place.expect("the weights make the whole");
            let (name, _, step) = Self::STEPS[place];
            self.counts[place] += 1;
            if let Err(error) = step(&mut self) {
                panic!("thread {}: {name}: {error}", self.number);
            }
        }
        self
    }

    /// Drops all snapshots, each read once more.
    pub(super) fn let_go(&mut self) {
        self.held.drain(..).for_each(|held| held.read_again());
    }

    pub(super) fn add_to(&self, tally: &mut Tally) {
        for ((name, ..), count) in Self::STEPS.iter().zip(self.counts) {
            *tally.steps.entry(name).or_default() += count;
            tally.operations += count;
        }
        tally.refused += self.tally.refused;
        tally.taken += self.tally.taken;
        tally.read_again += self.tally.read_again;
    }

    fn read(&mut self) -> Result<()> {
        let snapshot = self.crowd.db.snapshot();
        assert!(snapshot.version() >= self.last_version, "time goes back");
        self.last_version = snapshot.version();
        let random = &mut self.source.random;
        self.share.check_some(&snapshot, &self.crowd.notes, random);
        Ok(())
    }

    fn change_directly(&mut self) -> Result<()> {
        let notes = &self.crowd.notes;
        self.source.change_directly(notes, &mut self.share)
    }

    fn change_one(&mut self) -> Result<()> {
        self.change(1)
    }

    fn change_several(&mut self) -> Result<()> {
        let count = 2 + self.source.random.below(8);
        self.change(count)
    }

    /// So many changes in one transaction.
    fn change(&mut self, count: u64) -> Result<()> {
        let (source, share) = (&mut self.source, &self.share);
        let next = self.crowd.db.transact(|tx| {
            let mut next = share.clone();
            (0..count).try_for_each(|_| source.change_in(tx, share, &mut next))?;
            Ok(next)
        })?;
        self.share = next;
        Ok(())
    }

    /// Changes of which nothing remains.
    fn refuse(&mut self) -> Result<()> {
        let mut seen = None;
        let (source, share) = (&mut self.source, &self.share);
        let result: Result<()> = self.crowd.db.transact(|tx| {
            let next = seen.insert(share.clone());
            (0..4).try_for_each(|_| source.change_in(tx, share, next))?;
            Err(Error::Transaction(TransactionError::Nested))
        });
        let refused = matches!(result, Err(Error::Transaction(TransactionError::Nested)));
        assert!(refused, "{result:?}");
        self.share.note_aborted(&seen.expect("it ran"));
        common::refuse(&self.crowd.db, &mut self.source.random);
        Ok(())
    }

    /// A transaction that ends as it likes. Nobody else changes what it reads, so only a
    /// compaction, which makes the table anew, may refuse it.
    fn by_hand(&mut self) -> Result<()> {
        let (done, running) = self.crowd.compactions();
        let random = &mut self.source.random;
        let isolation = random.pick(&[Isolation::Serializable, Isolation::ReadCommitted]);
        let (count, end) = (1 + random.below(6), random.below(6));
        let mut tx = self.crowd.db.begin_with(isolation);
        let mut next = self.share.clone();
        for _ in 0..count {
            self.source.change_in(&mut tx, &self.share, &mut next)?;
        }
        match end {
            0 => drop(tx),
            1 => tx.abort(),
            _ => match tx.commit() {
                Ok(version) => {
                    assert!(version >= self.last_version, "time goes back");
                    self.last_version = version;
                    self.share = next;
                    return Ok(());
                }
                Err(TransactionError::SchemaChanged { .. } | TransactionError::Conflict { .. })
                    if running || self.crowd.compactions() != (done, false) =>
                {
                    self.tally.refused += 1;
                }
                Err(error) => return Err(error.into()),
            },
        }
        self.share.note_aborted(&next);
        Ok(())
    }

    fn transfer(&mut self) -> Result<()> {
        common::transfer(&self.crowd.db, &mut self.source.random)
    }

    fn change_twin(&mut self) -> Result<()> {
        let Crowd { db, twins, .. } = self.crowd;
        common::change_twin(db, twins, &mut self.source.random)
    }

    /// Inserts a parcel with a code that all threads want, or deletes the one that it has.
    fn claim(&mut self) -> Result<()> {
        if let Some((lot, id)) = self.lot.take() {
            self.crowd.lots[lot].store(0, Ordering::SeqCst);
            self.crowd.db.transact(|tx| Ok(tx.delete(parcel_id(id))?))?;
            self.share.remove_parcel(id);
            return Ok(());
        }
        let lot = self.source.random.place(self.crowd.lots.len());
        let parcel = Parcel {
            code: LOTS + lot as u64,
            ..self.source.parcel()
        };
        match self.crowd.db.transact(|tx| Ok(tx.insert(parcel)?)) {
            Ok(id) => {
                let mine = u64::from(self.number) + 1;
                let before = self.crowd.lots[lot].swap(mine, Ordering::SeqCst);
                assert_eq!(before, 0, "another thread has a parcel with this code");
                self.share.insert_parcel(id.get(), parcel);
                self.lot = Some((lot, id.get()));
            }
            Err(Error::Transaction(TransactionError::DuplicateKey { .. })) => {
                self.tally.taken += 1;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn hold(&mut self) -> Result<()> {
        let held = Held::take(&self.crowd.db);
        common::check(&held.snapshot);
        self.share.check(&held.snapshot);
        if self.held.len() < HELD_MAX {
            self.held.push(held);
        } else {
            self.crowd.hand_on(held);
        }
        Ok(())
    }

    fn read_again(&mut self) -> Result<()> {
        let own = !self.held.is_empty() && self.source.random.one_in(2);
        let held = match own {
            true => {
                let place = self.source.random.place(self.held.len());
                Some(self.held.swap_remove(place))
            }
            false => self.crowd.take_over(),
        };
        if let Some(held) = held {
            held.read_again();
            self.tally.read_again += 1;
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<()> {
        let (source, share) = (&mut self.source, &self.share);
        self.share = self.crowd.db.transact(|tx| source.pass(tx, share))?;
        Ok(())
    }

    fn pass_accounts(&mut self) -> Result<()> {
        common::pass(&self.crowd.db, &mut self.source.random)
    }

    fn compact(&mut self) -> Result<()> {
        let tables = ["note", "parcel", "account", "purse", "twin"];
        let table = self.source.random.pick(&tables);
        self.crowd.compactions_begun.fetch_add(1, Ordering::SeqCst);
        self.crowd.db.compact_table(table)?;
        self.crowd.compactions_done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
