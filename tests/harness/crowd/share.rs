//! What one thread of a crowd owns: records that it alone changes, beside a model of them.

use std::collections::BTreeMap;

use tickbase::{
    Id, RecordId, Snapshot, Table, Text, TransactionError, TransactionHandle, Value, table,
};

use crate::Random;

/// A record of a compiled table, with padding and a unique field.
#[table]
#[derive(Debug, PartialEq)]
pub(super) struct Parcel {
    /// The thread that owns it.
    pub(super) owner: u32,
    /// Anything.
    pub(super) level: u8,
    /// A number that no other parcel has.
    #[unique]
    pub(super) code: u64,
    /// Grams.
    pub(super) weight: i64,
}

impl Parcel {
    /// Whether its code is one that all threads want, and not one that its owner made.
    pub(super) fn is_lot(&self) -> bool {
        self.code >> 32 == 0
    }
}

/// A record of the table `note`, which is made at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) owner: u32,
    pub(super) number: i64,
    pub(super) mark: Text<8>,
    pub(super) open: bool,
}

/// The fields of `note`.
pub(super) const NOTE_FIELDS: [(&str, &str); 4] = [
    ("owner", "u32"),
    ("number", "i64"),
    ("mark", "text<8>"),
    ("open", "bool"),
];

impl Note {
    /// As an object of its fields.
    pub(super) fn value(&self) -> Value {
        Value::object([
            ("owner", Value::from(self.owner)),
            ("number", self.number.into()),
            ("mark", self.mark.as_str().into()),
            ("open", self.open.into()),
        ])
    }

    /// As the layout of `repr(C)` has it, written here by hand.
    pub(super) fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0..4].copy_from_slice(&self.owner.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        let mark = self.mark.as_str().as_bytes();
        bytes[16] = u8::try_from(mark.len()).expect("at most 8");
        bytes[18..18 + mark.len()].copy_from_slice(mark);
        bytes[26] = u8::from(self.open);
        bytes
    }
}

/// Ids that lead nowhere, the newest of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Gone(Vec<u64>);

impl Gone {
    const KEPT: usize = 16;

    pub(super) fn add(&mut self, id: u64) {
        if self.0.len() == Self::KEPT {
            self.0.remove(0);
        }
        self.0.push(id);
    }

    pub(super) fn pick(&self, random: &mut Random) -> Option<u64> {
        (!self.0.is_empty()).then(|| random.pick(&self.0))
    }
}

/// The records that one thread owns, as its model has them.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) owner: u32,
    pub(super) parcels: BTreeMap<u64, Parcel>,
    pub(super) notes: BTreeMap<u64, Note>,
    pub(super) gone_parcels: Gone,
    pub(super) gone_notes: Gone,
}

/// The id of a parcel.
pub(super) fn parcel_id(id: u64) -> Id<Parcel> {
    Id::from_u64(id).expect("ids are above 0")
}

/// The id of a record.
pub(super) fn record_id(id: u64) -> RecordId {
    RecordId::new(id).expect("ids are above 0")
}

impl Share {
    pub(super) fn new(owner: u32) -> Self {
        Self {
            owner,
            parcels: BTreeMap::new(),
            notes: BTreeMap::new(),
            gone_parcels: Gone::default(),
            gone_notes: Gone::default(),
        }
    }

    /// One of its parcels.
    pub(super) fn parcel(&self, random: &mut Random) -> Option<(u64, Parcel)> {
        let place = random.place(self.parcels.len().max(1));
        let found = self.parcels.iter().nth(place)?;
        Some((*found.0, *found.1))
    }

    /// One of its notes.
    pub(super) fn note(&self, random: &mut Random) -> Option<(u64, Note)> {
        let place = random.place(self.notes.len().max(1));
        let found = self.notes.iter().nth(place)?;
        Some((*found.0, *found.1))
    }

    pub(super) fn insert_parcel(&mut self, id: u64, parcel: Parcel) {
        let last = self.parcels.last_key_value();
        assert!(last.is_none_or(|(last, _)| *last < id), "ids only go up");
        self.parcels.insert(id, parcel);
    }

    pub(super) fn insert_note(&mut self, id: u64, note: Note) {
        let last = self.notes.last_key_value();
        assert!(last.is_none_or(|(last, _)| *last < id), "ids only go up");
        self.notes.insert(id, note);
    }

    pub(super) fn remove_parcel(&mut self, id: u64) {
        self.parcels.remove(&id).expect("it was there");
        self.gone_parcels.add(id);
    }

    pub(super) fn remove_note(&mut self, id: u64) {
        self.notes.remove(&id).expect("it was there");
        self.gone_notes.add(id);
    }

    /// What another state of this share has that this one lacks is gone for ever.
    pub(super) fn note_aborted(&mut self, aborted: &Self) {
        let parcels = aborted.parcels.keys();
        for id in parcels.filter(|id| !self.parcels.contains_key(id)) {
            self.gone_parcels.add(*id);
        }
        let notes = aborted.notes.keys();
        for id in notes.filter(|id| !self.notes.contains_key(id)) {
            self.gone_notes.add(*id);
        }
    }

    /// A snapshot taken by the owner shows exactly this of what it owns.
    pub(super) fn check(&self, snapshot: &Snapshot) {
        let parcels = snapshot.table::<Parcel>();
        let own = parcels.iter().filter(|(_, p)| p.owner == self.owner);
        let own = own.map(|(id, parcel)| (id.get(), *parcel));
        assert!(own.eq(self.parcels.iter().map(|(id, parcel)| (*id, *parcel))));
        let notes = snapshot.table_by_name("note").expect("it is there");
        let owner = self.owner.to_le_bytes();
        let own = notes.records().filter(|(_, note)| note.fixed[..4] == owner);
        let model = self.notes.iter().map(|(id, note)| (*id, note.bytes()));
        assert!(
            own.map(|(id, note)| (id.get(), note.fixed.to_vec()))
                .eq(model.map(|(id, bytes)| (id, bytes.to_vec())))
        );
        for (id, parcel) in &self.parcels {
            let found = parcels.find(Parcel::fields().code, parcel.code);
            assert_eq!(
                found.map(|(id, _)| id.get()),
                Some(*id),
                "found by its code"
            );
        }
    }

    /// Reads something of what it owns in a snapshot, by id, by key, as bytes and as a value.
    pub(super) fn check_some(&self, snapshot: &Snapshot, notes: &Table, random: &mut Random) {
        let parcels = snapshot.table::<Parcel>();
        if let Some((id, parcel)) = self.parcel(random) {
            assert_eq!(parcels.get(parcel_id(id)), Some(&parcel));
            let pointer = parcels.read_record_ptr(parcel_id(id)).expect("it is there");
            assert_eq!(*pointer, parcel);
            let found = parcels.find(Parcel::fields().code, parcel.code);
            assert_eq!(found, Some((parcel_id(id), &parcel)));
        }
        if let Some(id) = self.gone_parcels.pick(random) {
            assert_eq!(parcels.get(parcel_id(id)), None);
        }
        if let Some((id, note)) = self.note(random) {
            let read = notes.read_record(record_id(id)).expect("it is there");
            assert_eq!(read, note.bytes());
            let read = notes.read_value(record_id(id)).expect("it is there");
            assert_eq!(read, note.value());
        }
        if let Some(id) = self.gone_notes.pick(random) {
            notes.read_record(record_id(id)).expect_err("it is gone");
        }
    }

    /// Reads something of what it owns inside a transaction that began with the share `base`.
    pub(super) fn read_in(&self, tx: &TransactionHandle, base: &Self, random: &mut Random) {
        if let Some((id, parcel)) = self.parcel(random) {
            assert_eq!(tx.get(parcel_id(id)), Some(&parcel));
            // To look for a code that is not committed is to read the whole table.
            let committed = base.parcels.get(&id).map(|parcel| parcel.code);
            if committed == Some(parcel.code) {
                let found = tx.find(Parcel::fields().code, parcel.code);
                assert_eq!(found, Some((parcel_id(id), &parcel)));
            }
        }
        if let Some((id, note)) = self.note(random) {
            let read = tx.read_record("note", record_id(id)).expect("a table");
            assert_eq!(read, Some(note.bytes().as_slice()));
        }
        if let Some(id) = self.gone_parcels.pick(random) {
            assert_eq!(tx.get(parcel_id(id)), None);
        }
        if let Some(id) = self.gone_notes.pick(random) {
            assert_eq!(tx.read_record("note", record_id(id)), Ok(None));
        }
    }
}

/// What a change of a record that is gone says.
pub(super) fn assert_not_found<R: std::fmt::Debug>(result: Result<R, TransactionError>) {
    let error = result.expect_err("the record is gone");
    let not_found = matches!(error, TransactionError::RecordNotFound { .. });
    assert!(not_found, "{error}");
}
