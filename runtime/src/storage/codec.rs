//! Records as bytes and as JSON.

use super::Readable;
use crate::schema::{FieldFault, RecordBuf, Value, ValueFault};

/// Records as bytes and as JSON: what every struct with `#[table]` can do.
pub trait RecordCodec: Readable {
    /// The record's bytes, as a table holds them: `record_size` of them, padding 0, and behind them
    /// the tail.
    ///
    /// # Panics
    /// Where texts and bytes are more than a record can have, 16 MiB, here and below.
    fn to_bytes(&self) -> Vec<u8> {
        encoded(self).into_bytes()
    }

    /// The record from bytes that come from outside. Every field is checked.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Vec<FieldFault>> {
        let record = Self::layout().split(bytes).map_err(|fault| {
            let (type_id, reason) = (Self::NAME.to_owned(), fault.to_string());
            let fault = ValueFault::InvalidBytes { type_id, reason };
            let field = String::new();
            vec![FieldFault { field, fault }]
        })?;
        Self::from_record(record)
    }

    /// The record as an object of its fields.
    fn to_value(&self) -> Value {
        Self::layout().read(encoded(self).as_ref())
    }

    /// The record from an object of its fields. Gives every fault at once.
    fn from_value(value: &Value) -> Result<Self, Vec<FieldFault>> {
        Self::from_record(Self::layout().write(value)?.as_ref())
    }

    /// The record as JSON, fields by name.
    fn to_json(&self) -> String {
        serde_json::to_string(&RecordCodec::to_value(self)).unwrap_or_default()
    }

    /// The record from JSON, fields by name.
    fn from_json(json: &str) -> Result<Self, crate::Error> {
        let value: Value = serde_json::from_str(json).map_err(crate::Error::Json)?;
        Self::from_value(&value).map_err(|faults| crate::Error::Record {
            table: Self::NAME.to_owned(),
            faults,
        })
    }
}

fn encoded<T: Readable>(record: &T) -> RecordBuf {
    match record.to_record() {
        Ok(record) => record,
        Err(fault) => panic!("record of table `{}`: {fault}", T::NAME),
    }
}
