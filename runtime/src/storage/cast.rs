//! Between the bytes of a record and the struct that declares it.
//!
//! Invariants:
//! - Bytes become a `T` only where they were checked against the layout of `T`, or were written as
//!   a `T`, and lie at the alignment of `T`.
//! - A `T` becomes bytes only by being written to a slot whose padding is zeroed afterwards.

#![expect(unsafe_code, reason = "a record is read by a cast")]

use crate::schema::{
    FieldFault, FieldType, PlainRecord, RecordBuf, RecordLayout, RecordRef, TypeLayout, ValueFault,
};

/// The record as its struct.
///
/// # Safety
/// `address` is aligned for `T` and points at a slot of the table of `T` that is readable, and not
/// written, for `'a`; the slot was written as a `T` or its bytes passed the check of its layout.
pub(super) unsafe fn record_at<'a, T: PlainRecord>(address: *const u8) -> &'a T {
    debug_assert!(
        address.cast::<T>().is_aligned(),
        "a slot lies at its record's alignment"
    );
    // SAFETY: the caller promises a valid, aligned, unchanging `T`.
    unsafe { &*address.cast::<T>() }
}

/// Records that lie one behind the other as a slice of their struct.
///
/// # Safety
/// `address` is aligned for `T` and points at `count` slots as [`record_at`] asks for them.
pub(super) unsafe fn record_slice_at<'a, T: PlainRecord>(
    address: *const u8,
    count: usize,
) -> &'a [T] {
    debug_assert!(
        address.cast::<T>().is_aligned(),
        "a page lies at its records' alignment"
    );
    // SAFETY: the caller promises so many valid, aligned, unchanging `T`.
    unsafe { std::slice::from_raw_parts(address.cast::<T>(), count) }
}

/// Hands the record in these bytes to `change`, and zeroes what padding it may have written.
///
/// # Panics
/// Where the bytes are not as many as `T` has, or not aligned for it.
pub(crate) fn with_record_mut<T: PlainRecord, R>(
    layout: &RecordLayout,
    bytes: &mut SlotBytes<'_>,
    change: impl FnOnce(&mut T) -> R,
) -> R {
    let bytes = &mut *bytes.0;
    assert_eq!(
        bytes.len(),
        size_of::<T>(),
        "the slot is one of the struct's table"
    );
    let address = bytes.as_mut_ptr().cast::<T>();
    assert!(
        address.is_aligned(),
        "a slot lies at its record's alignment"
    );
    // SAFETY: size and alignment were asserted, the bytes are borrowed exclusively, and a
    // `SlotBytes` holds a valid record of its table.
    let result = change(unsafe { &mut *address });
    if T::HAS_PADDING {
        layout.zero_padding(bytes);
    }
    result
}

/// The bytes of a slot that holds a valid record; only the tree makes these.
pub(crate) struct SlotBytes<'a>(pub(super) &'a mut [u8]);

/// The bytes of a slot that holds a valid record, to look at; only the tree makes these.
#[derive(Clone, Copy)]
pub(crate) struct SlotRef<'a>(pub(super) &'a [u8]);

impl<'a> SlotRef<'a> {
    /// The record as its struct.
    ///
    /// # Panics
    /// Where the bytes are not as many as `T` has, or not aligned for it.
    pub(crate) fn record<T: PlainRecord>(self) -> &'a T {
        assert_eq!(
            self.0.len(),
            size_of::<T>(),
            "the slot is one of the struct's table"
        );
        assert!(
            self.0.as_ptr().cast::<T>().is_aligned(),
            "a slot lies at its alignment"
        );
        // SAFETY: size and alignment were asserted, and the slot holds a valid record.
        unsafe { record_at(self.0.as_ptr()) }
    }
}

impl SlotBytes<'_> {
    /// The bytes.
    pub(crate) fn get(&self) -> &[u8] {
        self.0
    }

    /// Replaces the record by bytes that passed the check of its layout.
    pub(crate) fn set(&mut self, record: &[u8]) {
        self.0.copy_from_slice(record);
    }

    /// Replaces a part of the record by bytes that came from another record of the table.
    pub(crate) fn set_part(&mut self, offset: usize, bytes: &[u8]) {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

/// Writes a record into a slot.
///
/// # Panics
/// Where the bytes are not as many as `T` has.
pub(crate) fn write_record<T: PlainRecord>(layout: &RecordLayout, value: &T, bytes: &mut [u8]) {
    assert_eq!(
        bytes.len(),
        size_of::<T>(),
        "the slot is one of the struct's table"
    );
    // SAFETY: the bytes are as many as `T` has and borrowed exclusively.
    unsafe { bytes.as_mut_ptr().cast::<T>().write_unaligned(*value) };
    if T::HAS_PADDING {
        layout.zero_padding(bytes);
    }
}

/// A field's bytes, with its padding zeroed.
pub(crate) fn field_bytes<F: FieldType>(layout: &TypeLayout, value: &F) -> Vec<u8> {
    assert_eq!(
        layout.size,
        size_of::<F>(),
        "the layout is that of the type"
    );
    let mut bytes = vec![0; layout.size];
    // SAFETY: there are as many bytes as `F` has.
    unsafe { bytes.as_mut_ptr().cast::<F>().write_unaligned(*value) };
    for range in &layout.padding {
        bytes[range.clone()].fill(0);
    }
    bytes
}

/// A field from its bytes, which are checked.
pub(crate) fn field_from_bytes<F: FieldType>(
    layout: &TypeLayout,
    bytes: &[u8],
) -> Result<F, ValueFault> {
    if layout.size != size_of::<F>() || bytes.len() != layout.size {
        return Err(ValueFault::InvalidBytes {
            type_id: layout.type_id.clone(),
            reason: format!(
                "{} bytes were expected, {} found",
                size_of::<F>(),
                bytes.len()
            ),
        });
    }
    layout.serializer.check(bytes)?;
    // SAFETY: there are as many bytes as `F` has, and they passed the check of its layout, which
    // `FieldType` promises to make them a valid `F`.
    Ok(unsafe { bytes.as_ptr().cast::<F>().read_unaligned() })
}

/// A plain record as it stands in a table.
pub fn plain_to_record<T: PlainRecord>(record: &T) -> RecordBuf {
    let mut bytes = vec![0; size_of::<T>()];
    write_record(T::layout(), record, &mut bytes);
    RecordBuf::with_fixed(&bytes)
}

/// A plain record from bytes that come from outside.
pub fn plain_from_record<T: PlainRecord>(record: RecordRef<'_>) -> Result<T, Vec<FieldFault>> {
    T::layout().check(record)?;
    assert_eq!(
        record.fixed.len(),
        size_of::<T>(),
        "the layout is that of the struct"
    );
    // SAFETY: there are as many bytes as `T` has, and each field passed its check, which
    // `PlainRecord` promises to make them a valid `T`.
    Ok(unsafe { record.fixed.as_ptr().cast::<T>().read_unaligned() })
}
