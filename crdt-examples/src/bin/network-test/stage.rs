//! Three nodes on hosts of their own, all of which write, and what can be seen of them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crdt_examples::scribe::{Cluster, Place, RANGE, Said, View};

use crate::network::{Network, address};
use crate::scenes::Scene;

pub(crate) const TOKYO: usize = 0;
pub(crate) const OSAKA: usize = 1;
/// The one at the other end of the line.
pub(crate) const LONDON: usize = 2;
const NAMES: [&str; 3] = ["tokyo", "osaka", "london"];
const ALL: [usize; 3] = [TOKYO, OSAKA, LONDON];

/// Where every node listens, on all addresses that its host has.
const PORT: u16 = 4400;
/// Between two writes of a node.
const PAUSE: Duration = Duration::from_millis(20);
/// How long anything may take that has to happen. It takes a second or two where nothing else runs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// How long it is looked whether something happens that must not.
const LOOK: Duration = Duration::from_millis(500);

/// Three nodes, their hosts, and their databases.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) network: Network,
    pub(crate) dir: PathBuf,
    ballast: usize,
}

impl Stage {
    /// With all nodes linked.
    pub(crate) fn set(number: usize, scene: &Scene) -> Result<Self, String> {
        let dir = format!("crdt-network-test-{}-{}", std::process::id(), scene.name);
        let dir = std::env::temp_dir().join(dir);
        fs::create_dir_all(&dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
        let (cluster, network) = (Cluster::new(&NAMES)?, Network::new(number, NAMES.len())?);
        let mut stage = Self { cluster, network, dir, ballast: scene.ballast };
        ALL.iter().try_for_each(|node| stage.start(*node))?;
        stage.is_whole()?;
        Ok(stage)
    }

    /// Starts a node on its host, with what its database holds.
    pub(crate) fn start(&mut self, node: usize) -> Result<(), String> {
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        let others = ALL.iter().filter(|other| **other != node);
        let peers = others.map(|other| SocketAddr::from((address(*other), PORT))).collect();
        let data = self.dir.join(format!("{}.redb", NAMES[node]));
        let place = Place { listen, peers, data, pause: PAUSE, ballast: self.ballast };
        self.cluster.start(node, place, &self.network.host(node).through())
    }

    /// Waits until each node is linked to both others and has in its store what must be everywhere by now,
    /// and returns how long it took.
    pub(crate) fn is_whole(&mut self) -> Result<Duration, String> {
        let begun = Instant::now();
        for node in ALL {
            self.until(node, "linked to both others", |view| view.links == 2)?;
        }
        self.cluster.listen()?;
        let owed = self.cluster.record().owed();
        self.cluster.hold(&ALL, &owed, LIMIT)?;
        Ok(begun.elapsed())
    }

    /// Waits until what a node shows is as it has to be.
    pub(crate) fn until(
        &mut self,
        node: usize,
        what: &str,
        holds: impl Fn(&View) -> bool,
    ) -> Result<(), String> {
        let begun = Instant::now();
        while !holds(&self.cluster.view(node)?) {
            if begun.elapsed() > LIMIT {
                return Err(format!("{} is not {what} after {LIMIT:?}", NAMES[node]));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What one writes from now on gets to the other.
    pub(crate) fn passes(&mut self, from: usize, to: usize) -> Result<(), String> {
        if self.is_shown(from, to, LIMIT)? {
            Ok(())
        } else {
            Err(format!("nothing of {} gets to {}", NAMES[from], NAMES[to]))
        }
    }

    /// What one writes from now on does not get to the other: the scene is what it says it is.
    pub(crate) fn does_not_pass(&mut self, from: usize, to: usize) -> Result<(), String> {
        if self.is_shown(from, to, LOOK)? {
            Err(format!("what {} writes gets to {} all the same", NAMES[from], NAMES[to]))
        } else {
            Ok(())
        }
    }

    /// Whether `to` shows within this time something that `from` writes from now on.
    fn is_shown(&mut self, from: usize, to: usize, limit: Duration) -> Result<bool, String> {
        let next = self.next_of(from)?;
        let later = next..(next / RANGE + 1) * RANGE;
        let begun = Instant::now();
        loop {
            if self.cluster.view(to)?.elements.range(later.clone()).next().is_some() {
                return Ok(true);
            }
            if begun.elapsed() > limit {
                return Ok(false);
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// The first element that a node writes after what it has said until now.
    fn next_of(&mut self, node: usize) -> Result<u64, String> {
        // What was written before reaches the record meanwhile.
        sleep(Duration::from_millis(100));
        self.cluster.listen()?;
        loop {
            if let Said::Wrote(update) = self.cluster.next(node)? {
                return Ok(update.added);
            }
        }
    }

    /// How many connections all nodes have kept since they started.
    pub(crate) fn made(&mut self) -> Result<u64, String> {
        let mut made = 0;
        for node in ALL {
            made += self.cluster.view(node)?.made;
        }
        Ok(made)
    }

    /// Takes the databases away.
    pub(crate) fn strike(self) -> Result<(), String> {
        fs::remove_dir_all(&self.dir).map_err(|error| format!("{}: {error}", self.dir.display()))
    }
}
