//! What code that the derive macro writes has to leave to this crate's features.

/// Gives out its items where this crate has the feature `codec`, and nothing where it has not: the
/// crate that derives cannot see which.
#[cfg(feature = "codec")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_codec {
    ($($item:item)*) => { $($item)* };
}

/// Gives out nothing: this crate is built without the feature `codec`.
#[cfg(not(feature = "codec"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_codec {
    ($($item:item)*) => {};
}
