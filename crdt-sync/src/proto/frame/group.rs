//! Several updates, joined to one.
//!
//! A vector of the numbers that it stands for, at least one and at most [`MAX_NUMBERS`]; then the bytes
//! of a delta, to the end. The whole is no longer than an update may be. Records of a store hold the
//! same.

use crdt_core::clock::CausalContext;

use super::{FrameError, Kind, start};
use crate::proto::config::Config;
use crate::proto::error::PeerError;
use crate::proto::vector;
use crate::proto::wire::{Reader, Writer};

/// Numbers that one group may stand for, as many as go into a frame of updates.
pub(crate) const MAX_NUMBERS: u64 = 256;

/// The frame of a group.
pub(crate) fn encode(numbers: &CausalContext, bytes: &[u8]) -> Vec<u8> {
    let mut to = start(Kind::Group);
    write(numbers, bytes, &mut to);
    to.finish()
}

pub(crate) fn write(numbers: &CausalContext, bytes: &[u8], to: &mut Writer) {
    vector::encode(numbers, to);
    to.raw(bytes);
}

/// What the frame says: `from` stands behind the kind.
pub(crate) fn decode<'a>(from: Reader<'a>, config: &Config) -> Result<(CausalContext, &'a [u8]), PeerError> {
    vector::limited(from.len() as u64, "max_update_bytes", config.max_update_bytes as u64)?;
    read(from, config)
}

/// The numbers, and the bytes of the delta.
pub(crate) fn read<'a>(
    mut from: Reader<'a>,
    config: &Config,
) -> Result<(CausalContext, &'a [u8]), PeerError> {
    let numbers = vector::decode(&mut from, config)?;
    if numbers.is_empty() {
        return Err(FrameError::Value.into());
    }
    vector::limited(numbers.len(), "numbers of a group", MAX_NUMBERS)?;
    Ok((numbers, from.rest()))
}

#[cfg(test)]
mod tests {
    use crdt_core::ReplicaId;

    use super::*;
    use crate::proto::frame::open;

    fn numbers(runs: &[(u128, u64, u64)]) -> CausalContext {
        let mut numbers = CausalContext::default();
        for &(id, first, last) in runs {
            numbers.insert_range(ReplicaId::from_u128(id), first, last);
        }
        numbers
    }

    fn decoded(frame: &[u8], config: &Config) -> Result<(CausalContext, Vec<u8>), PeerError> {
        let (kind, body) = open(frame, config)?;
        assert_eq!(kind, Kind::Group);
        decode(body, config).map(|(numbers, bytes)| (numbers, bytes.to_vec()))
    }

    #[test]
    fn the_bytes_of_a_group_stay_as_they_are() {
        let (config, numbers) = (Config::new("c"), numbers(&[(1, 1, 5), (1, 7, 7), (2, 300, 300)]));
        let frame = encode(&numbers, b"abc");
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let (one, two) = (format!("{:032x}", 1), format!("{:032x}", 2));
        assert_eq!(hex, format!("011302{one}0200040000{two}01ab0200616263"));
        assert_eq!(decoded(&frame, &config), Ok((numbers, b"abc".to_vec())));
    }

    #[test]
    fn a_group_of_nothing_of_too_many_or_of_too_much_is_refused() {
        let mut config = Config::new("c");
        let limit = |frame: &[u8], config: &Config| match decoded(frame, config) {
            Err(PeerError::LimitExceeded { limit, found, .. }) => (limit, found),
            other => panic!("{other:?}"),
        };
        assert_eq!(decoded(&encode(&numbers(&[]), b"abc"), &config), Err(FrameError::Value.into()));
        assert!(decoded(&encode(&numbers(&[(1, 2, 257)]), b""), &config).is_ok());
        let many = encode(&numbers(&[(1, 1, 255), (2, 7, 8)]), b"");
        assert_eq!(limit(&many, &config), ("numbers of a group", 257));
        let most = encode(&numbers(&[(1, 1, 1 << 62)]), b"");
        assert_eq!(limit(&most, &config), ("numbers of a group", 1 << 62));
        config.max_update_bytes = 1024;
        // A count, an id, a count, a run of one.
        let numbers = numbers(&[(1, 1, 1)]);
        assert!(decoded(&encode(&numbers, &[7; 1004]), &config).is_ok());
        assert_eq!(limit(&encode(&numbers, &[7; 1005]), &config), ("max_update_bytes", 1025));
    }
}
