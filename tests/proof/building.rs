//! What the rows share that build and run tests with other settings: cargo, and what it says.

use std::process::Command;

use crate::rows::Reached;

/// Cargo in the folder of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}

/// What a program writes where it succeeds; a row that cannot start it is skipped.
///
/// # Panics
/// Where it fails, with the end of what it wrote.
pub(crate) fn output_of(what: &str, command: &mut Command) -> Result<String, Reached> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            return Err(Reached::Skipped(format!(
                "{program} does not start: {error}"
            )));
        }
    };
    let wrote = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(wrote.into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // The tests speak on the one, compilers and checkers on the other.
    panic!("{what}:\n{}\n{}", end_of(&wrote), end_of(&said))
}

fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
