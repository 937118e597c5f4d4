//! Moving frames and datagrams between the engine and one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::{RecvStream, SendStream, WriteError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::fault::LinkError;
use super::hub::Hub;
use super::link::Link;
use super::transport::SEND_WINDOW;
use super::world;
use crate::proto::{FrameError, Machine, Now};

/// Bytes that are given to the stream at once, which copies them. With twice as much a newcomer has a
/// million entries in half the time, and a user who writes meanwhile waits twice as long.
const BATCH: usize = 32 << 10;
/// A link whose batches are large although the user comes less often than this between two of them catches
/// up with what was written before: that can wait, and the user should not have to. Who writes more wants
/// the link to follow.
const FEW: u64 = 32;
/// Bytes of one frame where the engine can choose: some five hundred small updates, which a
/// receiver applies in a millisecond under its lock.
const FRAME: usize = 16 << 10;
/// Small batches that follow each other within [`MOMENT`] before the next ones are gathered for as
/// long: a packet, two wake-ups and a lock for each update is what a busy link cannot afford.
const SMALL_BATCHES: u32 = 4;
/// How long small batches are gathered, and how long a link that catches up leaves the node to its user.
const MOMENT: Duration = Duration::from_millis(1);
/// How long the engine may be kept from others while frames are worked out, but for one frame. Whoever waits
/// has it then; shorter, and a busy link spends its time on handing it over.
const HOLD: Duration = Duration::from_micros(25);

impl Hub {
    /// Moves bytes until the connection is over. Reading and writing are tasks of their own, so that
    /// a peer that always has more to say does not keep this node from answering.
    pub(super) async fn run(self: &Arc<Self>, link: &Arc<Link>, send: SendStream, receive: RecvStream) {
        let span = tracing::info_span!("link", node = %self.name, peer = %link.name);
        let mut tasks = JoinSet::new();
        tasks.spawn(self.clone().write(link.clone(), send).instrument(span.clone()));
        tasks.spawn(self.clone().read_frames(link.clone(), receive).instrument(span.clone()));
        tasks.spawn(self.clone().read_datagrams(link.clone()).instrument(span));
        tasks.spawn(link.clone().listen());
        tasks.join_next().await;
        let Some(reason) = link.connection.close_reason() else { return };
        if let Some(error) = LinkError::of(&reason, &self.name) {
            self.report(&link.name, link.connection.remote_address(), error);
        }
    }

    /// Sends what the engine has for the peer whenever the stream takes it: at once if it is idle,
    /// and while it is busy in batches of what came together.
    async fn write(self: Arc<Self>, link: Arc<Link>, mut send: SendStream) {
        let (mut batch, mut pace) = (Vec::new(), Pace::new());
        loop {
            if let Some(datagram) = self.fill(&link, &mut batch) {
                // Digests may be lost, and a full buffer is a way to lose one.
                let _ = link.connection.send_datagram(datagram.into());
            }
            if batch.is_empty() {
                link.wake.notified().await;
                continue;
            }
            link.connection.set_send_window(ahead(link.connection.stats().path.cwnd));
            if write_all(&mut send, &batch, &link.waiting).await.is_err() {
                return;
            } else if pace.is_too_fast(batch.len(), self.visits()) {
                sleep(MOMENT).await;
            }
            batch.clear();
            // A batch may have been as long as a frame is allowed to be.
            batch.shrink_to(2 * BATCH);
        }
    }

    /// What the engine has for the peer, as much as comes together within a batch. Whoever waits for the
    /// engine has it in between.
    fn fill(&self, link: &Link, batch: &mut Vec<u8>) -> Option<Vec<u8>> {
        let mut datagram = None;
        while self.output(|engine, now| {
            datagram = datagram.take().or_else(|| engine.poll_datagram(link.peer, now));
            poll(engine, link, now, batch)
        }) {}
        datagram
    }

    async fn read_frames(self: Arc<Self>, link: Arc<Link>, receive: RecvStream) {
        if let Err(error) = self.take_frames(&link, receive).await {
            self.refuse_link(&link, error);
        }
    }

    /// Takes frames until one is refused or the stream ends; the error is for the peer to read.
    async fn take_frames(&self, link: &Link, mut receive: RecvStream) -> Result<(), LinkError> {
        let mut frame = Vec::new();
        loop {
            next_frame(&mut receive, self.max_frame, &mut frame).await?;
            link.frames_received.fetch_add(1, Ordering::Relaxed);
            let (taken, pause) = self.input(|engine, now| {
                let taken = engine.handle_frame(link.peer, &frame, now);
                (taken, engine.pause(link.peer, now))
            });
            taken.map_err(LinkError::Protocol)?;
            if let Some(pause) = pause {
                sleep(pause).await;
            }
            tokio::task::coop::consume_budget().await;
        }
    }

    async fn read_datagrams(self: Arc<Self>, link: Arc<Link>) {
        while let Ok(datagram) = link.connection.read_datagram().await {
            if datagram.is_empty() || link.take_datagram(&datagram) {
                // A few come when two connections are settled. What comes faster is lost.
                sleep(MOMENT).await;
                continue;
            }
            let (taken, pause) = self.input(|engine, now| {
                let taken = engine.handle_datagram(link.peer, &datagram, now);
                (taken, engine.pause(link.peer, now))
            });
            if let Err(error) = taken {
                self.refuse_link(&link, LinkError::Protocol(error));
                return;
            }
            if let Some(pause) = pause {
                sleep(pause).await;
            }
        }
    }
}

/// Takes frames for a moment. Returns whether the batch can take more, and there may be more.
fn poll(engine: &mut Machine, link: &Link, now: Now, batch: &mut Vec<u8>) -> bool {
    let begun = world::instant();
    while batch.len() < BATCH {
        let Some(frame) = engine.poll_transmit(link.peer, FRAME, now) else { return false };
        put(&frame, batch);
        link.frames_sent.fetch_add(1, Ordering::Relaxed);
        if begun.elapsed() > HOLD {
            return batch.len() < BATCH;
        }
    }
    false
}

/// How many bytes may be with the transport when so many may be under way. What the network cannot take
/// yet stays with the engine, which sends what is urgent first.
fn ahead(under_way: u64) -> u64 {
    under_way.saturating_add(BATCH as u64).min(SEND_WINDOW)
}

/// How fast batches follow each other.
struct Pace {
    since: Instant,
    small: u32,
    visits: u64,
}

impl Pace {
    fn new() -> Self {
        Self { since: world::instant(), small: 0, visits: 0 }
    }

    /// Counts a batch of so many bytes, and the user's visits so far. Returns whether it is better to wait
    /// for a moment before the next.
    fn is_too_fast(&mut self, bytes: usize, visits: u64) -> bool {
        let came = visits.wrapping_sub(std::mem::replace(&mut self.visits, visits));
        if bytes >= BATCH / 2 {
            return (1..FEW).contains(&came);
        }
        if self.since.elapsed() > MOMENT {
            (self.since, self.small) = (world::instant(), 0);
        }
        self.small += 1;
        self.small > SMALL_BATCHES
    }
}

/// Appends a frame after its length: seven bits a byte, the lowest first, the top bit set on all but the
/// last.
fn put(frame: &[u8], batch: &mut Vec<u8>) {
    let mut len = frame.len();
    while len >= 0x80 {
        batch.push(len as u8 | 0x80);
        len >>= 7;
    }
    batch.push(len as u8);
    batch.extend_from_slice(frame);
}

/// Writes all of it, and says how much is left.
async fn write_all(send: &mut SendStream, mut bytes: &[u8], left: &AtomicUsize) -> Result<(), WriteError> {
    while !bytes.is_empty() {
        left.store(bytes.len(), Ordering::Relaxed);
        let written = send.write(bytes).await?;
        bytes = &bytes[written..];
    }
    left.store(0, Ordering::Relaxed);
    Ok(())
}

/// Reads a whole frame. The buffer grows with what arrives, not with what is announced.
async fn next_frame(receive: &mut RecvStream, max: usize, frame: &mut Vec<u8>) -> Result<(), LinkError> {
    let len = next_len(receive, max).await?;
    frame.clear();
    frame.shrink_to(2 * BATCH);
    while frame.len() < len {
        match receive.read_chunk(len - frame.len(), true).await {
            Ok(Some(chunk)) => frame.extend_from_slice(&chunk.bytes),
            Ok(None) | Err(_) => return Err(LinkError::StreamEnded),
        }
    }
    Ok(())
}

/// Reads the length of a frame, in its shortest form.
async fn next_len(receive: &mut RecvStream, max: usize) -> Result<usize, LinkError> {
    let mut len = 0u64;
    for shift in (0..u32::BITS).step_by(7) {
        let mut byte = [0];
        // Where the connection is lost the transport knows why; this is for streams that end alone.
        receive.read_exact(&mut byte).await.map_err(|_| LinkError::StreamEnded)?;
        len |= u64::from(byte[0] & 0x7f) << shift;
        if len > max as u64 {
            return Err(LinkError::FrameTooLong { len, allowed: max as u64 });
        }
        match byte[0] {
            0 if shift > 0 => break,
            0x80.. => {}
            _ => return Ok(len as usize),
        }
    }
    Err(LinkError::Protocol(FrameError::Number.into()))
}

#[cfg(test)]
mod tests {
    use super::{BATCH, FEW, Pace, SMALL_BATCHES};

    #[test]
    fn a_link_that_catches_up_leaves_room_for_a_user_who_comes_now_and_then() {
        let mut pace = Pace::new();
        assert!(!pace.is_too_fast(BATCH, 0), "nobody came");
        assert!(pace.is_too_fast(BATCH, 1), "somebody did");
        assert!(!pace.is_too_fast(BATCH, 1), "nobody since");
        assert!(pace.is_too_fast(BATCH, FEW), "not often enough to fill a batch");
        assert!(!pace.is_too_fast(BATCH, 2 * FEW), "these want the link to follow");
    }

    #[test]
    fn small_batches_are_gathered_once_they_follow_each_other() {
        let mut pace = Pace::new();
        let waits: Vec<bool> =
            (0..=SMALL_BATCHES).map(|visits| pace.is_too_fast(100, visits.into())).collect();
        let at_last: Vec<bool> = (0..=SMALL_BATCHES).map(|batch| batch == SMALL_BATCHES).collect();
        assert_eq!(waits, at_last);
    }
}
