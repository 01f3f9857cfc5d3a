//! What the rows share that build and run tests with other settings: cargo, and what it says.

use std::process::{Command, Output};

use crate::rows::Reached;

/// Cargo in the folder of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}

/// What a program writes where it succeeds; the row is skipped where it does not start.
///
/// # Panics
/// Where it fails, with the end of what it wrote.
pub(crate) fn output_of(what: &str, command: &mut Command) -> Result<Output, Reached> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            return Err(Reached::Skipped(format!(
                "{program} does not start: {error}"
            )));
        }
    };
    if output.status.success() {
        return Ok(output);
    }
    let wrote = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    // The tests speak on the one, compilers and checkers on the other.
    panic!("{what}:\n{}\n{}", end_of(&wrote), end_of(&said))
}

fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
