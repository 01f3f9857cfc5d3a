//! Compares all that a view of a table shows with the model.

use tickbase::{RecordId, RecordRef, TableView};

use super::model::Model;

/// Compares all that a view of `item` in a snapshot shows with the model.
pub(super) fn check(view: TableView<'_>, model: &Model) {
    check_records(view, model);
    let last = model.records.last_key_value().map_or(0, |(id, _)| *id);
    assert!(view.last_id() >= last, "it was given out");
}

/// Compares what a view of `item` shows, also inside a transaction, with the model.
pub(super) fn check_records(view: TableView<'_>, model: &Model) {
    check_fields(view, model);
    let (_, size) = model.layout();
    let bytes = |(id, record): (&u64, &Vec<_>)| (*id, model.bytes(record));
    let expected: Vec<(u64, Vec<u8>)> = model.records.iter().map(bytes).collect();
    let own = |(id, record): (RecordId, RecordRef<'_>)| (id.get(), record.fixed.to_vec());
    let shown: Vec<(u64, Vec<u8>)> = view.records().map(own).collect();
    assert_eq!(shown, expected, "what the records hold");
    assert_eq!(view.len(), expected.len() as u64);
    assert_eq!(view.is_empty(), expected.is_empty());
    assert!(view.capacity() >= view.len());

    let after = expected.get(expected.len() / 2).map_or(0, |(id, _)| *id);
    let behind = view.records_after(after).map(|(id, _)| id.get());
    assert!(behind.eq(expected.iter().map(|(id, _)| *id).filter(|id| *id > after)));

    let mut behind = (0, 0);
    for (id, record) in &expected {
        let id = RecordId::new(*id).unwrap();
        assert_eq!(view.read_record(id), Some(record.as_slice()));
        let (page, offset) = view.record_offset(id).expect("a live record has a place");
        assert!(
            (page, offset) >= behind,
            "it stands behind those of lower ids"
        );
        behind = (page, offset + size);
    }
    check_pages(view, model);
}

fn check_fields(view: TableView<'_>, model: &Model) {
    let layout = &view.schema().layout;
    let (offsets, size) = model.layout();
    assert_eq!(layout.record_size(), size);
    assert_eq!(layout.fields().len(), model.fields.len());
    for ((field, expected), offset) in layout.fields().iter().zip(&model.fields).zip(offsets) {
        assert_eq!(field.name, *expected.name);
        assert_eq!(field.type_id(), expected.kind.type_id());
        assert_eq!((field.offset, field.unique), (offset, expected.unique));
        assert_eq!(field.default, expected.default);
    }
}

/// Pages show each record once, under the bit of its id.
fn check_pages(view: TableView<'_>, model: &Model) {
    let mut ids = Vec::new();
    for page in view.pages() {
        assert_ne!(page.live(), 0, "a page without records is none");
        let bits = (0..64).filter(|bit| page.live() >> bit & 1 == 1);
        let before = ids.len();
        ids.extend(bits.map(|bit| page.first_id() + bit));
        assert!(
            page.records()
                .map(|(id, _)| id.get())
                .eq(ids[before..].iter().copied())
        );
    }
    assert!(ids.iter().eq(model.records.keys()));
    // What is not there has no bytes, wherever it lies.
    let last = model.last_id.max(1);
    let some = (1..=last).step_by(1 + last as usize / 300);
    for id in some.chain([last + 64, last << 20, u64::MAX]) {
        if !model.records.contains_key(&id) {
            assert_eq!(view.read_record(RecordId::new(id).unwrap()), None);
        }
    }
}
