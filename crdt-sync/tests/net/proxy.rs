//! A bad network: a UDP socket between two nodes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crdt_sync::sim::SimRng;
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

use crate::support::loopback;

/// What becomes of packets, in both directions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// How many are lost, from 0 to 1.
    pub(crate) lost: f64,
    /// How many come twice.
    pub(crate) doubled: f64,
    /// How many come some milliseconds later than they should.
    pub(crate) late: f64,
    /// Longer ones are lost.
    pub(crate) longest: usize,
    /// Nothing passes to the node that dialled, or from it.
    pub(crate) cut_there: bool,
    pub(crate) cut_back: bool,
    /// Bytes a second in each direction; what does not fit waits, up to a tenth of a second.
    pub(crate) bytes_per_second: f64,
}

pub(crate) const FAIR: Weather = Weather {
    lost: 0.0,
    doubled: 0.0,
    late: 0.0,
    longest: usize::MAX,
    cut_there: false,
    cut_back: false,
    bytes_per_second: f64::INFINITY,
};

/// Passes packets between one node that dials `address` and the node behind it.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    network: Arc<Network>,
}

struct Network {
    state: Mutex<State>,
    /// The socket towards the server is another one now.
    moved: Notify,
}

struct State {
    server: SocketAddr,
    weather: Weather,
    rng: SimRng,
    /// When each direction is free again.
    free: [Instant; 2],
    longest_seen: usize,
    /// Bytes that came, in each direction.
    bytes_seen: [u64; 2],
}

/// Where a packet is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Proxy {
    pub(crate) async fn before(server: SocketAddr, seed: u64) -> Self {
        let front = Arc::new(UdpSocket::bind(loopback()).await.unwrap());
        let address = front.local_addr().unwrap();
        let (rng, now) = (SimRng::seed_from_u64(seed), Instant::now());
        let state = State { server, weather: FAIR, rng, free: [now; 2], longest_seen: 0, bytes_seen: [0; 2] };
        let network = Arc::new(Network { state: Mutex::new(state), moved: Notify::new() });
        tokio::spawn(network.clone().run(front));
        Self { address, network }
    }

    pub(crate) fn weather(&self, weather: Weather) {
        self.network.state().weather = weather;
    }

    /// The address leads to another node from now on.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.network.state().server = server;
    }

    /// The server sees the other node elsewhere from now on, as when a router forgets a mapping.
    pub(crate) fn rebind(&self) {
        self.network.moved.notify_one();
    }

    /// How long the longest packet was.
    pub(crate) fn longest_seen(&self) -> usize {
        self.network.state().longest_seen
    }

    /// Bytes of all packets so far: to the server, and from it.
    pub(crate) fn bytes_seen(&self) -> [u64; 2] {
        self.network.state().bytes_seen
    }
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn run(self: Arc<Self>, front: Arc<UdpSocket>) {
        let mut client = None;
        let (mut there, mut back) = ([0; 2048], [0; 2048]);
        let mut behind = Arc::new(UdpSocket::bind(loopback()).await.unwrap());
        loop {
            tokio::select! {
                came = front.recv_from(&mut there) => if let Ok((len, from)) = came {
                    client = Some(from);
                    let server = self.state().server;
                    self.pass(Way::There, &there[..len], &behind, server);
                },
                came = behind.recv_from(&mut back) => if let (Ok((len, _)), Some(client)) = (came, client) {
                    self.pass(Way::Back, &back[..len], &front, client);
                },
                () = self.moved.notified() => {
                    behind = Arc::new(UdpSocket::bind(loopback()).await.unwrap());
                }
            }
        }
    }

    fn pass(&self, way: Way, packet: &[u8], socket: &Arc<UdpSocket>, to: SocketAddr) {
        let fate = self.state().fate(way, packet.len());
        for delay in fate {
            let (socket, packet) = (socket.clone(), packet.to_vec());
            if delay.is_zero() {
                // A full buffer is one more way to lose a packet.
                let _ = socket.try_send_to(&packet, to);
            } else {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = socket.send_to(&packet, to).await;
                });
            }
        }
    }
}

impl State {
    /// How often a packet arrives, and after how long.
    fn fate(&mut self, way: Way, len: usize) -> Vec<Duration> {
        let Weather { lost, doubled, late, longest, cut_there, cut_back, bytes_per_second } = self.weather;
        self.longest_seen = self.longest_seen.max(len);
        self.bytes_seen[way as usize] += len as u64;
        let cut = if way == Way::There { cut_there } else { cut_back };
        if cut || len > longest || self.rng.random_bool(lost) {
            return Vec::new();
        }
        let Some(wait) = self.queue(way, len as f64 / bytes_per_second) else { return Vec::new() };
        let copies = 1 + u64::from(self.rng.random_bool(doubled));
        let mut delay = || match self.rng.random_bool(late) {
            true => Duration::from_millis(self.rng.random_range(1..20)),
            false => Duration::ZERO,
        };
        (0..copies).map(|_| wait + delay()).collect()
    }

    /// How long a packet waits until those before it have passed; nothing if too many wait.
    fn queue(&mut self, way: Way, seconds: f64) -> Option<Duration> {
        let (now, free) = (Instant::now(), &mut self.free[way as usize]);
        let begin = now.max(*free);
        let wait = begin - now;
        if wait > Duration::from_millis(100) {
            return None;
        }
        *free = begin + Duration::from_secs_f64(seconds);
        Some(wait)
    }
}
