//! House rules that nobody should have to watch for: what may import what, where outside crates
//! and `unsafe` are at home, and how long a file may be. Each message says what to do.

mod rules;
mod source;

use std::{fs, path::Path};

use rules::{CODE_LINES_MAX, faults};
use source::{LIBRARY, Source};

#[test]
fn the_sources_keep_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests stand in the workspace");
    let mut sources = Vec::new();
    for folder in [LIBRARY, "macros/src/"] {
        read(root, folder.trim_end_matches('/'), &mut sources);
    }
    assert!(sources.len() > 50, "the sources are somewhere else");
    let faults = faults(&sources);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn read(root: &Path, folder: &str, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(root.join(folder)).expect("the folder is there");
    let mut entries: Vec<_> = entries
        .map(|entry| entry.expect("it can be read"))
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read(root, &path, sources);
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a source is text");
            sources.push(Source::new(&path, &text));
        }
    }
}

/// What the rules say of one file, beside a `lib.rs`; without its head being looked at.
fn faults_of(path: &str, code: &str) -> Vec<String> {
    let library = "//! The library.\npub use tick::{Runtime};\npub use error::Error;\n\
                   pub mod prelude { pub use crate::{Error, Runtime}; }\n";
    let sources = [
        Source::new("runtime/src/lib.rs", library),
        Source::new(path, &format!("//! What it is about.\n{code}")),
    ];
    let mut faults = faults(&sources);
    faults.retain(|fault| !fault.contains("take it off the list"));
    faults
}

#[test]
fn planted_violations_are_found() {
    let planted = [
        ("schema/a.rs", "use crate::storage::Snapshot;", "not below"),
        (
            "storage/a.rs",
            "use crate::{schema::{Id, Name}, tick::Clock};",
            "not below",
        ),
        ("storage/a.rs", "fn f() -> crate::Runtime {}", "not below"),
        (
            "transaction/a.rs",
            "use crate::persistence::Store;",
            "not below",
        ),
        (
            "persistence/a.rs",
            "use crate::transaction::Moment;",
            "not below",
        ),
        (
            "procedure/a.rs",
            "use crate::persistence::Store;",
            "not below",
        ),
        ("storage/a.rs", "use crate::metrics::Metrics;", "not below"),
        ("tick/a.rs", "use crate::macro_support::field;", "not below"),
        (
            "storage/a/b.rs",
            "use super::super::super::tick::Clock;",
            "climbs",
        ),
        ("storage/mod.rs", "use super::tick::Clock;", "climbs"),
        ("cluster/a.rs", "", "no layer"),
        ("tick/a.rs", "use rayon::join;", "at home"),
        ("storage/a.rs", "use std::{io, fs::File};", "at home"),
        (
            "tick/a.rs",
            "let now = std::time::Instant::now();",
            "at home",
        ),
        (
            "storage/a.rs",
            "static A: arc_swap::ArcSwap<u8> = x;",
            "at home",
        ),
        (
            "tick/a.rs",
            "async fn f() { tokio::spawn(g()); }",
            "at home",
        ),
        ("tick/a.rs", "let a = unsafe { b() };", "`unsafe`"),
        (
            "tick/a.rs",
            "#[cfg(test)]\nmod tests { unsafe fn f() {} }",
            "`unsafe`",
        ),
        ("tick/a.rs", "fn f() -> tickbase::Id<A> {}", "its own crate"),
    ];
    for (path, code, expected) in planted {
        let faults = faults_of(&format!("{LIBRARY}{path}"), code);
        let found = faults.len() == 1 && faults[0].contains(expected);
        assert!(found, "{path}: {code}: {faults:?}");
    }
    let generated = "quote!(impl ::tickbase::Record for A {})";
    let faults = faults_of("macros/src/a.rs", generated);
    assert!(faults[0].contains("macro_support"), "{faults:?}");
}

#[test]
fn what_is_no_violation_is_not_found() {
    let fine = [
        (
            "tick/a.rs",
            "use crate::{Error, database::Database, storage::Snapshot};",
        ),
        (
            "storage/a.rs",
            "use crate::schema::Id; // not crate::tick, nor unsafe",
        ),
        ("storage/a.rs", "let text = \"crate::tick, \\\" unsafe \";"),
        (
            "storage/a.rs",
            "let text = r#\"a \" unsafe\"#; let quote = '\"'; let life: &'a u8;",
        ),
        (
            "storage/a.rs",
            "/* unsafe */ fn offs(r#type: u8, fs_name: u8) {}",
        ),
        ("storage/a/b.rs", "use super::super::Snapshot;"),
        (
            "storage/a.rs",
            "#[cfg(test)]\nmod tests { use crate::tick::Clock; use std::fs; }",
        ),
        ("clock.rs", "use std::time::{Instant, SystemTime};"),
        ("server/a.rs", "use axum::Router; use crate::Runtime;"),
    ];
    for (path, code) in fine {
        let faults = faults_of(&format!("{LIBRARY}{path}"), code);
        assert!(faults.is_empty(), "{path}: {code}: {faults:?}");
    }
}

#[test]
fn lines_of_code_are_counted_without_comments_blank_lines_and_tests() {
    let path = format!("{LIBRARY}tick/a.rs");
    let filler = "\n// why\n".repeat(300);
    let tests = format!(
        "#[cfg(test)]\nmod tests {{\n{}}}\n",
        "fn t() {}\n".repeat(300)
    );
    let code = |lines| format!("{filler}{}{tests}", "fn f() {}\n".repeat(lines));
    assert!(faults_of(&path, &code(CODE_LINES_MAX)).is_empty());
    let faults = faults_of(&path, &code(CODE_LINES_MAX + 1));
    assert!(faults[0].contains("401 lines"), "{faults:?}");
}

#[test]
fn a_file_without_a_head_is_found() {
    for text in ["", "//! .\n", "use std::fmt;\n//! Too late to say it.\n"] {
        let faults = faults(&[Source::new("macros/src/a.rs", text)]);
        assert!(faults[0].contains("no head"), "{faults:?}");
    }
}

#[test]
fn a_file_that_is_declared_for_tests_may_use_anything_but_unsafe() {
    let sources = [
        Source::new(
            "runtime/src/persistence/mod.rs",
            "//! How data survives.\n#[cfg(test)]\nmod crash_tests;\nmod disk;\n",
        ),
        Source::new(
            "runtime/src/persistence/crash_tests.rs",
            "//! Crashes at every moment.\nuse std::fs;\nuse crate::tick::Clock;\n",
        ),
    ];
    let faults = faults(&sources);
    let stale = |fault: &String| fault.contains("take it off the list");
    assert!(faults.iter().all(stale), "{faults:?}");
}
