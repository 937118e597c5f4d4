//! Which entries of a document belong together.

/// A key under which there may be several entries: where it lies, and in which field.
///
/// Slots differ between documents that are equal, so a group tells entries apart and has no order that
/// means anything. A map gives one to [`Wire::group`](super::Wire::group), and a struct puts it into its field:
///
/// ```
/// use crdt_core::codec::Group;
///
/// let (orders, shelves) = (Group::of_key(7).in_field(1), Group::of_key(7).in_field(2));
/// assert!(orders.is_some() && orders != shelves);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    pub(super) field: u64,
    pub(super) slot: u32,
}

impl Group {
    /// The entries under the key in this slot.
    #[must_use]
    pub const fn of_key(slot: u32) -> Self {
        Self { field: 0, slot }
    }

    /// The same within the field of a struct with this tag, of which a type has one for each of its maps; none
    /// within three structs, where entries stay apart.
    #[must_use]
    pub fn in_field(self, tag: u32) -> Option<Self> {
        // The tag of the outermost struct comes last, into the low half: different ways in stay different.
        let field = self.field.checked_mul(1 << 32)? + u64::from(tag);
        Some(Self { field, ..self })
    }
}
