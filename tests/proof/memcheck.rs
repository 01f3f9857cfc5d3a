//! The tests that reach most of the unsafe code once more, under valgrind's memcheck: it sees every
//! instruction, also of the standard library, and what is leaked in the end.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    building::{cargo, output_of},
    rows::{Reached, Run},
};

/// A test program, as cargo is told of it, and the tests of it that run.
struct Program {
    folder: &'static str,
    cargo: &'static [&'static str],
    tests: &'static str,
}

const PROGRAMS: [Program; 2] = [
    Program {
        folder: "runtime",
        cargo: &["--package", "tickbase", "--lib"],
        tests: "storage::",
    },
    Program {
        folder: "tests",
        cargo: &["--package", "tickbase-tests", "--test", "model"],
        tests: "",
    },
];

/// A program runs some fifty times slower here.
const EFFORT_PERCENT: &str = "4";

/// Builds the tests and runs them under memcheck. As of the sanitizer it holds that blocks which are
/// used again are counted by the tests of `storage`.
pub(crate) fn finds_nothing(run: &Run) -> Reached {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Reached::Skipped(
            "there is no valgrind: install the package of that name".to_owned(),
        );
    }
    for program in &PROGRAMS {
        if let Err(skipped) = check(program) {
            return skipped;
        }
    }
    Reached::Times(run.asked)
}

fn check(program: &Program) -> Result<(), Reached> {
    let mut build = cargo();
    build
        .args(["test", "--no-run", "--message-format", "json"])
        .args(program.cargo);
    let built = output_of("cargo", &mut build)?;
    let executable = executable(&String::from_utf8_lossy(&built.stdout));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .current_dir(workspace.join(program.folder))
        .env("EFFORT_PERCENT", EFFORT_PERCENT)
        .args(["--quiet", "--error-exitcode=9", "--num-callers=30"])
        .args(["--leak-check=full", "--show-leak-kinds=definite"])
        .arg("--errors-for-leak-kinds=definite")
        // Threads take turns, as on a machine with one core; none shall wait for ever.
        .arg("--fair-sched=try")
        .arg(executable)
        .args([program.tests, "--test-threads=1"]);
    output_of("under memcheck", &mut valgrind).map(drop)
}

/// The test program among what cargo says that it built, a line of JSON each.
fn executable(messages: &str) -> PathBuf {
    let path = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_test = message["profile"]["test"] == true;
        is_test.then(|| message["executable"].as_str().map(PathBuf::from))?
    };
    let found = messages.lines().find_map(path);
    found.expect("cargo names the test program that it built")
}
