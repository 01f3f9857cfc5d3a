//! The sixteen bytes that a field of variable length has in the fixed part of a record.
//!
//! ```text
//! 0    length in bytes, u32
//! 4    up to 12 bytes: all of them, then zeros
//!
//! 4    more than that: the first four of them
//! 8    where they stand in the record's tail, u32
//! 12   zeros
//! ```
//!
//! In the tail stands the length once more, as `u32`, and then all of the bytes. The fields follow
//! each other there in their order, without gaps. All numbers are little-endian.
//!
//! A value has this one form and no other, so equal records have equal bytes; [`check`] refuses
//! whatever differs from it by a single bit. The bytes of a record are counted from its own tail,
//! so they never depend on where it lies.

/// Bytes of a slot.
pub(super) const SLOT_BYTES: usize = 16;
/// What the offset of a slot is a multiple of.
pub(super) const SLOT_ALIGN: usize = 4;
/// The most bytes that stand in the slot itself.
pub(super) const INLINE_BYTES_MAX: usize = 12;
/// The bytes of a length before what it counts.
const LENGTH_BYTES: usize = 4;
/// The bytes of a longer text that its slot repeats, so that few comparisons need the tail.
const PREFIX_BYTES: usize = 4;

/// The bytes that a value of this length takes of the tail.
pub(super) fn tail_bytes(length: usize) -> usize {
    match length {
        0..=INLINE_BYTES_MAX => 0,
        _ => LENGTH_BYTES.saturating_add(length),
    }
}

/// The slot of a value, whose part of the tail, where it has one, begins at `position`.
///
/// # Panics
/// Where length or position are 4 GiB or more.
pub(super) fn encode(content: &[u8], position: usize) -> [u8; SLOT_BYTES] {
    let number = |number: usize| {
        let number = u32::try_from(number).expect("a tail is shorter than 4 GiB");
        number.to_le_bytes()
    };
    let mut slot = [0; SLOT_BYTES];
    slot[..4].copy_from_slice(&number(content.len()));
    if content.len() <= INLINE_BYTES_MAX {
        slot[4..4 + content.len()].copy_from_slice(content);
    } else {
        slot[4..8].copy_from_slice(&content[..PREFIX_BYTES]);
        slot[8..12].copy_from_slice(&number(position));
    }
    slot
}

/// Writes behind `tail` what of a value does not stand in its slot.
pub(super) fn append(content: &[u8], tail: &mut Vec<u8>) {
    if content.len() > INLINE_BYTES_MAX {
        tail.extend_from_slice(&encode(content, 0)[..LENGTH_BYTES]);
        tail.extend_from_slice(content);
    }
}

/// The value in a slot that passed its [`check`]; none where slot and tail do not belong together.
pub(super) fn content<'r>(slot: &'r [u8], tail: &'r [u8]) -> Option<&'r [u8]> {
    let length = number(slot, 0)?;
    if length <= INLINE_BYTES_MAX {
        return slot.get(4..4 + length);
    }
    let start = number(slot, 8)?.checked_add(LENGTH_BYTES)?;
    tail.get(start..start.checked_add(length)?)
}

/// The length that a slot states, whatever else is wrong with it.
pub(super) fn length(slot: &[u8]) -> usize {
    number(slot, 0).unwrap_or_default()
}

/// The value in a slot whose part of the tail begins at `position`, which moves behind it; or why
/// the slot is not the form of any value.
pub(super) fn check<'r>(
    slot: &'r [u8],
    tail: &'r [u8],
    position: &mut usize,
) -> Result<&'r [u8], String> {
    let length = length(slot);
    if length <= INLINE_BYTES_MAX {
        let (content, rest) = slot[4..].split_at(length);
        return match rest.iter().all(|byte| *byte == 0) {
            true => Ok(content),
            false => Err("the bytes behind it in its slot are not 0".to_owned()),
        };
    }
    let offset = number(slot, 8).unwrap_or_default();
    if offset != *position {
        return Err(format!(
            "its slot says that it stands at {offset} of the tail, it must be at {position}"
        ));
    }
    if slot[12..].iter().any(|byte| *byte != 0) {
        return Err("the last bytes of its slot are not 0".to_owned());
    }
    let rest = tail.get(offset..).unwrap_or_default();
    let content = rest
        .get(LENGTH_BYTES..)
        .and_then(|rest| rest.get(..length))
        .ok_or_else(|| {
            format!(
                "its slot says {length} bytes, {} are left in the tail",
                rest.len().saturating_sub(LENGTH_BYTES)
            )
        })?;
    let repeated = number(rest, 0).unwrap_or_default();
    if repeated != length {
        return Err(format!(
            "its slot says {length} bytes, the tail says {repeated}"
        ));
    }
    if slot[4..8] != content[..PREFIX_BYTES] {
        return Err("its slot repeats other bytes than the first four in the tail".to_owned());
    }
    *position = offset + tail_bytes(length);
    Ok(content)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: &[u8; 4] = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(contents: &[&[u8]]) -> (Vec<[u8; SLOT_BYTES]>, Vec<u8>) {
        let mut tail = Vec::new();
        let write = |content: &&[u8]| {
            let slot = encode(content, tail.len());
            append(content, &mut tail);
            slot
        };
        let slots = contents.iter().map(write).collect();
        (slots, tail)
    }

    #[test]
    fn twelve_bytes_stand_in_the_slot_and_thirteen_in_the_tail() {
        let (slots, tail) = written(&[b"", b"twelve bytes", b"thirteen byte", b"thirteen more"]);
        assert_eq!(slots[0], [0; 16]);
        assert_eq!(&slots[1], b"\x0C\0\0\0twelve bytes");
        assert_eq!(&slots[2], b"\x0D\0\0\0thir\0\0\0\0\0\0\0\0");
        assert_eq!(&slots[3], b"\x0D\0\0\0thir\x11\0\0\0\0\0\0\0");
        assert_eq!(tail, b"\x0D\0\0\0thirteen byte\x0D\0\0\0thirteen more");

        let mut position = 0;
        let read: Vec<_> = slots
            .iter()
            .map(|slot| check(slot, &tail, &mut position).unwrap())
            .collect();
        assert_eq!(position, tail.len());
        let contents: Vec<_> = slots
            .iter()
            .map(|slot| content(slot, &tail).unwrap())
            .collect();
        assert_eq!(read, contents);
        assert_eq!(contents[3], b"thirteen more");
    }

    #[test]
    fn a_slot_that_leads_out_of_its_tail_reads_as_nothing_and_never_panics() {
        let mut slot = [0xFF; SLOT_BYTES];
        assert_eq!(content(&slot, b"tail"), None);
        assert!(check(&slot, b"tail", &mut 0).is_err());
        slot[8..12].fill(0);
        assert_eq!(content(&slot, b"tail"), None);
        assert!(check(&slot, b"tail", &mut 0).is_err());
        assert_eq!(content(&[13, 0, 0], b""), None);
    }

    #[test]
    fn every_rule_of_the_form_is_told_where_it_is_broken() {
        let (slots, tail) = written(&[b"a text of more than twelve bytes"]);
        for (place, part) in [
            (0, "are left in the tail"),
            (4, "repeats other bytes"),
            (8, "must be at 0"),
            (12, "last bytes of its slot"),
        ] {
            let mut slot = slots[0];
            slot[place] += 1;
            let reason = check(&slot, &tail, &mut 0).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
        let mut broken = tail.clone();
        broken[0] -= 1;
        let reason = check(&slots[0], &broken, &mut 0).unwrap_err();
        assert!(reason.contains("the tail says 31"), "{reason}");

        let (slots, _) = written(&[b"short"]);
        let mut slot = slots[0];
        slot[15] = 1;
        assert!(check(&slot, &[], &mut 0).unwrap_err().contains("not 0"));
    }
}
