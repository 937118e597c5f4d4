//! Bytes: one envelope for deltas and documents, around user values in MessagePack.
//!
//! # Format, version 1
//! ```text
//! version   1 byte, 0x01
//! ids       count, then 16 bytes each, ascending
//! dots      for each id: runs of live dots, then runs of dots that are gone
//! entries   one for each live dot, in the order of the dots
//! ```
//! A count and every number in the envelope is an unsigned LEB128 in its shortest form. Runs are a
//! count, then for each run how many numbers lie between it and the run before, less the one that
//! must (for the first: its first number less one), and how many numbers it has, less one. So a
//! run-length coded dot costs two bytes or less, and equal deltas have equal bytes, whatever order
//! built them. An envelope that decodes is the only one for its dots; a value within may come from a
//! writer of another mind, since MessagePack knows several forms of one number.
//!
//! # Format, version 2
//! The same, for entries that begin alike, such as those with keys like `user:000123`. Each entry
//! takes over the beginning that it shares with the entry before it, as much as it can up to 63
//! bytes, and is written as
//! ```text
//! shared    how many bytes it takes over, times two; plus one if it is as long as the one before
//! length    of the rest, unless the two are of one length
//! rest      what it does not share
//! ```
//! The first one has none before it and shares nothing. Where an entry ends with a field of a struct, the
//! outermost one says no length of its own: it ends with the entry. Either version has one form for a delta;
//! [`Delta::encode`](crate::Delta::encode) writes the first,
//! [`Delta::encode_compact`](crate::Delta::encode_compact) the second.
//!
//! # Format, version 3
//! Entries as in version 2, in another order: those under one key of an [`OrMap`](crate::OrMap) behind one
//! another. So a key is written once and looked up once for all that is under it. Before each entry stands
//! whose dot is its own:
//! ```text
//! step      0 for the first entry of a key, and for one without: it has the first live dot that no entry
//!           before it had; for another, by how many live dots its own lies behind that of the entry before
//! ```
//! Keys come in the order of their first dots, and the entries of a key in that of theirs. So the documents
//! of builds that know the same fields have equal bytes if they are equal. Other orders are read as well; a
//! first step counts from the first live dot. [`Doc::encode`](crate::Doc::encode) writes this version where a
//! map of the document, up to two structs deep, has two entries under one key.
//!
//! # Digests
//! A [`Digest`](crate::Digest) is the same without entries, and begins with 0xd1.
//!
//! # Entries
//! An entry is what its type's [`Wire`] writes: keys and values in MessagePack, structs with field
//! names, stamps in 8 bytes, and for a derived struct the tag of the field and the length of the
//! rest, so that a build keeps what it does not know.
//!
//! What serde leaves out of a key or a value stays with its writer: a field that it skips, or what tells
//! `Some(None)` or `Some(())` from `None`, which are one in MessagePack. The documents are equal then, and
//! show different things. So take types that are read back as they were written.

mod bytes;
mod digest;
mod envelope;
mod error;
mod front;
mod group;
mod grouped;
mod types;
mod value;

pub use bytes::{Reader, Writer};
pub use error::{DecodeError, EncodeError, Limits};
pub use group::Group;

use crate::view::{At, Crdt, LocalDot, Look, Order};

/// A type whose entries have bytes. `#[derive(Crdt)]` implements it where all fields do.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no bytes",
    label = "cannot be encoded or decoded",
    note = "its keys and values need serde's `Serialize` and `Deserialize`, and to own what they hold: \
            `String`, not `&'static str`"
)]
pub trait Wire: Crdt {
    /// Whether entries end with what [`Writer::field`] writes, as those of a derived struct do, and nothing
    /// comes behind it: where the length of an entry is known, as in versions 2 and 3, the first field in it
    /// then says none of its own.
    const ENDS_WITH_FIELD: bool = false;

    /// Writes an entry, as one byte at least.
    ///
    /// # Errors
    /// When a user's value refuses to be serialised.
    fn encode_entry(entry: &Self::Entry, out: &mut Writer) -> Result<(), EncodeError>;

    /// Writes the entry in `slot`, as [`encode_entry`](Wire::encode_entry) writes a copy of it: for
    /// types that spare themselves the copy.
    ///
    /// # Errors
    /// When a user's value refuses to be serialised.
    fn encode_slot(
        &self,
        at: Look<'_>,
        dot: LocalDot,
        slot: Self::Slot,
        out: &mut Writer,
    ) -> Result<(), EncodeError> {
        Self::encode_entry(&self.entry_at(at, dot, slot), out)
    }

    /// Reads what [`encode_entry`](Wire::encode_entry) wrote, and no more.
    ///
    /// # Errors
    /// When the bytes are not an entry of this type.
    fn decode_entry(input: &mut Reader<'_>) -> Result<Self::Entry, DecodeError>;

    /// Reads an entry and takes it in; `before` is the slot of the one before it, of which it may have
    /// [the first bytes](Reader::shared): for types that need not look up again what these say. A part of the
    /// type gets its part of `before` only if they say that it is the same part.
    ///
    /// # Errors
    /// As [`decode_entry`](Wire::decode_entry). What is left of the entry is then of no use, nor is the view.
    fn decode_slot(
        &mut self,
        at: &mut At<'_>,
        dot: LocalDot,
        before: Option<Self::Slot>,
        input: &mut Reader<'_>,
    ) -> Result<Self::Slot, DecodeError> {
        let _ = before;
        // Not with `?`, by which the entry would be moved once more.
        match Self::decode_entry(input) {
            Ok(entry) => Ok(self.take_in(at, dot, entry)),
            Err(error) => Err(error),
        }
    }

    /// Which entries belong together, if any do: those that begin with the same bytes, such as a key. A type
    /// of several maps tells these apart by [`Group::in_field`].
    #[must_use]
    fn group(slot: Self::Slot) -> Option<Group> {
        let _ = slot;
        None
    }
}

/// An order of a [`Place`](crate::view::Place) whose entries have bytes, so that the place has them too.
///
/// ```
/// use crdt_core::codec::{DecodeError, EncodeError, Limits, Reader, WireOrder, Writer};
/// use crdt_core::view::{Ids, LocalDot, Order, Place};
/// use crdt_core::{Doc, Replica};
///
/// /// The shortest of concurrent texts comes first.
/// struct Shortest;
///
/// impl Order<String> for Shortest {
///     fn precedes(ids: &Ids, new: (LocalDot, &String), old: (LocalDot, &String)) -> bool {
///         (new.1.len(), ids.dot(new.0)) < (old.1.len(), ids.dot(old.0))
///     }
/// }
///
/// impl WireOrder<String> for Shortest {
///     fn encode(text: &String, out: &mut Writer) -> Result<(), EncodeError> {
///         out.value(text)
///     }
///
///     fn decode(input: &mut Reader<'_>) -> Result<String, DecodeError> {
///         input.value()
///     }
/// }
///
/// let (mut a, mut b) = (Replica::random(), Replica::random());
/// type Title = Place<String, Shortest>;
/// let (mut here, mut there) = (Doc::<Title>::default(), Doc::<Title>::default());
/// let _ = here.update(&mut a, |title| title.write("a long title".to_owned()));
/// let delta = there.update(&mut b, |title| title.write("a title".to_owned()));
/// here.merge(delta);
/// let here = Doc::<Title>::decode(&here.encode()?, &Limits::default())?;
/// assert_eq!(here.first().map(String::as_str), Some("a title"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "entries of a `Place` in the order `{Self}` have no bytes",
    note = "values need serde's `Serialize` and `Deserialize`, and to own what they hold"
)]
pub trait WireOrder<E>: Order<E> {
    /// Writes an entry, as one byte at least.
    ///
    /// # Errors
    /// When a user's value refuses to be serialised.
    fn encode(entry: &E, out: &mut Writer) -> Result<(), EncodeError>;

    /// Reads what [`encode`](WireOrder::encode) wrote, and no more.
    ///
    /// # Errors
    /// When the bytes are not an entry in this order.
    fn decode(input: &mut Reader<'_>) -> Result<E, DecodeError>;
}

#[cfg(test)]
mod tests;
