//! Random numbers that a seed makes again, and how many of them tests take.

use std::{env, ops::Range, panic::RefUnwindSafe};

/// A row of numbers that follow from a seed (xorshift64*, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The row of this seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.place(from.len())]
    }

    /// A place in a list of this length, which is at least 1.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("a place is small")
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The number in this variable of the environment.
///
/// # Panics
/// Where it holds something else.
fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// The seed in the variable `SEED`, by which a test runs once more as it failed, else `usual`. Says
/// which one it is, which is shown where the test fails.
pub fn seed_or(usual: u64) -> u64 {
    let seed = number("SEED").unwrap_or(usual);
    eprintln!("SEED={seed} runs this once more");
    seed
}

/// So much of `usual` as the variable `EFFORT_PERCENT` says, all of it where it says nothing: under
/// tools that slow a program down a hundredfold, less has to do.
pub fn effort(usual: u64) -> u64 {
    let percent = number("EFFORT_PERCENT").unwrap_or(100);
    (usual * percent).div_ceil(100)
}

/// Whether a test does all that it does as a rule, so that it may count what it came across.
pub fn is_whole_run() -> bool {
    number("SEED").is_none() && effort(100) >= 100
}

/// Runs `test` with each of these seeds, or with that in `SEED`, and says which one failed.
pub fn for_each_seed(seeds: Range<u64>, test: impl Fn(u64) + RefUnwindSafe) {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => seeds.start..seeds.start + effort(seeds.end - seeds.start),
    };
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| test(seed)) {
            eprintln!("SEED={seed} runs what failed once more");
            std::panic::resume_unwind(panic);
        }
    }
}
