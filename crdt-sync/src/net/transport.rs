//! QUIC as narrow as the protocol needs it.

use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};

use super::tls::Tls;

/// Bytes that a peer may have under way to this node, on all streams together. The default knows no
/// bound.
const RECEIVE_WINDOW: u32 = 4 << 20;
/// The same for one stream.
const STREAM_WINDOW: u32 = 1 << 20;
/// Bytes that wait for a peer's acknowledgement: beyond this the stream takes no more, and what a
/// slow peer lacks stays in the shared log.
pub(super) const SEND_WINDOW: u64 = 1 << 20;
/// Streams that a peer may open at once. One is used.
const STREAMS: u32 = 8;
/// Digests are sent one at a time; what does not fit is dropped and sent again later.
pub(super) const DATAGRAM_BUFFER: usize = 64 << 10;
/// Handshakes that may wait to be looked at, and bytes that they may have sent.
const MAX_INCOMING: usize = 1024;
const INCOMING_BUFFER: u64 = 8 << 10;
const INCOMING_BUFFER_TOTAL: u64 = 8 << 20;

/// How long a connection may be silent, and how often it is kept from being so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Liveness {
    pub(super) idle_timeout: Duration,
    pub(super) keep_alive: Duration,
}

/// The configuration of an endpoint that accepts, and of the connections that it dials.
pub(super) fn quic(tls: &Tls, liveness: Liveness) -> (EndpointConfig, ServerConfig, ClientConfig) {
    let mut server = ServerConfig::with_crypto(tls.server.clone());
    server
        .transport_config(Arc::new(transport(liveness)))
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    let mut client = ClientConfig::new(tls.client.clone());
    let mut dialled = transport(liveness);
    // One side is enough: the other hears it, and answers. Both at once would cost twice as much.
    dialled.keep_alive_interval(Some(liveness.keep_alive));
    client.transport_config(Arc::new(dialled));
    (EndpointConfig::default(), server, client)
}

fn transport(liveness: Liveness) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .receive_window(RECEIVE_WINDOW.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .send_window(SEND_WINDOW)
        .max_concurrent_bidi_streams(STREAMS.into())
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
        .datagram_send_buffer_size(DATAGRAM_BUFFER)
        .send_fairness(true)
        .max_idle_timeout(IdleTimeout::try_from(liveness.idle_timeout).ok());
    config
}
