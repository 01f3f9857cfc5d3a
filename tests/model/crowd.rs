//! Many threads at once, each of which checks all that it reads.

use harness::{crowd, effort, is_whole_run, seed_or};

#[test]
fn eight_threads_read_what_they_must_in_a_hundred_thousand_operations() {
    let tally = crowd::run(seed_or(1), 8, effort(100_000));
    assert!(tally.operations >= effort(100_000));
    if is_whole_run() {
        for (step, count) in &tally.steps {
            assert!(*count > 50, "{step}: only {count} times");
        }
        assert!(tally.taken > 100 && tally.read_again > 500, "{tally:?}");
    }
}
