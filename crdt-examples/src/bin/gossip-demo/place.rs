//! The three regions.

use std::fmt;

/// A region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Tokyo,
    London,
    SaoPaulo,
}

impl Place {
    /// All of them, in the order in which they start and are printed.
    pub(crate) const ALL: [Self; 3] = [Self::Tokyo, Self::London, Self::SaoPaulo];

    /// The name in the certificate.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tokyo => "tokyo",
            Self::London => "london",
            Self::SaoPaulo => "sao-paulo",
        }
    }

    /// The other two.
    pub(crate) fn others(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |&other| other != self)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
