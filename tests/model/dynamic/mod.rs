//! Random histories of a table whose fields come and go, beside an ordered map.

mod check;
mod history;
mod kinds;
mod model;
mod steps;

use std::{collections::BTreeMap, sync::Mutex};

use harness::{for_each_seed, is_whole_run};
use history::History;

#[test]
fn a_table_whose_fields_come_and_go_holds_what_an_ordered_map_holds() {
    let counts = Mutex::new(BTreeMap::new());
    for_each_seed(0..500, |seed| {
        for (what, count) in History::new(seed).run() {
            *counts.lock().unwrap().entry(what).or_insert(0) += count;
        }
    });
    let counts = counts.into_inner().unwrap();
    if is_whole_run() {
        assert_eq!(counts.len(), history::OUTCOMES, "{counts:#?}");
        assert!(counts.values().all(|count| *count > 3), "{counts:#?}");
    }
}
