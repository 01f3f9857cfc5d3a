//! Where time comes from: the machine, or a test.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::schema::Timestamp;

/// A source of time. The runtime asks nothing else for it.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time since the clock was made. It never goes back.
    fn now(&self) -> Duration;

    /// The time of day.
    fn wall(&self) -> Timestamp;

    /// Waits until `now` is at least `due`.
    fn sleep_until(&self, due: Duration);
}

/// The time of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    start_wall: Timestamp,
}

/// The last part of a wait is spent awake, since a sleeping thread comes back some 50 µs late.
const AWAKE: Duration = Duration::from_micros(100);

impl SystemClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let micros = since_1970.map_or(0, |time| {
            i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
        });
        Self {
            start: Instant::now(),
            start_wall: Timestamp::from_micros(micros),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall(&self) -> Timestamp {
        self.start_wall + self.start.elapsed()
    }

    fn sleep_until(&self, due: Duration) {
        if let Some(left) = due.checked_sub(self.now())
            && let Some(asleep) = left.checked_sub(AWAKE)
        {
            std::thread::sleep(asleep);
        }
        while self.now() < due {
            std::hint::spin_loop();
        }
    }
}

/// A clock that only a test moves.
#[derive(Debug, Default)]
pub struct ManualClock {
    micros: AtomicU64,
    micros_per_look: AtomicU64,
    waits: Mutex<Vec<Duration>>,
}

impl ManualClock {
    /// A clock that stands at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        self.micros.fetch_add(micros(by), Ordering::Relaxed);
    }

    /// From now on time moves by this much whenever somebody looks at the clock, so that work
    /// seems to take time.
    pub fn advance_at_each_look(&self, by: Duration) {
        self.micros_per_look.store(micros(by), Ordering::Relaxed);
    }

    /// The moments that were waited for so far.
    pub fn waits(&self) -> Vec<Duration> {
        self.waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        let step = self.micros_per_look.load(Ordering::Relaxed);
        Duration::from_micros(self.micros.fetch_add(step, Ordering::Relaxed))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_micros(0) + Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, due: Duration) {
        self.waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(due);
        self.micros.fetch_max(micros(due), Ordering::Relaxed);
    }
}
