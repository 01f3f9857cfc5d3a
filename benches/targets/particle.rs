//! The record that everything is measured with, and the ways to hold a million of them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tickbase::{Database, Id, table};

/// 64 bytes, no padding, no index.
#[table]
#[derive(Debug)]
pub(crate) struct Particle {
    pub(crate) position: [f64; 3],
    pub(crate) velocity: [f64; 3],
    pub(crate) mass: f64,
    pub(crate) kind: u32,
    pub(crate) hits: u32,
}

impl Particle {
    /// The particle with this number.
    pub(crate) fn new(number: usize) -> Self {
        let seed = number as f64;
        Self {
            position: [seed, seed * 0.5, -seed],
            velocity: [1.0, 2.0, 0.5],
            mass: 1.0 + seed % 7.0,
            kind: number as u32 % 4,
            hits: 0,
        }
    }

    /// One step of its way: what a pass does with each particle.
    pub(crate) fn step(&mut self) {
        for (position, velocity) in self.position.iter_mut().zip(self.velocity) {
            *position += velocity * 0.016;
        }
    }
}

/// A database of so many particles, in memory.
pub(crate) fn database(records: usize) -> Database {
    let db = Database::builder()
        .table::<Particle>()
        .in_memory()
        .expect("a database in memory");
    let numbers: Vec<usize> = (0..records).collect();
    for batch in numbers.chunks(100_000) {
        db.transact(|tx| {
            let mut particles = tx.table_mut::<Particle>();
            for number in batch {
                particles.insert(Particle::new(*number))?;
            }
            Ok(())
        })
        .expect("particles are inserted");
    }
    db
}

/// The same particles in a plain `Vec`.
pub(crate) fn vec(records: usize) -> Vec<Particle> {
    (0..records).map(Particle::new).collect()
}

/// The same particles behind one pointer; a write clones them all.
pub(crate) fn cloned_per_write(records: usize) -> ArcSwap<Vec<Particle>> {
    ArcSwap::new(Arc::new(vec(records)))
}

/// Numbers below `below` that follow no pattern: a xorshift generator (Marsaglia, 2003).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    /// So many record ids of a table of `records`.
    pub(crate) fn ids(&mut self, count: usize, records: usize) -> Vec<Id<Particle>> {
        let id = |random: &mut Self| Id::from_u64(random.below(records) as u64 + 1);
        (0..count).filter_map(|_| id(self)).collect()
    }
}
