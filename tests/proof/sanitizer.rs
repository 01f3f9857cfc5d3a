//! The tests of storage, transactions and the tick once more, under the address sanitizer.

use crate::{
    building::{cargo, output_of},
    rows::{Reached, Run},
};

/// Where the sanitizer that comes with the toolchain runs.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What runs: the tests that reach most of the unsafe code.
const TESTS: [&[&str]; 2] = [
    &["--package", "tickbase", "--lib", "--", "storage::"],
    &[
        "--package",
        "tickbase-tests",
        "--test",
        "database",
        "--test",
        "model",
        "--test",
        "tick",
    ],
];

/// Builds and runs the tests with the sanitizer. It knows nothing of pages that are used again, so
/// the tests of `storage` count every block besides.
pub(crate) fn finds_nothing(run: &Run) -> Reached {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Reached::Skipped(format!("the sanitizer is for {TARGET}"));
    }
    for tests in TESTS {
        let mut cargo = cargo();
        cargo
            // The sanitizer is not stable, and needs no more of the toolchain than this.
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "RUSTFLAGS",
                "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer",
            )
            .args(["test", "--quiet", "--target", TARGET])
            .args(["--target-dir", "target/asan"])
            .args(tests);
        if let Err(skipped) = output_of("under the address sanitizer", &mut cargo) {
            return skipped;
        }
    }
    Reached::Times(run.asked)
}
