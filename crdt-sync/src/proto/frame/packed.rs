//! The bytes of an update without the beginning that most updates share.

use crdt_core::ReplicaId;

use crate::proto::wire::{Reader, Writer, number_len};

/// What comes before the id in an update of its origin's dots alone: the version of the envelope, and
/// how many ids there are.
const BEGIN: [u8; 2] = [1, 1];
/// What comes after the id in an addition, up to the number of its dot: how many runs of live dots.
const LIVE: [u8; 1] = [1];
/// What comes between that and the entry: the run has one dot, and none is gone.
const ALONE: [u8; 2] = [0, 0];

/// The bytes of an update as they travel. Every update has one form, and comes back from it as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed<'a> {
    pub(super) origin: ReplicaId,
    pub(super) form: Form,
    /// What is not said by the form.
    pub(super) rest: &'a [u8],
}

/// How an update begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In some other way.
    Whole,
    /// With version 1 and one id, that of the origin.
    Own,
    /// The same, one live dot with so many numbers before it, and none that is gone. One entry is what
    /// should follow.
    Addition { before: u64 },
}

impl<'a> Packed<'a> {
    /// The bytes of an update of this origin.
    pub(super) fn new(bytes: &'a [u8], origin: ReplicaId) -> Self {
        let Some(own) = own(bytes, origin) else { return Self { origin, form: Form::Whole, rest: bytes } };
        match addition(own) {
            Some((before, rest)) => Self { origin, form: Form::Addition { before }, rest },
            None => Self { origin, form: Form::Own, rest: own },
        }
    }

    /// Whether these bytes have this form and no shorter one.
    pub(super) fn is_shortest(&self) -> bool {
        match self.form {
            Form::Whole => own(self.rest, self.origin).is_none(),
            Form::Own => addition(self.rest).is_none(),
            Form::Addition { .. } => true,
        }
    }

    /// How many bytes the update has.
    pub(super) fn len(&self) -> usize {
        let own = BEGIN.len() + self.origin.as_bytes().len();
        let lacking = match self.form {
            Form::Whole => 0,
            Form::Own => own,
            Form::Addition { before } => own + LIVE.len() + number_len(before) + ALONE.len(),
        };
        lacking + self.rest.len()
    }

    /// Writes the bytes of the update in the place of what `to` holds.
    pub(crate) fn unpack(&self, to: &mut Vec<u8>) {
        to.clear();
        let mut writer = Writer::from(std::mem::take(to));
        if self.form != Form::Whole {
            writer.raw(&BEGIN);
            writer.id(self.origin);
        }
        if let Form::Addition { before } = self.form {
            writer.raw(&LIVE);
            writer.number(before);
            writer.raw(&ALONE);
        }
        writer.raw(self.rest);
        *to = writer.finish();
    }
}

/// What follows the id in an update of this origin's dots alone.
fn own(bytes: &[u8], origin: ReplicaId) -> Option<&[u8]> {
    bytes.strip_prefix(&BEGIN)?.strip_prefix(origin.as_bytes())
}

/// How many numbers come before the dot of an addition, and what follows it.
fn addition(own: &[u8]) -> Option<(u64, &[u8])> {
    let mut from = Reader::new(own.strip_prefix(&LIVE)?);
    let before = from.number().ok()?;
    Some((before, from.rest().strip_prefix(&ALONE)?))
}
