//! How the bytes of a record come to be: of values, of bytes from outside, of a former record and
//! new values, or of two records.

use super::{
    Field, FieldFault, FieldMask, RecordBuf, RecordLayout, RecordRef, Value, ValueFault,
    fault::did_you_mean,
};

/// Writes one field into a record in which its place is zeroed.
type Write<'s> = dyn Fn(&Field, &mut RecordBuf) -> Result<(), ValueFault> + 's;

/// Where the value of one field comes from.
#[derive(Clone, Copy)]
enum Source<'s> {
    /// The former record.
    Kept,
    /// A value.
    Value(&'s Value),
    /// Another record of the same layout.
    Record(RecordRef<'s>),
    /// Code that knows its type.
    Written(&'s Write<'s>),
}

impl RecordLayout {
    /// A whole record; fields that `value` leaves out take their default. Gives every fault, not
    /// only the first.
    pub fn write(&self, value: &Value) -> Result<RecordBuf, Vec<FieldFault>> {
        let mut faults = self.unknown_fields(value)?;
        let mut record = RecordBuf::zeroed(self.record_size());
        for field in self.fields() {
            let value = value.get(field.name.as_str()).or(field.default.as_ref());
            let written = match value {
                Some(value) => field.write(value, &mut record),
                None if field.layout.type_id.starts_with("option<") => Ok(()),
                None => Err(ValueFault::Missing),
            };
            faults.extend(written.err().map(|fault| field.fault(fault)));
        }
        if faults.is_empty() {
            Ok(record)
        } else {
            Err(faults)
        }
    }

    /// A copy of a record that comes from outside, checked, with its padding zeroed.
    pub fn checked_copy(&self, record: RecordRef<'_>) -> Result<RecordBuf, Vec<FieldFault>> {
        self.check(record)?;
        let mut copy = record.to_buf();
        self.zero_padding(copy.fixed_mut());
        Ok(copy)
    }

    /// The record with the fields that `value` names written anew, and which those are.
    pub fn patch(
        &self,
        value: &Value,
        record: RecordRef<'_>,
    ) -> Result<(RecordBuf, FieldMask), Vec<FieldFault>> {
        let mut faults = self.unknown_fields(value)?;
        let named = |field: &Field| value.get(field.name.as_str());
        let source = |_, field: &Field| named(field).map_or(Source::Kept, Source::Value);
        let (patched, more) = self.compose(record, source);
        faults.extend(more);
        if !faults.is_empty() {
            return Err(faults);
        }
        let fields = self.fields().iter().enumerate();
        let named = fields.filter(|(_, field)| named(field).is_some());
        let mask = named.fold(FieldMask::NONE, |mask, (index, _)| mask.with(index));
        Ok((patched, mask))
    }

    /// `base` with the fields of `mask` taken from `other`. It fails where both are records, and
    /// what they have in their tails is too much for one.
    pub fn merge(
        &self,
        base: RecordRef<'_>,
        other: RecordRef<'_>,
        mask: FieldMask,
    ) -> Result<RecordBuf, FieldFault> {
        let source = |index, _: &Field| match mask.contains(index) {
            true => Source::Record(other),
            false => Source::Kept,
        };
        let (merged, faults) = self.compose(base, source);
        faults.into_iter().next().map_or(Ok(merged), Err)
    }

    /// The record with the field of this place written anew.
    pub(crate) fn with_field(
        &self,
        record: RecordRef<'_>,
        index: usize,
        write: &Write<'_>,
    ) -> Result<RecordBuf, FieldFault> {
        let source = |at, _: &Field| match at == index {
            true => Source::Written(write),
            false => Source::Kept,
        };
        let (changed, faults) = self.compose(record, source);
        faults.into_iter().next().map_or(Ok(changed), Err)
    }

    /// Puts a record together; where there are faults, what comes of it is none.
    fn compose<'s>(
        &self,
        base: RecordRef<'_>,
        source: impl Fn(usize, &Field) -> Source<'s>,
    ) -> (RecordBuf, Vec<FieldFault>) {
        let is_variable = |field: &Field| field.layout.variable().is_some();
        let is_kept = |index, field: &Field| matches!(source(index, field), Source::Kept);
        // A value of variable length moves those behind it, so the whole tail is made anew.
        let keeps_tail = !self.has_tails()
            || (self.fields().iter().enumerate())
                .all(|(index, field)| is_kept(index, field) || !is_variable(field));
        let mut record = match keeps_tail {
            true => base.to_buf(),
            false => RecordBuf::with_fixed(base.fixed),
        };
        let mut faults = Vec::new();
        let mut changed = None;
        for (index, field) in self.fields().iter().enumerate() {
            let source = source(index, field);
            if matches!(source, Source::Kept) && (keeps_tail || !is_variable(field)) {
                continue;
            }
            field.bytes_mut(record.fixed_mut()).fill(0);
            let written = match source {
                Source::Kept => field.copy(field, base, &mut record),
                Source::Value(value) => field.write(value, &mut record),
                Source::Record(other) => field.copy(field, other, &mut record),
                Source::Written(write) => write(field, &mut record),
            };
            if is_variable(field) && !matches!(source, Source::Kept) {
                changed = Some(field);
            }
            // What was kept fitted before: that it no longer does is for the last change to answer.
            let blamed = match source {
                Source::Kept => changed.unwrap_or(field),
                _ => field,
            };
            faults.extend(written.err().map(|fault| blamed.fault(fault)));
        }
        (record, faults)
    }

    fn unknown_fields(&self, value: &Value) -> Result<Vec<FieldFault>, Vec<FieldFault>> {
        let Value::Object(parts) = value else {
            return Err(vec![FieldFault {
                field: String::new(),
                fault: ValueFault::TypeMismatch {
                    expected: "an object with the record's fields".to_owned(),
                    found: value.describe(),
                },
            }]);
        };
        let known = || self.fields().iter().map(|field| field.name.as_str());
        let unknown = |(name, _): &(String, Value)| {
            if self.field(name).is_some() {
                return None;
            }
            let hint = match name.as_str() {
                "id" => ": the table gives each record its id".to_owned(),
                _ => did_you_mean(name, known()),
            };
            let field = name.chars().take(80).collect();
            Some(FieldFault {
                field,
                fault: ValueFault::Unknown { hint },
            })
        };
        Ok(parts.iter().filter_map(unknown).collect())
    }
}
