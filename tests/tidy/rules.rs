//! The rules, and the lists of what is excepted from them.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{LIBRARY, Source, first_word, words};

/// What each layer may import, beside itself. The order is that of `ARCHITECTURE.md`, top first.
const LAYERS: [(&str, &[&str]); 12] = [
    (
        "server",
        &[
            "tick",
            "database",
            "procedure",
            "transaction",
            "persistence",
            "storage",
            "schema",
            "metrics",
        ],
    ),
    (
        "tick",
        &[
            "database",
            "procedure",
            "transaction",
            "storage",
            "schema",
            "metrics",
        ],
    ),
    (
        "database",
        &[
            "procedure",
            "transaction",
            "persistence",
            "storage",
            "schema",
            "metrics",
        ],
    ),
    ("procedure", &["transaction", "storage", "schema"]),
    ("transaction", &["storage", "schema"]),
    ("persistence", &["storage", "schema"]),
    ("storage", &["schema"]),
    ("schema", &[]),
    ("clock", &["schema"]),
    ("config", &[]),
    ("metrics", &[]),
    (
        "macro_support",
        &["database", "procedure", "transaction", "storage", "schema"],
    ),
];

/// What every layer may import: the settings, the time, and the error with a variant per layer,
/// which therefore imports from all of them itself.
const FOR_ALL: [&str; 3] = ["clock", "config", "error"];

/// Names that are at home in a few files or folders, and nowhere else in the library.
const HOMES: [(&str, &[&str]); 19] = [
    ("arc_swap", &["storage/sync/shipped.rs"]),
    ("axum", &["server/"]),
    ("base64", &["schema/value.rs", "schema/variable.rs"]),
    ("catch_unwind", &["procedure/executor.rs"]),
    ("crc32c", &["persistence/"]),
    // Files are reached through the disk alone, so that tests can put another in its place.
    ("fs", &["persistence/disk.rs"]),
    ("hyper", &["server/"]),
    ("hyper_util", &["server/"]),
    ("imbl", &["storage/index/"]),
    // Time is a parameter. What the server measures are its own waits, not the database's time.
    (
        "Instant",
        &["clock.rs", "server/router.rs", "server/wire.rs"],
    ),
    ("inventory", &["database/linked.rs", "macro_support.rs"]),
    ("jiff", &["schema/timestamp.rs"]),
    ("memmap2", &["persistence/mapping.rs"]),
    ("prometheus_client", &["server/metrics.rs"]),
    ("rayon", &["storage/parallel.rs", "tick/procedures.rs"]),
    ("SystemTime", &["clock.rs"]),
    ("tokio", &["server/"]),
    ("tower", &["server/"]),
    ("tower_http", &["server/router.rs"]),
];

/// The files that may say `unsafe`: contracts, casts, memory, tree nodes, the mapping, and the
/// macros that write implementations of the contracts.
const UNSAFE: [&str; 25] = [
    "runtime/src/persistence/mapping.rs",
    "runtime/src/schema/field_type.rs",
    "runtime/src/schema/field_value.rs",
    "runtime/src/schema/record.rs",
    "runtime/src/schema/value_record.rs",
    "runtime/src/storage/cast.rs",
    "runtime/src/storage/loader.rs",
    "runtime/src/storage/memory.rs",
    "runtime/src/storage/snapshot.rs",
    "runtime/src/storage/store.rs",
    "runtime/src/storage/sync/watched.rs",
    "runtime/src/storage/tree/difference.rs",
    "runtime/src/storage/tree/node.rs",
    "runtime/src/storage/tree/page_copy.rs",
    "runtime/src/storage/tree/parts.rs",
    "runtime/src/storage/tree/pass.rs",
    "runtime/src/storage/tree/path.rs",
    "runtime/src/storage/tree/staged.rs",
    "runtime/src/storage/tree/tail.rs",
    "runtime/src/storage/tree/tests.rs",
    "runtime/src/storage/tree/view.rs",
    "runtime/src/storage/value_view.rs",
    "macros/src/field_type/expand.rs",
    "macros/src/table/expand.rs",
    "macros/src/table/values.rs",
];

/// Lines of code, without comments, blank lines and tests, at which a file has a second noun in it.
pub(crate) const CODE_LINES_MAX: usize = 400;

/// Everything that breaks a rule, one line each.
pub(crate) fn faults(sources: &[Source]) -> Vec<String> {
    let root = sources.iter().find(|source| source.is_root());
    let exports = root.map(|root| exports(&root.product)).unwrap_or_default();
    let tests = test_files(sources);
    let mut faults = Vec::new();
    for source in sources {
        let only_tests = tests.contains(&source.path);
        faults.extend(head_fault(source));
        faults.extend(unsafe_fault(source));
        faults.extend(macro_faults(source));
        if !only_tests {
            faults.extend(length_fault(source));
            faults.extend(import_faults(source, &exports));
            faults.extend(home_faults(source));
        }
    }
    faults.extend(stale_homes(sources));
    faults
}

fn head_fault(source: &Source) -> Option<String> {
    let first = source.text.lines().next().unwrap_or_default();
    let sentence = first.strip_prefix("//! ").unwrap_or_default();
    (sentence.len() < 10).then(|| {
        format!(
            "{}: it has no head: begin with a `//!` sentence that says what the file is about",
            source.path
        )
    })
}

fn length_fault(source: &Source) -> Option<String> {
    let lines = source.product.lines();
    let count = lines.filter(|line| !line.trim().is_empty()).count();
    (count > CODE_LINES_MAX).then(|| {
        format!(
            "{}: it has {count} lines of code, more than {CODE_LINES_MAX}: find the second noun in \
             it, and give that a file",
            source.path
        )
    })
}

fn unsafe_fault(source: &Source) -> Option<String> {
    let unlisted =
        words(&source.code).any(|word| word == "unsafe") && !UNSAFE.contains(&source.path.as_str());
    unlisted.then(|| {
        format!(
            "{}: it says `unsafe`: use what the files listed in `UNSAFE` offer, or argue for \
             another line in that list",
            source.path
        )
    })
}

/// Generated code names one path of the runtime, and nobody else names that.
fn macro_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    if source.path.starts_with("macros/") {
        for (place, _) in source.product.match_indices("::tickbase::") {
            let name = first_word(&source.product[place + "::tickbase::".len()..]);
            if name != "macro_support" {
                faults.push(format!(
                    "{}: generated code names `::tickbase::{name}`: export it from \
                     `macro_support`, the one path that may change with the macros",
                    source.path
                ));
            }
        }
    } else if source.product.contains(" tickbase::") {
        faults.push(format!(
            "{}: it names its own crate `tickbase`: write `crate::`",
            source.path
        ));
    }
    faults
}

fn import_faults(source: &Source, exports: &BTreeMap<String, String>) -> Vec<String> {
    let Some(layer) = source.layer() else {
        return Vec::new();
    };
    if source.is_root() || layer == "error" {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!(
            "{}: no layer is called `{layer}`: put the file into the layer that it is part of, or \
             give the layer its place in `LAYERS` and in ARCHITECTURE.md",
            source.path
        )];
    };
    let mut faults = Vec::new();
    for name in root_names(&source.product) {
        // A macro may be called like a layer: `procedure` is the layer here.
        let is_layer = LAYERS.iter().any(|(layer, _)| *layer == name);
        let exported = exports.get(&name).filter(|_| !is_layer);
        let target = exported.unwrap_or(&name);
        let fine = target == layer
            || allowed.contains(&target.as_str())
            || FOR_ALL.contains(&target.as_str());
        if !fine {
            faults.push(format!(
                "{}: `{layer}` imports `crate::{name}` of `{target}`, which is not below it: move \
                 what both need down, or let the caller hand it in",
                source.path
            ));
        }
    }
    let way_up = "super::".repeat(source.depth());
    if source.product.contains(&way_up) {
        faults.push(format!(
            "{}: it climbs to the root by `{way_up}`: write `crate::`, which shows what is imported",
            source.path
        ));
    }
    faults
}

fn home_faults(source: &Source) -> Vec<String> {
    let Some(path) = source.in_library() else {
        return Vec::new();
    };
    let used: BTreeSet<&str> = words(&source.product).collect();
    HOMES
        .iter()
        .filter(|(name, homes)| {
            used.contains(name) && !homes.iter().any(|home| path.starts_with(home))
        })
        .map(|(name, homes)| {
            format!(
                "{}: `{name}` is at home in {}: use what that offers, or move this there",
                source.path,
                homes.join(", ")
            )
        })
        .collect()
}

/// Lists of exceptions shrink too: a home that nobody lives in is taken off.
fn stale_homes(sources: &[Source]) -> Vec<String> {
    let lives = |name: &str, home: &str| {
        sources.iter().any(|source| {
            source.path.starts_with(home) && words(&source.code).any(|word| word == name)
        })
    };
    let homes = HOMES.iter().flat_map(|(name, homes)| {
        let homes = homes.iter();
        homes.map(move |home| (*name, format!("{LIBRARY}{home}")))
    });
    let listed = UNSAFE.iter().map(|path| ("unsafe", (*path).to_owned()));
    homes
        .chain(listed)
        .filter(|(name, home)| !lives(name, home))
        .map(|(name, home)| format!("{home}: no more `{name}` there: take it off the list"))
        .collect()
}

/// Names that `lib.rs` exports, each with the layer that it is from.
fn exports(root: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for import in root.split("pub use ").skip(1) {
        let import = import.split(';').next().unwrap_or_default();
        // The prelude names everything once more, by way of `crate`.
        let Some((layer, names)) = import.split_once("::").filter(|(from, _)| *from != "crate")
        else {
            continue;
        };
        for name in words(names) {
            exports.insert(name.to_owned(), layer.trim().to_owned());
        }
    }
    exports
}

/// The first name of every path that begins with `crate::`.
fn root_names(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (place, found) in code.match_indices("crate::") {
        let rest = &code[place + found.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(first_word(rest).to_owned());
            continue;
        };
        let (mut depth, mut start) = (1, 0);
        for (index, letter) in list.char_indices() {
            let ends = depth == 1 && matches!(letter, ',' | '}');
            if ends && !list[start..index].trim().is_empty() {
                names.insert(first_word(list[start..index].trim()).to_owned());
            }
            if ends {
                start = index + 1;
            }
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    names
}

/// Files whose module is declared for tests alone.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for source in sources {
        let folder = match source.path.strip_suffix("mod.rs") {
            Some(folder) => folder.to_owned(),
            None => format!("{}/", source.path.trim_end_matches(".rs")),
        };
        for module in source.code.split("#[cfg(test)]").skip(1) {
            let declared = module.trim_start().strip_prefix("mod ");
            let name = declared.map(first_word).unwrap_or_default();
            if declared.is_some_and(|declared| declared[name.len()..].starts_with(';')) {
                files.insert(format!("{folder}{name}.rs"));
            }
        }
    }
    files
}
