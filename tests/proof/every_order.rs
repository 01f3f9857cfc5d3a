//! The concurrency model of storage: publishing, loading and reclaiming in every order in which
//! threads can meet, as `runtime/src/storage/concurrency_model.rs` has it.

use crate::{
    building::{cargo, output_of},
    rows::{Reached, Run},
};

/// Builds the library as the model watches it, and gives how many orders were tried.
pub(crate) fn holds(_run: &Run) -> Reached {
    let mut cargo = cargo();
    cargo
        .env("RUSTFLAGS", "--cfg loom")
        .args(["test", "--release", "--target-dir", "target/loom"])
        // The server's crates have models of their own under this setting, and the model of
        // storage needs none of them.
        .args(["--package", "tickbase", "--lib", "--no-default-features"])
        .args(["--", "storage::concurrency_model::", "--nocapture"]);
    let said = match output_of("in some order", &mut cargo) {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(skipped) => return skipped,
    };
    let orders = |line: &str| line.strip_suffix(" orders")?.parse::<u64>().ok();
    Reached::Times(said.lines().filter_map(orders).sum())
}
