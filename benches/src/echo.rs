//! What QUIC alone takes on this machine: one connection, one stream, there and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, ServerConfig};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::RootCertStore;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::sync::mpsc;

use crate::load::{Failure, WARM_UP, open_loop};

/// Bytes of one message: those of a frame with one update of the cluster.
const MESSAGE: usize = 72;

/// Latencies from when a message was due to when it was back.
///
/// # Errors
/// When the sockets or the handshake fail.
pub async fn run(count: usize) -> Result<Vec<Duration>, Failure> {
    let (server, client) = endpoints()?;
    let address = server.local_addr()?;
    let echo = tokio::spawn(serve(server));
    let connection = client.connect(address, "localhost")?.await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    let (due, mut to_send) = mpsc::channel(count);
    let load = tokio::task::spawn_blocking(move || {
        open_loop(count, |_, at| due.try_send(at).is_ok());
    });
    let sender = tokio::spawn(async move {
        let mut sent = Vec::with_capacity(count);
        while let Some(at) = to_send.recv().await {
            sent.push(at);
            if send.write_all(&[7; MESSAGE]).await.is_err() {
                break;
            }
        }
        // A stream that is dropped ends, and the server with it.
        (sent, send)
    });
    let mut back = Vec::with_capacity(count);
    for _ in 0..count {
        receive.read_exact(&mut [0; MESSAGE]).await?;
        back.push(Instant::now());
    }
    load.await?;
    let (sent, _send) = sender.await?;
    connection.close(0u32.into(), b"done");
    echo.abort();
    let latencies = sent.iter().zip(back).map(|(sent, back)| back.saturating_duration_since(*sent));
    Ok(latencies.skip(WARM_UP / 2).collect())
}

/// Sends back whatever comes, until it is stopped.
async fn serve(server: Endpoint) -> Option<()> {
    let connection = server.accept().await?.await.ok()?;
    let (mut send, mut receive) = connection.accept_bi().await.ok()?;
    let mut buffer = [0; 64 << 10];
    while let Ok(Some(len)) = receive.read(&mut buffer).await {
        send.write_all(&buffer[..len]).await.ok()?;
    }
    None
}

fn endpoints() -> Result<(Endpoint, Endpoint), Failure> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let server = ServerConfig::with_single_cert(vec![cert.der().clone()], key.into())?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = Endpoint::client(([127, 0, 0, 1], 0).into())?;
    client.set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?)));
    Ok((Endpoint::server(server, ([127, 0, 0, 1], 0).into())?, client))
}
