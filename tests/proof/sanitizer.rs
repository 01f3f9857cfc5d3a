//! The tests of storage, transactions and the tick once more, under the address sanitizer.

use std::process::Command;

use crate::rows::{Reached, Run};

/// Where the sanitizer that comes with the toolchain runs.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The test programs that reach most of the unsafe code.
const TESTS: [&str; 3] = ["database", "model", "tick"];

/// Builds and runs the tests with the sanitizer. It knows nothing of pages that are used again, so
/// the tests of `storage` count every block besides.
pub(crate) fn finds_nothing(run: &Run) -> Reached {
    if run.short {
        return Reached::Skipped("it builds everything anew".to_owned());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Reached::Skipped(format!("the sanitizer is for {TARGET}"));
    }
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        // The sanitizer is not stable, and needs no more of the toolchain than this.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "RUSTFLAGS",
            "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer",
        )
        .args([
            "test",
            "--quiet",
            "--target",
            TARGET,
            "--target-dir",
            "target/asan",
        ])
        .args(["--package", "tickbase-tests"])
        .args(TESTS.iter().flat_map(|test| ["--test", test]));
    match cargo.output() {
        Err(error) => Reached::Skipped(format!("cargo does not start: {error}")),
        Ok(output) if output.status.success() => Reached::Times(run.asked),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = said.lines().rev().take(40).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            panic!("under the address sanitizer:\n{}", last.join("\n"))
        }
    }
}
