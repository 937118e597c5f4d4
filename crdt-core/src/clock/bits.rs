//! One block of consecutive numbers as a bitmap.

use core::ops::{BitAnd, BitOr, Not};

/// How many numbers a block holds: block `b` holds the numbers `b * BLOCK` to `b * BLOCK + BLOCK - 1`.
///
/// 256 keeps a block's hash, bitmap and bookkeeping under half a byte a number when it is full, and
/// its packed list of slots short enough to shift.
pub(crate) const BLOCK: u64 = 256;

/// A subset of one block.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Bits([u64; 4]);

impl Bits {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    pub(crate) fn len(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn contains(&self, bit: u64) -> bool {
        self.0[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }

    pub(crate) fn set(&mut self, bit: u64) {
        self.0[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    pub(crate) fn clear(&mut self, bit: u64) {
        self.0[(bit / 64) as usize] &= !(1 << (bit % 64));
    }

    /// The bits `first` to `last`.
    pub(crate) fn range(first: u64, last: u64) -> Self {
        let mut bits = Self::default();
        bits.set_range(first, last);
        bits
    }

    /// Sets the bits `first` to `last`.
    pub(crate) fn set_range(&mut self, first: u64, last: u64) {
        for (word, bits) in (0u64..).zip(&mut self.0) {
            let (low, high) = (word * 64, word * 64 + 63);
            if first <= high && last >= low {
                let from = first.max(low) - low;
                let to = last.min(high) - low;
                *bits |= (u64::MAX << from) & (u64::MAX >> (63 - to));
            }
        }
    }

    /// Whether no bit from `bit` on is set.
    pub(crate) fn ends_before(&self, bit: u64) -> bool {
        let word = (bit / 64) as usize;
        self.0[word] >> (bit % 64) == 0 && self.0[word + 1..].iter().all(|word| *word == 0)
    }

    /// How many bits below `bit` are set.
    pub(crate) fn rank(&self, bit: u64) -> usize {
        let word = (bit / 64) as usize;
        let below: u32 = self.0[..word].iter().map(|word| word.count_ones()).sum();
        (below + (self.0[word] & !(u64::MAX << (bit % 64))).count_ones()) as usize
    }

    /// The last set bit.
    pub(crate) fn last(self) -> Option<u64> {
        let (word, bits) = self.0.iter().enumerate().rfind(|(_, bits)| **bits != 0)?;
        Some(word as u64 * 64 + u64::from(bits.ilog2()))
    }

    /// The set bits, ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = u64> {
        (0u64..).zip(self.0).flat_map(|(word, mut bits)| {
            core::iter::from_fn(move || {
                let bit = u64::from(bits.trailing_zeros());
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit)
            })
        })
    }

    pub(crate) fn words(self) -> [u64; 4] {
        self.0
    }
}

impl BitAnd for Bits {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] & other.0[word]))
    }
}

impl BitOr for Bits {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] | other.0[word]))
    }
}

impl Not for Bits {
    type Output = Self;

    fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}
