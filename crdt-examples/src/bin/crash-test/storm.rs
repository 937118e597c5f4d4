//! Kills, restores, and the final look.

use std::fmt;
use std::fs;
use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crdt_examples::scribe::{Cluster, Place, Said, Sums};

use crate::args::Plan;

const NAMES: [&str; 3] = ["tokyo", "london", "sao-paulo"];
/// How long a node has to catch up whose database was replaced.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two writes of a node.
const PAUSE: Duration = Duration::from_millis(1);

/// Three nodes and their databases.
struct Storm {
    cluster: Cluster,
    dir: PathBuf,
    /// Where each of them listens, once it has.
    addresses: [Option<SocketAddr>; 3],
    /// Whether there is a copy of its database.
    copied: [bool; 3],
    dice: u64,
}

/// What was done, and what came of it.
pub(crate) struct Report {
    kills: u64,
    restores: u64,
    clones: u64,
    shown: usize,
    sums: Sums,
    took: Duration,
}

/// Does what the plan says, and checks what is left.
pub(crate) fn rage(plan: &Plan) -> Result<Report, String> {
    let dir = std::env::temp_dir().join(format!("crdt-crash-test-{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    let report = Storm::new(&dir, plan.seed).and_then(|mut storm| storm.rage(plan));
    match &report {
        Ok(_) => fs::remove_dir_all(&dir).map_err(text)?,
        Err(_) => eprintln!("crash-test: the databases are in {}", dir.display()),
    }
    report
}

impl Storm {
    fn new(dir: &Path, seed: u64) -> Result<Self, String> {
        let (cluster, dir) = (Cluster::new(&NAMES)?, dir.to_owned());
        let mut storm = Self { cluster, dir, addresses: [None; 3], copied: [false; 3], dice: seed | 1 << 63 };
        (0..3).try_for_each(|node| storm.start(node))?;
        Ok(storm)
    }

    fn rage(&mut self, plan: &Plan) -> Result<Report, String> {
        let begun = Instant::now();
        let (mut restores, mut clones) = (0, 0);
        for kill in 0..plan.kills {
            sleep(Duration::from_millis(20 + self.draw(180)));
            self.cluster.listen()?;
            let node = self.draw(3) as usize;
            self.cluster.kill(node)?;
            // Spread evenly over the kills.
            let due = (kill + 1) * plan.restores / plan.kills > restores + clones;
            let from = if restores <= clones { node } else { (node + 1) % 3 };
            if due && self.copied[from] {
                self.replace(node, from)?;
                if from == node { restores += 1 } else { clones += 1 }
            } else {
                self.keep_copy(node)?;
                self.start(node)?;
            }
            self.show(kill + 1, plan.kills, restores + clones);
        }
        let shown = self.cluster.settle()?;
        let sums = self.cluster.record().sums();
        Ok(Report { kills: plan.kills, restores, clones, shown, sums, took: begun.elapsed() })
    }

    fn start(&mut self, node: usize) -> Result<(), String> {
        let own = self.addresses[node];
        let peers =
            self.addresses.iter().flatten().copied().filter(|address| Some(*address) != own).collect();
        let listen = own.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let place = Place { listen, peers, data: self.database(node), pause: PAUSE, ballast: 0 };
        self.cluster.start(node, place, &[])?;
        // Only the first start has to be over: later ones keep their address, and may be killed in it.
        if own.is_none()
            && let Said::Started(address) = self.cluster.next(node)?
        {
            self.addresses[node] = Some(address);
        }
        Ok(())
    }

    /// Puts the copy of a node's database in the place of the database of `node`, which is down, and
    /// waits until it has caught up: the other two have everything that was acknowledged by both.
    fn replace(&mut self, node: usize, from: usize) -> Result<(), String> {
        fs::copy(self.copy(from), self.database(node)).map_err(text)?;
        self.cluster.forget_own(node);
        self.start(node)?;
        let all = self.cluster.record().acknowledged();
        self.cluster.hold(&[node], &all, PATIENCE).map(drop)
    }

    /// Copies the database of a node that is down, one time out of four, so that copies are old.
    fn keep_copy(&mut self, node: usize) -> Result<(), String> {
        if (self.draw(4) == 0 || !self.copied[node]) && self.database(node).exists() {
            fs::copy(self.database(node), self.copy(node)).map_err(text)?;
            self.copied[node] = true;
        }
        Ok(())
    }

    fn database(&self, node: usize) -> PathBuf {
        self.dir.join(format!("{}.redb", NAMES[node]))
    }

    fn copy(&self, node: usize) -> PathBuf {
        self.dir.join(format!("{}.copy", NAMES[node]))
    }

    /// A number below `limit`. (Marsaglia 2003: xorshift.)
    fn draw(&mut self, limit: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 16) % limit
    }

    fn show(&self, done: u64, all: u64, replaced: u64) {
        if stderr().is_terminal() {
            let width = 30;
            let bar = "#".repeat((done * width / all) as usize);
            let acknowledged = self.cluster.record().sums().durable;
            eprint!(
                "\r\x1b[K[{bar:.<30}] {done} of {all} kills, {replaced} databases replaced, {acknowledged} updates acknowledged"
            );
            if done == all {
                eprintln!();
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sums { written, durable, replicated } = self.sums;
        writeln!(f, "{} kills in {:.0} s", self.kills, self.took.as_secs_f64())?;
        writeln!(f, "  databases put back from a copy   {}", self.restores)?;
        writeln!(f, "  databases of another node        {}", self.clones)?;
        writeln!(f, "  updates written                  {written}")?;
        writeln!(f, "  acknowledged as durable          {durable}")?;
        writeln!(f, "  acknowledged on all three        {replicated}")?;
        writeln!(f, "  elements that all three show     {}", self.shown)?;
        writeln!(f, "Nothing acknowledged is lost, nothing removed is back, no number was given twice.")
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
