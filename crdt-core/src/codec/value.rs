//! One user's value in MessagePack.

use alloc::vec::Vec;

use rmp_serde::decode::ReadRefReader;
use serde::de::{Deserializer, Visitor};

use super::DecodeError;

/// The bytes of one value.
///
/// A short text, which most keys and many values are, is read here; `rmp_serde` reads everything else.
pub(super) struct Value<'de> {
    pub(super) bytes: &'de [u8],
    pub(super) max_depth: usize,
}

impl<'de> Value<'de> {
    /// The text that the value is, if it is a short one.
    fn text(&self) -> Option<&'de str> {
        let (0xa0..=0xbf, text) = self.bytes.split_first()? else { return None };
        // Chunks are looked for byte by byte. `from_utf8` goes another way for each place at which a text
        // begins in memory, and a processor cannot foresee which.
        let chunk = text.utf8_chunks().next();
        chunk.map_or(Some(""), |chunk| chunk.invalid().is_empty().then(|| chunk.valid()))
    }

    fn reader(&self) -> rmp_serde::Deserializer<ReadRefReader<'de, [u8]>> {
        let mut reader = rmp_serde::Deserializer::from_read_ref(self.bytes);
        reader.set_max_depth(self.max_depth.saturating_add(1));
        reader
    }
}

/// Hands on what is asked for, with the arguments that come with it.
macro_rules! ask_reader {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, DecodeError> {
            self.reader().$method($($argument,)* visitor).map_err(|error| DecodeError::value(&error))
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'de> {
    // Not the reader's, so that a value is not moved from one result into another.
    type Error = DecodeError;

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.reader().deserialize_str(visitor).map_err(|error| DecodeError::value(&error)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    ask_reader! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The length of the MessagePack value at the start of `bytes`.
///
/// It is walked before anything is allocated for it, so that a length that lies or a million nested
/// arrays cost nothing.
pub(super) fn value_len(bytes: &[u8], max_depth: usize) -> Result<usize, DecodeError> {
    let len = match bytes.first() {
        Some(marker @ 0xa0..=0xbf) => 1 + usize::from(marker & 0x1f),
        _ => return any_value_len(bytes, max_depth),
    };
    if len <= bytes.len() { Ok(len) } else { Err(DecodeError::Truncated) }
}

/// The same for a value that is no short text.
fn any_value_len(bytes: &[u8], max_depth: usize) -> Result<usize, DecodeError> {
    let mut rest = bytes;
    // How many values are still to come on each level.
    let mut open = Vec::new();
    loop {
        let (skip, items) = head(rest)?;
        rest = rest.get(skip..).ok_or(DecodeError::Truncated)?;
        if items > rest.len() as u64 {
            return Err(DecodeError::Truncated);
        }
        if items > 0 {
            if open.len() == max_depth {
                return Err(DecodeError::TooLarge { limit: "max_depth" });
            }
            open.push(items);
            continue;
        }
        while let Some(left) = open.last_mut() {
            *left -= 1;
            if *left > 0 {
                break;
            }
            open.pop();
        }
        if open.is_empty() {
            return Ok(bytes.len() - rest.len());
        }
    }
}

/// How many bytes the value at the start takes by itself, and how many values follow as its parts.
fn head(bytes: &[u8]) -> Result<(usize, u64), DecodeError> {
    let marker = *bytes.first().ok_or(DecodeError::Truncated)?;
    let sized = |width: usize| -> Result<u64, DecodeError> {
        let size = bytes.get(1..=width).ok_or(DecodeError::Truncated)?;
        Ok(size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)))
    };
    let blob = |width: usize, extra: usize| -> Result<(usize, u64), DecodeError> {
        let size = usize::try_from(sized(width)?).map_err(|_| DecodeError::Truncated)?;
        Ok((size.checked_add(1 + width + extra).ok_or(DecodeError::Truncated)?, 0))
    };
    Ok(match marker {
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (1, 0),
        0x80..=0x8f => (1, u64::from(marker & 0x0f) * 2),
        0x90..=0x9f => (1, u64::from(marker & 0x0f)),
        0xa0..=0xbf => (1 + usize::from(marker & 0x1f), 0),
        0xc1 => return Err(DecodeError::Malformed { rule: "0xc1 begins no value" }),
        0xc4 | 0xd9 => blob(1, 0)?,
        0xc5 | 0xda => blob(2, 0)?,
        0xc6 | 0xdb => blob(4, 0)?,
        0xc7 => blob(1, 1)?,
        0xc8 => blob(2, 1)?,
        0xc9 => blob(4, 1)?,
        0xcc | 0xd0 => (2, 0),
        0xcd | 0xd1 => (3, 0),
        0xca | 0xce | 0xd2 => (5, 0),
        0xcb | 0xcf | 0xd3 => (9, 0),
        0xd4..=0xd8 => (2 + (1 << (marker - 0xd4)), 0),
        0xdc => (3, sized(2)?),
        0xdd => (5, sized(4)?),
        0xde => (3, sized(2)? * 2),
        0xdf => (5, sized(4)? * 2),
    })
}
