//! Changes of records that one thread owns: in the database and, where they hold, in its model.

use tickbase::{RecordCodec, Result, Table, Text, TransactionHandle, Value};

use super::share::{Note, Parcel, Share, assert_not_found, parcel_id, record_id};
use crate::Random;

/// Records of each table up to which a share grows.
const RECORDS_MAX: usize = 150;

/// What one thread draws new records from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) random: Random,
    owner: u32,
    codes: u64,
}

impl Source {
    pub(super) fn new(owner: u32, seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            owner,
            codes: 0,
        }
    }

    fn weight(&mut self) -> i64 {
        i64::try_from(self.random.below(1_000_000)).expect("it is small")
    }

    /// A parcel with a code that no other has ever had.
    pub(super) fn parcel(&mut self) -> Parcel {
        self.codes += 1;
        Parcel {
            owner: self.owner,
            level: u8::try_from(self.random.below(256)).expect("it fits"),
            code: u64::from(self.owner + 1) << 32 | self.codes,
            weight: self.weight(),
        }
    }

    fn note(&mut self) -> Note {
        let mark = self.random.pick(&["", "a", "bc", "eight ch", "äöü"]);
        Note {
            owner: self.owner,
            number: self.weight() - 500_000,
            mark: Text::new(mark).expect("it fits"),
            open: self.random.one_in(2),
        }
    }

    /// One change inside a transaction that began with the share `base`; it reads what it wrote.
    pub(super) fn change_in(
        &mut self,
        tx: &mut TransactionHandle,
        base: &Share,
        share: &mut Share,
    ) -> Result<()> {
        match self.random.below(9) {
            0 if share.parcels.len() < RECORDS_MAX => {
                let parcel = self.parcel();
                share.insert_parcel(tx.insert(parcel)?.get(), parcel);
            }
            1 if share.notes.len() < RECORDS_MAX => {
                let note = self.note();
                let id = match self.random.one_in(2) {
                    true => tx.create_record("note", &note.value())?,
                    false => tx.create_record_bytes("note", &note.bytes())?,
                };
                share.insert_note(id.get(), note);
            }
            2..=4 => self.change_parcel(tx, share)?,
            5..=7 => self.change_note(tx, share)?,
            _ => Self::miss(tx, share, &mut self.random),
        }
        share.read_in(tx, base, &mut self.random);
        Ok(())
    }

    fn change_parcel(&mut self, tx: &mut TransactionHandle, share: &mut Share) -> Result<()> {
        let Some((id, mut parcel)) = share.parcel(&mut self.random) else {
            return Ok(());
        };
        let (key, weight) = (parcel_id(id), self.weight());
        // A parcel whose code others want keeps it until its owner gives it up.
        let kinds = if parcel.is_lot() { 3 } else { 5 };
        match self.random.below(kinds) {
            0 => {
                let before = tx.update(key, |slot| {
                    let before = *slot;
                    slot.weight += weight;
                    before
                })?;
                assert_eq!(before, parcel);
                parcel.weight += weight;
            }
            1 => {
                tx.set(key, Parcel::fields().weight, weight)?;
                parcel.weight = weight;
            }
            2 => {
                let level = Value::object([("level", parcel.level.wrapping_add(1))]);
                tx.partial_update("parcel", record_id(id), &level)?;
                parcel.level = parcel.level.wrapping_add(1);
            }
            3 => {
                parcel = self.parcel();
                match self.random.one_in(2) {
                    true => tx.replace(key, parcel)?,
                    false => {
                        let bytes = parcel.to_bytes();
                        tx.update_record_bytes("parcel", record_id(id), &bytes)?;
                    }
                }
            }
            _ => {
                tx.delete(key)?;
                share.remove_parcel(id);
                return Ok(());
            }
        }
        assert_eq!(tx.get(key), Some(&parcel));
        share.parcels.insert(id, parcel);
        Ok(())
    }

    fn change_note(&mut self, tx: &mut TransactionHandle, share: &mut Share) -> Result<()> {
        let Some((id, mut note)) = share.note(&mut self.random) else {
            return Ok(());
        };
        let key = record_id(id);
        match self.random.below(4) {
            0 => {
                note = self.note();
                tx.update_record("note", key, &note.value())?;
            }
            1 => {
                note = self.note();
                tx.update_record_bytes("note", key, &note.bytes())?;
            }
            2 => {
                note.open = !note.open;
                tx.partial_update("note", key, &Value::object([("open", note.open)]))?;
            }
            _ => {
                tx.delete_record("note", key)?;
                share.remove_note(id);
                return Ok(());
            }
        }
        let read = tx.read_record("note", key)?;
        assert_eq!(read, Some(note.bytes().as_slice()));
        share.notes.insert(id, note);
        Ok(())
    }

    /// What is gone cannot be changed.
    fn miss(tx: &mut TransactionHandle, share: &Share, random: &mut Random) {
        if let Some(id) = share.gone_parcels.pick(random) {
            assert_not_found(tx.delete(parcel_id(id)));
            assert_not_found(tx.set(parcel_id(id), Parcel::fields().level, 1));
        }
        if let Some(id) = share.gone_notes.pick(random) {
            let patch = Value::object([("number", 1)]);
            assert_not_found(tx.partial_update("note", record_id(id), &patch));
        }
    }

    /// One change without a transaction of ours.
    pub(super) fn change_directly(&mut self, notes: &Table, share: &mut Share) -> Result<()> {
        let known = share.note(&mut self.random);
        let Some((id, mut note)) = known.filter(|_| !self.random.one_in(4)) else {
            if share.notes.len() < RECORDS_MAX {
                let note = self.note();
                share.insert_note(notes.create_record(&note.value())?.get(), note);
            }
            return Ok(());
        };
        let key = record_id(id);
        match self.random.below(4) {
            0 => {
                note = self.note();
                notes.update_record(key, &note.bytes())?;
            }
            1 => {
                note.number += 1;
                notes.partial_update(key, &Value::object([("number", note.number)]))?;
            }
            2 => {
                let burnt = notes.next_id()?.get();
                share.gone_notes.add(burnt);
            }
            _ => {
                notes.delete_record(key)?;
                share.remove_note(id);
                return Ok(());
            }
        }
        assert_eq!(notes.read_record(key)?, note.bytes());
        share.notes.insert(id, note);
        Ok(())
    }

    /// Adds to the weight of all own parcels, and doubles the light ones of them.
    pub(super) fn pass(&mut self, tx: &mut TransactionHandle, base: &Share) -> Result<Share> {
        let mut share = base.clone();
        let owner = self.owner;
        tx.table_mut::<Parcel>().par_for_each_mut(|_, parcel| {
            if parcel.owner == owner {
                parcel.weight += 7;
            }
        })?;
        let double = |parcel: &Parcel| Parcel {
            weight: 2 * parcel.weight,
            ..*parcel
        };
        tx.table_mut::<Parcel>().par_replace_each(|_, parcel| {
            (parcel.owner == owner && parcel.weight < 1_000).then(|| double(parcel))
        })?;
        for parcel in share.parcels.values_mut() {
            parcel.weight += 7;
            if parcel.weight < 1_000 {
                *parcel = double(parcel);
            }
        }
        share.read_in(tx, base, &mut self.random);
        Ok(share)
    }
}
