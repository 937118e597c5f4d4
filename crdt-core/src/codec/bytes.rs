//! Numbers, values and nested parts as bytes.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::mem;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::value::{Value, value_len};
use super::{DecodeError, EncodeError, Limits, Wire};

/// Collects bytes.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Whether the entry that was begun says how long it is, and nothing in it has to.
    is_measured: bool,
}

impl Writer {
    /// A writer that will write about as many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), is_measured: false }
    }

    /// Begins an entry whose length its reader will know.
    pub(super) fn begin_measured<T: Wire>(&mut self) {
        self.is_measured = T::ENDS_WITH_FIELD;
    }

    /// The bytes written so far.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// How many bytes were written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes a number as LEB128: seven bits a byte, the lowest first.
    pub fn number(&mut self, number: impl Into<u128>) {
        let number = number.into();
        // Nearly all numbers have 64 bits, which a register holds.
        match u64::try_from(number) {
            Ok(number) => self.short_number(number),
            Err(_) => self.wide_number(number),
        }
    }

    fn short_number(&mut self, mut rest: u64) {
        while rest >= 0x80 {
            self.bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    fn wide_number(&mut self, mut rest: u128) {
        while rest >= 0x80 {
            self.bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    /// Writes a user's value in MessagePack, structs with field names.
    ///
    /// # Errors
    /// When the value refuses; the bytes are then of no use.
    pub fn value<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), EncodeError> {
        let written = rmp_serde::encode::write_named(&mut self.bytes, value);
        written.map_err(|error| EncodeError { reason: error.to_string() })
    }

    /// Writes the tag of a field and what is in it, with its length, so that readers can pass over it. It says
    /// none where [the type ends with it](super::Wire::ENDS_WITH_FIELD) and that of the entry is known.
    ///
    /// # Errors
    /// The error of `part`; the bytes are then of no use.
    pub fn field(
        &mut self,
        tag: u32,
        part: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if mem::take(&mut self.is_measured) {
            self.number(tag);
            return part(self);
        }
        let mut inner = Self::default();
        part(&mut inner)?;
        self.number(tag);
        self.number(inner.bytes.len() as u64);
        self.raw(&inner.bytes);
        Ok(())
    }
}

/// Reads bytes that anybody may have written.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    max_depth: usize,
    /// How many of the last bytes are not those of the entry before.
    fresh: usize,
    /// Whether it reads an entry that was measured, and in it no field so far.
    is_measured: bool,
}

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        Self { rest: bytes, max_depth: limits.max_depth, fresh: usize::MAX, is_measured: false }
    }

    /// A reader of a measured entry under the same limits, whose first bytes are those of the one before.
    pub(super) fn of_entry<'b, T: Wire>(&self, entry: &'b [u8], shared: usize) -> Reader<'b> {
        let fresh = entry.len() - shared;
        Reader { rest: entry, max_depth: self.max_depth, fresh, is_measured: T::ENDS_WITH_FIELD }
    }

    /// How many of the next bytes are known to be those of the entry before, at the same place in it: none,
    /// where entries are not compared.
    #[must_use]
    pub fn shared(&self) -> usize {
        self.rest.len().saturating_sub(self.fresh)
    }

    /// How many bytes are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether no byte is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there are not as many.
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there are not as many.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// A number of up to 64 bits in its shortest LEB128 form.
    ///
    /// # Errors
    /// When the input ends, or the number is wider or not in its shortest form.
    #[inline]
    pub fn number(&mut self) -> Result<u64, DecodeError> {
        if let [byte @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_number()
    }

    /// A number of several bytes. Nine of them fit into 64 bits, whatever they are.
    fn long_number(&mut self) -> Result<u64, DecodeError> {
        let (mut number, mut shift, mut rest) = (0, 0, self.rest);
        while let [byte, after @ ..] = rest
            && shift < 63
        {
            number |= u64::from(byte & 0x7f) << shift;
            (shift, rest) = (shift + 7, after);
            if *byte < 0x80 {
                if *byte == 0 {
                    break;
                }
                self.rest = rest;
                return Ok(number);
            }
        }
        // Longer, or wrong.
        u64::try_from(self.wide()?).map_err(|_| DecodeError::Malformed { rule: "a number has up to 64 bits" })
    }

    /// A number of up to 128 bits in its shortest LEB128 form.
    ///
    /// # Errors
    /// When the input ends, or the number is wider or not in its shortest form.
    pub fn wide(&mut self) -> Result<u128, DecodeError> {
        let mut number = 0u128;
        for shift in (0..).step_by(7) {
            let [byte] = self.array()?;
            let bits = u128::from(byte & 0x7f);
            if shift >= 128 || bits << shift >> shift != bits {
                return Err(DecodeError::Malformed { rule: "a number has up to 128 bits" });
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                let rule = "a number is in its shortest form";
                return if shortest { Ok(number) } else { Err(DecodeError::Malformed { rule }) };
            }
        }
        unreachable!("a number of any length has ended or been refused")
    }

    /// A count of things that take a byte each at least.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when so many cannot follow.
    #[inline]
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.number()?).map_err(|_| DecodeError::Truncated)?;
        if count <= self.rest.len() { Ok(count) } else { Err(DecodeError::Truncated) }
    }

    /// A user's value in MessagePack.
    ///
    /// # Errors
    /// When the bytes are no MessagePack value, nest too deep, or are not of the type.
    pub fn value<V: DeserializeOwned>(&mut self) -> Result<V, DecodeError> {
        let len = self.value_len()?;
        self.value_of(len)
    }

    /// The same, [so long](Reader::value_len).
    pub(super) fn value_of<V: DeserializeOwned>(&mut self, len: usize) -> Result<V, DecodeError> {
        let value = Value { bytes: self.raw(len)?, max_depth: self.max_depth };
        V::deserialize(value)
    }

    /// How long the value is that comes next.
    #[inline]
    pub(super) fn value_len(&self) -> Result<usize, DecodeError> {
        value_len(self.rest, self.max_depth)
    }

    /// What [`Writer::field`] wrote: the tag, and a reader of what is in the field alone.
    ///
    /// # Errors
    /// When the input ends before the field does.
    pub fn field(&mut self) -> Result<(u32, Self), DecodeError> {
        let tag = u32::try_from(self.number()?);
        let tag = tag.map_err(|_| DecodeError::Malformed { rule: "a tag has up to 32 bits" })?;
        let len = if mem::take(&mut self.is_measured) { self.len() } else { self.count()? };
        let fresh = len - self.shared().min(len);
        let rest = self.raw(len)?;
        Ok((tag, Self { rest, max_depth: self.max_depth, fresh, is_measured: false }))
    }

    /// Whatever is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] when something is.
    pub fn finish(&self) -> Result<(), DecodeError> {
        let rule = "nothing follows the end";
        if self.is_empty() { Ok(()) } else { Err(DecodeError::Malformed { rule }) }
    }
}
