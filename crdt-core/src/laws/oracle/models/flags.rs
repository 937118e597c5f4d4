//! The specifications of flags.

use super::super::Specified;
use super::super::past::{Act, Past};
use crate::flag::{DwFlag, EwFlag};
use crate::laws::subjects::FlagEdit;

/// Enabled if some enabling was seen by no other edit and no removal.
impl Specified for EwFlag {
    fn expected(past: &Past<FlagEdit>) -> bool {
        past.surviving(|_, _| true).any(|(_, act)| *act == Act::Edit(FlagEdit::Enable))
    }
}

/// Enabled if some enabling was seen by no other edit and no removal, and no such disabling is there.
impl Specified for DwFlag {
    fn expected(past: &Past<FlagEdit>) -> bool {
        let left = |edit: FlagEdit| past.surviving(|_, _| true).any(|(_, act)| *act == Act::Edit(edit));
        left(FlagEdit::Enable) && !left(FlagEdit::Disable)
    }
}
