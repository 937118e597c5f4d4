//! The entries of the types of this crate as bytes.

use core::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DecodeError, EncodeError, Group, Reader, Wire, WireOrder, Writer};
use crate::clock::Stamp;
use crate::counter::{BoundedCounter, GCounter, PnCounter, RightsEntry, RunEntry, Tally};
use crate::dot::{Dot, ReplicaId};
use crate::flag::{DisabledFirst, DwFlag, EwFlag};
use crate::map::{LwwMap, OrMap};
use crate::register::{
    Highest, Latest, Listed, LwwRegister, Max, Min, MvRegister, Ranked, RankedRegister, Resolve,
    ResolvedRegister, Stamped,
};
use crate::set::{GSet, OrSet, RwSet};
use crate::view::{At, LocalDot, Look, Place};

impl<K> Wire for OrSet<K>
where
    K: Hash + Eq + Clone + Serialize + DeserializeOwned + 'static,
{
    fn encode_entry(element: &K, out: &mut Writer) -> Result<(), EncodeError> {
        out.value(element)
    }

    fn encode_slot(
        &self,
        _at: Look<'_>,
        _dot: LocalDot,
        slot: u32,
        out: &mut Writer,
    ) -> Result<(), EncodeError> {
        out.value(self.element(slot))
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<K, DecodeError> {
        input.value()
    }
}

impl<E: Clone + 'static, O: WireOrder<E>> Wire for Place<E, O> {
    fn encode_entry(entry: &E, out: &mut Writer) -> Result<(), EncodeError> {
        O::encode(entry, out)
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<E, DecodeError> {
        O::decode(input)
    }
}

/// The value and nothing else.
macro_rules! bare_place {
    ([$($params:tt)*] $value:ty, $order:ty) => {
        impl<$($params)*> WireOrder<$value> for $order {
            fn encode(value: &$value, out: &mut Writer) -> Result<(), EncodeError> {
                out.value(value)
            }

            fn decode(input: &mut Reader<'_>) -> Result<$value, DecodeError> {
                input.value()
            }
        }
    };
}

bare_place!([V: Serialize + DeserializeOwned] V, Listed);
bare_place!([] bool, DisabledFirst);

/// Stamped values travel alike, whatever orders them: stamp, then value.
macro_rules! stamped_place {
    ($order:ident $(, $bound:ident)?) => {
        impl<V: Serialize + DeserializeOwned $(+ $bound)?> WireOrder<Stamped<V>> for $order {
            fn encode(entry: &Stamped<V>, out: &mut Writer) -> Result<(), EncodeError> {
                encode_stamp(entry.stamp, out);
                out.value(&entry.value)
            }

            fn decode(input: &mut Reader<'_>) -> Result<Stamped<V>, DecodeError> {
                Ok(Stamped { stamp: decode_stamp(input)?, value: input.value()? })
            }
        }
    };
}

stamped_place!(Latest);
stamped_place!(Highest, Ranked);

/// Types that are a reading of another type travel like that one.
macro_rules! wire_through {
    ($([$($params:tt)*] $outer:ty, $inner:ty);+ $(;)?) => {$(
        impl<$($params)*> Wire for $outer {
            fn encode_entry(entry: &Self::Entry, out: &mut Writer) -> Result<(), EncodeError> {
                <$inner as Wire>::encode_entry(entry, out)
            }

            fn decode_entry(input: &mut Reader<'_>) -> Result<Self::Entry, DecodeError> {
                <$inner as Wire>::decode_entry(input)
            }
        }
    )+};
}

wire_through! {
    [V: Clone + Serialize + DeserializeOwned + 'static] LwwRegister<V>, Place<Stamped<V>, Latest>;
    [V: Ranked + Clone + Serialize + DeserializeOwned + 'static]
        RankedRegister<V>, Place<Stamped<V>, Highest>;
    [V: Clone + Serialize + DeserializeOwned + 'static] MvRegister<V>, Place<V, Listed>;
    [V: Clone + Serialize + DeserializeOwned + 'static, R: Resolve<V>]
        ResolvedRegister<V, R>, MvRegister<V>;
    [V: Clone + Serialize + DeserializeOwned + 'static] Max<V>, MvRegister<V>;
    [V: Clone + Serialize + DeserializeOwned + 'static] Min<V>, MvRegister<V>;
    [] EwFlag, MvRegister<()>;
    [] DwFlag, Place<bool, DisabledFirst>;
    [K: Hash + Eq + Clone + Serialize + DeserializeOwned + 'static] GSet<K>, OrSet<K>;
    [K: Hash + Eq + Clone + Serialize + DeserializeOwned + 'static] RwSet<K>, OrMap<K, DwFlag>;
}

/// 0, made and used; or 1, receiver and what it got.
impl Wire for BoundedCounter {
    fn encode_entry(entry: &RightsEntry, out: &mut Writer) -> Result<(), EncodeError> {
        match entry {
            RightsEntry::Account { made, used } => {
                out.number(0u8);
                out.number(*made);
                out.number(*used);
            }
            RightsEntry::Transfers { to, amount } => {
                out.number(1u8);
                out.raw(to.as_bytes());
                out.number(*amount);
            }
        }
        Ok(())
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<RightsEntry, DecodeError> {
        match input.number()? {
            0 => Ok(RightsEntry::Account { made: input.wide()?, used: input.wide()? }),
            1 => {
                let to = ReplicaId::from_bytes(input.array()?);
                Ok(RightsEntry::Transfers { to, amount: input.wide()? })
            }
            _ => Err(DecodeError::Malformed { rule: "an entry of rights is 0, an account, or 1, transfers" }),
        }
    }
}

/// Key, stamp, then 0 for a removal, or 1 and the value.
impl<K, V> Wire for LwwMap<K, V>
where
    K: Hash + Eq + Clone + Serialize + DeserializeOwned + 'static,
    V: Clone + Serialize + DeserializeOwned + 'static,
{
    fn encode_entry((key, written): &Self::Entry, out: &mut Writer) -> Result<(), EncodeError> {
        encode_write(key, written, out)
    }

    fn encode_slot(
        &self,
        _at: Look<'_>,
        _dot: LocalDot,
        slot: u32,
        out: &mut Writer,
    ) -> Result<(), EncodeError> {
        let (key, written) = self.write(slot);
        encode_write(key, written, out)
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<Self::Entry, DecodeError> {
        let key = input.value()?;
        let stamp = decode_stamp(input)?;
        let value = match input.number()? {
            0 => None,
            1 => Some(input.value()?),
            _ => return Err(DecodeError::Malformed { rule: "a write is 0, a removal, or 1, a value" }),
        };
        Ok((key, Stamped { stamp, value }))
    }
}

fn encode_write<K: Serialize, V: Serialize>(
    key: &K,
    written: &Stamped<Option<V>>,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    out.value(key)?;
    encode_stamp(written.stamp, out);
    out.number(u8::from(written.value.is_some()));
    written.value.as_ref().map_or(Ok(()), |value| out.value(value))
}

/// Key, then the entry of the value.
impl<K, V> Wire for OrMap<K, V>
where
    K: Hash + Eq + Clone + Serialize + DeserializeOwned + 'static,
    V: Wire,
{
    const ENDS_WITH_FIELD: bool = V::ENDS_WITH_FIELD;

    fn encode_entry((key, entry): &Self::Entry, out: &mut Writer) -> Result<(), EncodeError> {
        out.value(key)?;
        V::encode_entry(entry, out)
    }

    fn encode_slot(
        &self,
        at: Look<'_>,
        dot: LocalDot,
        (slot, inner): Self::Slot,
        out: &mut Writer,
    ) -> Result<(), EncodeError> {
        let (key, value, at) = self.value(at, slot);
        out.value(key)?;
        value.encode_slot(at, dot, inner, out)
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<Self::Entry, DecodeError> {
        Ok((input.value()?, V::decode_entry(input)?))
    }

    fn decode_slot(
        &mut self,
        at: &mut At<'_>,
        dot: LocalDot,
        before: Option<Self::Slot>,
        input: &mut Reader<'_>,
    ) -> Result<Self::Slot, DecodeError> {
        let len = input.value_len()?;
        let (slot, before) = match before {
            Some((slot, before)) if len <= input.shared() => {
                input.raw(len)?;
                (slot, Some(before))
            }
            _ => (self.slot(input.value_of(len)?), None),
        };
        let take_in = |value: &mut V, at: &mut At<'_>| value.decode_slot(at, dot, before, input);
        Ok((slot, self.change(slot, at, take_in)?))
    }

    fn group((slot, _): Self::Slot) -> Option<Group> {
        Some(Group::of_key(slot))
    }
}

impl Wire for GCounter {
    fn encode_entry(entry: &RunEntry, out: &mut Writer) -> Result<(), EncodeError> {
        encode_run(entry, out);
        Ok(())
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<RunEntry, DecodeError> {
        decode_run(input)
    }
}

impl Wire for PnCounter {
    fn encode_entry(entry: &RunEntry, out: &mut Writer) -> Result<(), EncodeError> {
        encode_run(entry, out);
        Ok(())
    }

    fn decode_entry(input: &mut Reader<'_>) -> Result<RunEntry, DecodeError> {
        decode_run(input)
    }
}

/// 0, first number and tally of a run; or 1, id, first number and tally of what is taken of one.
fn encode_run(entry: &RunEntry, out: &mut Writer) {
    let tally = match entry {
        RunEntry::Run { first, tally } => {
            out.number(0u8);
            out.number(*first);
            tally
        }
        RunEntry::Taken { run, tally } => {
            out.number(1u8);
            out.raw(run.replica.as_bytes());
            out.number(run.seq);
            tally
        }
    };
    out.number(tally.count);
    out.number(tally.plus);
    out.number(tally.minus);
}

fn decode_run(input: &mut Reader<'_>) -> Result<RunEntry, DecodeError> {
    match input.number()? {
        0 => Ok(RunEntry::Run { first: input.number()?, tally: decode_tally(input)? }),
        1 => {
            let run = Dot::new(ReplicaId::from_bytes(input.array()?), input.number()?);
            Ok(RunEntry::Taken { run, tally: decode_tally(input)? })
        }
        _ => Err(DecodeError::Malformed { rule: "a counter's entry is 0, a run, or 1, a taken prefix" }),
    }
}

fn decode_tally(input: &mut Reader<'_>) -> Result<Tally, DecodeError> {
    Ok(Tally { count: input.number()?, plus: input.wide()?, minus: input.wide()? })
}

fn encode_stamp(stamp: Stamp, out: &mut Writer) {
    out.raw(&stamp.to_bits().to_be_bytes());
}

fn decode_stamp(input: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
    Ok(Stamp::from_bits(u64::from_be_bytes(input.array()?)))
}
