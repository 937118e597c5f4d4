//! Types that are another type with a different reading.

/// Makes a type a view of all entries of the one that it wraps in its field `inner`.
///
/// The type says `is_empty`, and so does its editor, which wraps the inner one's in the same way.
/// What it says in braces of conflicts and tombstones comes in place of what the inner type says.
macro_rules! view_through {
    ([$($params:tt)*] $outer:ty, $editor:ident<$($argument:ident),*>, $inner:ty) => {
        $crate::view::view_through!([$($params)*] $outer, $editor<$($argument),*>, $inner; {
            fn contest(
                &self,
                dot: $crate::view::LocalDot,
                slot: Self::Slot,
            ) -> Option<$crate::view::LocalDot> {
                $crate::view::Crdt::contest(&self.inner, dot, slot)
            }

            fn tombstones(&self, each: &mut dyn FnMut(&[$crate::view::LocalDot])) {
                $crate::view::Crdt::tombstones(&self.inner, each);
            }
        });
    };
    (
        [$($params:tt)*] $outer:ty, $editor:ident<$($argument:ident),*>, $inner:ty; { $($readings:tt)* }
    ) => {
        impl<$($params)*> $crate::view::Crdt for $outer {
            type Entry = <$inner as $crate::view::Crdt>::Entry;
            type Slot = <$inner as $crate::view::Crdt>::Slot;
            type Scratch = <$inner as $crate::view::Crdt>::Scratch;
            type Editor<'a> = $editor<'a, $($argument),*>;

            const HAS_STAMPS: bool = <$inner as $crate::view::Crdt>::HAS_STAMPS;

            fn take_in(
                &mut self,
                at: &mut $crate::view::At<'_>,
                dot: $crate::view::LocalDot,
                entry: Self::Entry,
            ) -> Self::Slot {
                self.inner.take_in(at, dot, entry)
            }

            fn take_out(
                &mut self,
                at: &mut $crate::view::At<'_>,
                dot: $crate::view::LocalDot,
                slot: Self::Slot,
            ) {
                self.inner.take_out(at, dot, slot);
            }

            fn entry_at(
                &self,
                at: $crate::view::Look<'_>,
                dot: $crate::view::LocalDot,
                slot: Self::Slot,
            ) -> Self::Entry {
                self.inner.entry_at(at, dot, slot)
            }

            fn siblings(
                &self,
                dot: $crate::view::LocalDot,
                slot: Self::Slot,
                each: &mut dyn FnMut($crate::view::LocalDot),
            ) {
                $crate::view::Crdt::siblings(&self.inner, dot, slot, each);
            }

            fn is_bottom(&self) -> bool {
                $crate::view::Crdt::is_bottom(&self.inner)
            }

            fn is_empty(&self) -> bool {
                // The type's own reading, which comes before that of the trait.
                self.is_empty()
            }

            fn heap_bytes(&self) -> usize {
                $crate::view::Crdt::heap_bytes(&self.inner)
            }

            fn stamp(entry: &Self::Entry) -> Option<$crate::clock::Stamp> {
                <$inner as $crate::view::Crdt>::stamp(entry)
            }

            fn edit<'a>(
                base: Option<&'a Self>,
                scratch: &'a Self::Scratch,
                tx: &'a $crate::view::Tx<'a>,
            ) -> Self::Editor<'a> {
                let inner = <$inner as $crate::view::Crdt>::edit(base.map(|base| &base.inner), scratch, tx);
                $editor { inner }
            }

            fn reads_empty(editor: &Self::Editor<'_>) -> bool {
                editor.is_empty()
            }

            $($readings)*

            fn drain(scratch: &mut Self::Scratch, out: impl FnMut(u64, Self::Entry)) {
                <$inner as $crate::view::Crdt>::drain(scratch, out);
            }
        }

        impl<$($params)*> $crate::view::Reset for $outer {
            fn reset(editor: &Self::Editor<'_>) {
                <$inner as $crate::view::Reset>::reset(&editor.inner);
            }
        }
    };
}

pub(crate) use view_through;
