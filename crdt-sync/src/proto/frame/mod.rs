//! The bytes of frames and datagrams.
//!
//! Every one begins with the version and the kind, but for updates, whose first byte is one that no
//! version will have: the top bit is set. There is one form for each meaning: what is decoded and
//! encoded again gives the same bytes. Numbers are little-endian base 128 in the shortest form, byte
//! strings carry their length, fixed-width fields are little-endian.
//!
//! | kind | frame | fields after version and kind |
//! |---|---|---|
//! | 1 | hello | see [`hello`] |
//! | | updates | one or more, see [`updates`] |
//! | 3 | applied | vector of the numbers applied since the last report |
//! | 4 | ask | id |
//! | 5 | vector | id of the question, vector of all numbers applied |
//! | 6 | offer | vector of the numbers that the receiver lacks and the sender's log lost |
//! | 7 | request | id, context of the document |
//! | 8 | begin | id, donor's vector at the start, vector of what the donor holds in part, what of the requested context it has not seen |
//! | 9 | chunk | id, index, whether the chunk ends here, bytes to the end of the frame |
//! | 10 | end | id, how many chunk frames there were |
//! | 11 | abort | id, reason |
//! | 12 | durable | vector of the numbers that became durable since the last report |
//! | 13 | spare | count, ids of origins, ascending, whose updates came twice |
//! | 14 | compare | id, index, ranges (see [`spans`]) |
//! | 15 | compared | id, index of the question, ranges |
//! | 16 | digest (datagram) | flags (1 answer, 2 partial, 4 durable), hash of the vector, fingerprint |
//! | 17 | writer | id of this start, whether it is about to stop |
//! | 18 | want | count, not 0, then for each place: rights needed, rights wished, length, bytes of an entry that leads there |
//! | 19 | group | vector of the numbers of several updates, bytes of their join to the end of the frame (see [`group`]) |
//!
//! Writer and want pass only between two that both said in their hellos that they move rights, and a
//! group only to who said that it takes groups.

mod digest;
pub(super) mod group;
mod hello;
mod names;
mod packed;
mod spans;
mod updates;

use std::collections::BTreeSet;

use crdt_core::clock::CausalContext;
use crdt_core::{ReplicaId, Span};

pub(super) use self::digest::Digest;
pub(super) use self::hello::{Hello, MOVES_RIGHTS, TAKES_GROUPS};
pub(super) use self::names::is_told_by_short;
pub(super) use self::packed::Packed;
pub(super) use self::spans::max_spans;
pub(super) use self::updates::{Updates, UpdatesWriter};
use super::config::Config;
use super::error::{FrameError, PeerError};
use super::rights::{Levels, MAX_WANTS};
use super::vector;
use super::wire::{Reader, Writer};

/// The oldest and newest version of the protocol spoken here.
const VERSIONS: (u8, u8) = (1, 1);
/// The bit that is set in the first byte of a frame of updates, and in no version.
const UPDATES: u8 = 0x80;

/// What a frame on the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Hello = 1,
    Updates = UPDATES,
    Applied = 3,
    Ask = 4,
    Vector = 5,
    Offer = 6,
    Request = 7,
    Begin = 8,
    Chunk = 9,
    End = 10,
    Abort = 11,
    Durable = 12,
    Spare = 13,
    Compare = 14,
    Compared = 15,
    Digest = 16,
    Writer = 17,
    Want = 18,
    Group = 19,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Updates => "updates",
            Self::Applied => "applied",
            Self::Ask => "ask",
            Self::Vector => "vector",
            Self::Offer => "offer",
            Self::Request => "request",
            Self::Begin => "begin",
            Self::Chunk => "chunk",
            Self::End => "end",
            Self::Abort => "abort",
            Self::Durable => "durable",
            Self::Spare => "spare",
            Self::Compare => "compare",
            Self::Compared => "compared",
            Self::Digest => "digest",
            Self::Writer => "writer",
            Self::Want => "want",
            Self::Group => "group",
        }
    }

    fn from_byte(byte: u8) -> Result<Self, FrameError> {
        Ok(match byte {
            1 => Self::Hello,
            3 => Self::Applied,
            4 => Self::Ask,
            5 => Self::Vector,
            6 => Self::Offer,
            7 => Self::Request,
            8 => Self::Begin,
            9 => Self::Chunk,
            10 => Self::End,
            11 => Self::Abort,
            12 => Self::Durable,
            13 => Self::Spare,
            14 => Self::Compare,
            15 => Self::Compared,
            16 => Self::Digest,
            17 => Self::Writer,
            18 => Self::Want,
            19 => Self::Group,
            other => return Err(FrameError::Kind(other)),
        })
    }
}

/// Any frame but the hello, and what brings updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// The sender has applied these numbers.
    Applied(CausalContext),
    /// What have you applied, everything that I sent before this included?
    Ask { id: u64 },
    /// The answer.
    Vector { id: u64, updates: CausalContext },
    /// You seem to lack these, which my log no longer holds: ask for a walk.
    Offer(CausalContext),
    /// Walk me through your state; my document has this context.
    Request { id: u64, context: CausalContext },
    /// The walk begins, at a state with this vector, which may hold more of `parts`. Of the context
    /// in the request it has not seen `unseen`.
    Begin { id: u64, updates: CausalContext, parts: CausalContext, unseen: CausalContext },
    /// A piece of an encoded delta; `last` where it ends.
    Chunk { id: u64, index: u64, last: bool, bytes: &'a [u8] },
    /// The walk is over, after so many chunk frames.
    End { id: u64, chunks: u64 },
    /// The walk cannot go on, or not begin.
    Abort { id: u64, reason: AbortReason },
    /// The sender has these in its store.
    Durable(CausalContext),
    /// What you passed on of these origins, the sender had from elsewhere.
    Spare(BTreeSet<ReplicaId>),
    /// Where do these ranges differ from yours? `index` counts on from that of chunks.
    Compare { id: u64, index: u64, spans: Vec<Span> },
    /// There, and these are the hashes here.
    Compared { id: u64, index: u64, spans: Vec<Span> },
    /// The sender writes under this id now, and will stop if it is `leaving`.
    Writer { id: ReplicaId, leaving: bool },
    /// The sender runs low of rights at these places.
    Want(Vec<(Levels, &'a [u8])>),
}

/// Why a donor gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum AbortReason {
    Busy = 1,
    Overflow = 2,
    Standstill = 3,
}

/// Reads version and kind, of a frame that has them.
pub(super) fn open<'a>(bytes: &'a [u8], config: &Config) -> Result<(Kind, Reader<'a>), PeerError> {
    if bytes.len() > config.max_frame {
        let (found, allowed) = (bytes.len() as u64, config.max_frame as u64);
        return Err(PeerError::LimitExceeded { limit: "max_frame", found, allowed });
    }
    let mut reader = Reader::new(bytes);
    if bytes.first().is_some_and(|first| first & UPDATES != 0) {
        return Ok((Kind::Updates, reader));
    }
    let version = reader.u8()?;
    let kind = Kind::from_byte(reader.u8()?);
    // The first bytes of a hello stay as they are for ever, so that it can report a mismatch.
    if kind != Ok(Kind::Hello) && version != VERSIONS.1 {
        return Err(FrameError::Version(version).into());
    }
    Ok((kind?, reader))
}

fn start(kind: Kind) -> Writer {
    let mut writer = Writer::default();
    writer.u8(VERSIONS.1);
    writer.u8(kind as u8);
    writer
}

impl<'a> Frame<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut to = start(self.kind());
        match self {
            Self::Applied(updates) | Self::Offer(updates) | Self::Durable(updates) => {
                vector::encode(updates, &mut to);
            }
            Self::Spare(origins) => {
                to.count(origins.len());
                origins.iter().for_each(|id| to.id(*id));
            }
            Self::Ask { id } => to.number(*id),
            Self::Vector { id, updates } => {
                to.number(*id);
                vector::encode(updates, &mut to);
            }
            Self::Request { id, context } => {
                to.number(*id);
                vector::encode(context, &mut to);
            }
            Self::Begin { id, updates, parts, unseen } => {
                to.number(*id);
                [updates, parts, unseen].into_iter().for_each(|seen| vector::encode(seen, &mut to));
            }
            Self::Compare { id, index, spans } | Self::Compared { id, index, spans } => {
                to.number(*id);
                to.number(*index);
                spans::encode(spans, &mut to);
            }
            Self::Chunk { id, index, last, bytes } => {
                to.number(*id);
                to.number(*index);
                to.flag(*last);
                to.raw(bytes);
            }
            Self::End { id, chunks } => {
                to.number(*id);
                to.number(*chunks);
            }
            Self::Abort { id, reason } => {
                to.number(*id);
                to.u8(*reason as u8);
            }
            Self::Writer { id, leaving } => {
                to.id(*id);
                to.flag(*leaving);
            }
            Self::Want(wants) => {
                to.count(wants.len());
                for (levels, place) in wants {
                    to.number(levels.needed);
                    to.number(levels.wished);
                    to.bytes(place);
                }
            }
        }
        to.finish()
    }

    /// Reads what follows after the kind.
    pub(super) fn decode(kind: Kind, mut from: Reader<'a>, config: &Config) -> Result<Self, PeerError> {
        let frame = match kind {
            Kind::Applied => Self::Applied(vector::decode(&mut from, config)?),
            Kind::Durable => Self::Durable(vector::decode(&mut from, config)?),
            Kind::Spare => Self::Spare(origins(&mut from, config)?),
            Kind::Ask => Self::Ask { id: from.number()? },
            Kind::Vector => Self::Vector { id: from.number()?, updates: vector::decode(&mut from, config)? },
            Kind::Offer => Self::Offer(vector::decode(&mut from, config)?),
            Kind::Request => {
                Self::Request { id: from.number()?, context: vector::decode(&mut from, config)? }
            }
            Kind::Begin => Self::Begin {
                id: from.number()?,
                updates: vector::decode(&mut from, config)?,
                parts: vector::decode(&mut from, config)?,
                unseen: vector::decode(&mut from, config)?,
            },
            Kind::Compare => {
                Self::Compare { id: from.number()?, index: from.number()?, spans: spans::decode(&mut from)? }
            }
            Kind::Compared => {
                Self::Compared { id: from.number()?, index: from.number()?, spans: spans::decode(&mut from)? }
            }
            Kind::Chunk => Self::Chunk {
                id: from.number()?,
                index: from.number()?,
                last: from.flag()?,
                bytes: from.rest(),
            },
            Kind::End => Self::End { id: from.number()?, chunks: from.number()? },
            Kind::Abort => Self::Abort { id: from.number()?, reason: abort_reason(from.u8()?)? },
            Kind::Writer => Self::Writer { id: from.id()?, leaving: from.flag()? },
            Kind::Want => Self::Want(wants(&mut from)?),
            Kind::Hello | Kind::Updates | Kind::Group | Kind::Digest => {
                return Err(PeerError::Unexpected { frame: kind.name() });
            }
        };
        from.finish()?;
        Ok(frame)
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Applied(_) => Kind::Applied,
            Self::Ask { .. } => Kind::Ask,
            Self::Vector { .. } => Kind::Vector,
            Self::Offer(_) => Kind::Offer,
            Self::Request { .. } => Kind::Request,
            Self::Begin { .. } => Kind::Begin,
            Self::Chunk { .. } => Kind::Chunk,
            Self::End { .. } => Kind::End,
            Self::Abort { .. } => Kind::Abort,
            Self::Durable(_) => Kind::Durable,
            Self::Spare(_) => Kind::Spare,
            Self::Compare { .. } => Kind::Compare,
            Self::Compared { .. } => Kind::Compared,
            Self::Writer { .. } => Kind::Writer,
            Self::Want(_) => Kind::Want,
        }
    }
}

fn origins(from: &mut Reader<'_>, config: &Config) -> Result<BTreeSet<ReplicaId>, PeerError> {
    let mut origins = BTreeSet::new();
    for _ in 0..vector::limited(from.number()?, "max_replicas", config.max_replicas as u64)? {
        let id = from.id()?;
        if origins.last().is_some_and(|last| *last >= id) {
            return Err(FrameError::Order.into());
        }
        origins.insert(id);
    }
    Ok(origins)
}

fn wants<'a>(from: &mut Reader<'a>) -> Result<Vec<(Levels, &'a [u8])>, PeerError> {
    let count = vector::limited(from.number()?, "wants", MAX_WANTS as u64)?;
    if count == 0 {
        return Err(FrameError::Value.into());
    }
    let want = |_| Ok((Levels { needed: from.number()?, wished: from.number()? }, from.bytes()?));
    (0..count).map(want).collect()
}

fn abort_reason(byte: u8) -> Result<AbortReason, FrameError> {
    match byte {
        1 => Ok(AbortReason::Busy),
        2 => Ok(AbortReason::Overflow),
        3 => Ok(AbortReason::Standstill),
        _ => Err(FrameError::Value),
    }
}

#[cfg(test)]
mod tests;
