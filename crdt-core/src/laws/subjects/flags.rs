//! Flags as subjects.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::common_and;
use crate::flag::{DwFlag, EwFlag};
use crate::laws::Case;
use crate::laws::subject::Subject;
use crate::view::Crdt;

/// An edit of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagEdit {
    /// `enable()`
    Enable,
    /// `disable()`
    Disable,
}

/// Both flags are subjects alike.
macro_rules! flag {
    ($name:ident, $cases:expr) => {
        impl Subject for $name {
            type Crdt = Self;
            type Edit = FlagEdit;
            type Shown = bool;

            fn edits() -> BoxedStrategy<FlagEdit> {
                prop_oneof![Just(FlagEdit::Enable), Just(FlagEdit::Disable)].boxed()
            }

            fn apply(editor: &<Self as Crdt>::Editor<'_>, edit: &FlagEdit) {
                match edit {
                    FlagEdit::Enable => editor.enable(),
                    FlagEdit::Disable => editor.disable(),
                }
                assert_eq!(
                    editor.is_enabled(),
                    *edit == FlagEdit::Enable,
                    "an edit is visible to its writer"
                );
            }

            fn show(value: &Self) -> bool {
                assert_ne!(value.is_enabled(), value.is_empty(), "a flag begins disabled");
                value.is_enabled()
            }

            fn hard_cases() -> Vec<Case> {
                common_and($cases)
            }
        }
    };
}

flag!(EwFlag, [Case::RemovalOnly, Case::WrittenAgain, Case::ConcurrentRemovals]);
flag!(DwFlag, [Case::ConcurrentRemovals]);
