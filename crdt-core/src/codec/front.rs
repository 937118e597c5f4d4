//! Entries that begin like the one before them: what version 2 of the envelope adds.

use alloc::vec::Vec;
use core::mem;

use super::{DecodeError, EncodeError, Reader, Wire, Writer};

/// How many bytes an entry can take over from the one before.
///
/// It bounds what a byte of input can stand for, and keeps what is shared in one byte.
const MAX_SHARED: usize = 63;

/// Writes entries, each as what tells it from the one before.
#[derive(Default)]
pub(super) struct Folder {
    before: Writer,
    next: Writer,
}

impl Folder {
    /// Writes the entry that `encode` gives.
    pub(super) fn entry<T: Wire>(
        &mut self,
        out: &mut Writer,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.next.clear();
        self.next.begin_measured::<T>();
        encode(&mut self.next)?;
        fold(self.before.bytes(), self.next.bytes(), out);
        mem::swap(&mut self.before, &mut self.next);
        Ok(())
    }
}

/// Writes an entry as what tells it from the one before.
pub(super) fn fold(before: &[u8], next: &[u8], out: &mut Writer) {
    let shared = alike(before, next).min(MAX_SHARED);
    let (_, rest) = next.split_at(shared);
    let same_length = before.len() == next.len();
    out.number((shared as u64) << 1 | u64::from(same_length));
    if !same_length {
        out.number(rest.len() as u64);
    }
    out.raw(rest);
}

/// How many bytes two entries have alike from the first one on, or more than are of interest.
fn alike(one: &[u8], two: &[u8]) -> usize {
    let words = one.as_chunks::<8>().0.iter().zip(two.as_chunks::<8>().0).take(MAX_SHARED / 8 + 1);
    let mut alike = 0;
    for (one, two) in words {
        let differ = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*two);
        alike += (differ.trailing_zeros() / 8) as usize;
        if differ != 0 {
            return alike;
        }
    }
    let rest = one[alike..].iter().zip(&two[alike..]);
    alike + rest.take(7).take_while(|(one, two)| one == two).count()
}

/// Puts the next entry in place of the one before; returns how many bytes the two share. Entries count against
/// `room`, so that a few bytes do not stand for more than their reader takes.
pub(super) fn unfold(
    input: &mut Reader<'_>,
    before: &mut Vec<u8>,
    room: &mut usize,
) -> Result<usize, DecodeError> {
    const RULE: DecodeError = DecodeError::Malformed { rule: "an entry shares what the one before it has" };
    let head = input.number()?;
    let shared = usize::try_from(head >> 1).map_err(|_| RULE)?;
    let length = before.len().checked_sub(shared).filter(|_| shared <= MAX_SHARED).ok_or(RULE)?;
    let same_length = head & 1 == 1;
    let rest = if same_length { length } else { input.count()? };
    if !same_length && rest == length {
        return Err(DecodeError::Malformed { rule: "a length is said where it is another" });
    }
    let rest = input.raw(rest)?;
    if shared < MAX_SHARED && !rest.is_empty() && rest.first() == before.get(shared) {
        return Err(DecodeError::Malformed { rule: "an entry shares as much as it can" });
    }
    before.truncate(shared);
    before.extend_from_slice(rest);
    *room = room.checked_sub(before.len()).ok_or(DecodeError::TooLarge { limit: "max_bytes" })?;
    Ok(shared)
}
