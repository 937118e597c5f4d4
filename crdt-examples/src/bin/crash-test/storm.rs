//! Kills, restores, and the final look.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crdt_sync::certs::Ca;
use crdt_sync::{Identity, Token};

use crate::args::Plan;
use crate::process::Process;
use crate::record::{Record, Sums};
use crate::words::{Order, Said, Start};

const NAMES: [&str; 3] = ["tokyo", "london", "sao-paulo"];
/// Elements that one start can write.
const RANGE: u64 = 1 << 32;
/// How long the nodes have to catch up, and to become equal in the end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Three nodes, their databases, and what they said.
struct Storm {
    ca: Ca,
    dir: PathBuf,
    members: [Member; 3],
    record: Record,
    dice: u64,
}

struct Member {
    identity: Identity,
    address: SocketAddr,
    process: Option<Process>,
    start: usize,
    /// Whether there is a copy of its database.
    copied: bool,
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
        let ca = Ca::generate("crash-test").map_err(text)?;
        let member = |name| {
            let (identity, address) = (ca.issue(name).map_err(text)?, SocketAddr::from(([127, 0, 0, 1], 0)));
            Ok::<_, String>(Member { identity, address, process: None, start: 0, copied: false })
        };
        let members = [member(NAMES[0])?, member(NAMES[1])?, member(NAMES[2])?];
        let mut storm =
            Self { ca, dir: dir.to_owned(), members, record: Record::default(), dice: seed | 1 << 63 };
        (0..3).try_for_each(|node| storm.start(node))?;
        Ok(storm)
    }

    fn rage(&mut self, plan: &Plan) -> Result<Report, String> {
        let begun = Instant::now();
        let (mut restores, mut clones) = (0, 0);
        for kill in 0..plan.kills {
            sleep(Duration::from_millis(20 + self.draw(180)));
            self.listen()?;
            let node = self.draw(3) as usize;
            self.kill(node)?;
            // Spread evenly over the kills.
            let due = (kill + 1) * plan.restores / plan.kills > restores + clones;
            let from = if restores <= clones { node } else { (node + 1) % 3 };
            if due && self.members[from].copied {
                self.replace(node, from)?;
                if from == node { restores += 1 } else { clones += 1 }
            } else {
                self.keep_copy(node)?;
                self.start(node)?;
            }
            self.show(kill + 1, plan.kills, restores + clones);
        }
        let shown = self.settle()?;
        let sums = self.record.sums();
        Ok(Report { kills: plan.kills, restores, clones, shown, sums, took: begun.elapsed() })
    }

    fn start(&mut self, node: usize) -> Result<(), String> {
        let peers = self.members.iter().map(|member| member.address).filter(|address| address.port() != 0);
        let peers = peers.filter(|address| *address != self.members[node].address).collect();
        let start = self.record.start(node);
        let (ca, data) = (self.ca.cert_pem().to_owned(), self.database(node));
        let member = &mut self.members[node];
        let (cert, key) = (member.identity.cert_pem().to_owned(), member.identity.key_pem().to_owned());
        let first = start as u64 * RANGE;
        let mut process = Process::spawn()?;
        process.order(&Order::Start(Start { ca, cert, key, listen: member.address, peers, data, first }))?;
        (member.start, member.process) = (start, Some(process));
        // Only the first start has to be over: later ones keep their address, and may be killed in it.
        if member.address.port() == 0
            && let Said::Started(address) = self.next(node)?
        {
            self.members[node].address = address;
        }
        Ok(())
    }

    fn kill(&mut self, node: usize) -> Result<(), String> {
        let Some(process) = self.members[node].process.take() else { return Ok(()) };
        let start = self.members[node].start;
        process.kill()?.into_iter().try_for_each(|said| self.record.hear(start, said))
    }

    /// Puts the copy of a node's database in the place of the database of `node`, which is down, and
    /// waits until it has caught up: the other two have everything that was acknowledged by both.
    fn replace(&mut self, node: usize, from: usize) -> Result<(), String> {
        fs::copy(self.copy(from), self.database(node)).map_err(text)?;
        self.record.forget_own(node);
        self.start(node)?;
        let all = Token::new(self.record.acknowledged());
        self.process(node)?.order(&Order::Await(all))?;
        let begun = Instant::now();
        while self.next(node)? != Said::Reached {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} cannot find all that was acknowledged", NAMES[node]));
            }
        }
        Ok(())
    }

    /// Copies the database of a node that is down, one time out of four, so that copies are old.
    fn keep_copy(&mut self, node: usize) -> Result<(), String> {
        if (self.draw(4) == 0 || !self.members[node].copied) && self.database(node).exists() {
            fs::copy(self.database(node), self.copy(node)).map_err(text)?;
            self.members[node].copied = true;
        }
        Ok(())
    }

    /// Ends all writes, waits until the nodes are equal, and checks what each of them shows.
    fn settle(&mut self) -> Result<usize, String> {
        for node in 0..3 {
            self.process(node)?.order(&Order::Stop)?;
        }
        for node in 0..3 {
            while self.next(node)? != Said::Stopped {}
        }
        let begun = Instant::now();
        loop {
            let views: Vec<_> = (0..3).map(|node| self.view(node)).collect::<Result<_, _>>()?;
            if views.iter().all(|(fingerprint, _)| *fingerprint == views[0].0) {
                views.iter().try_for_each(|(_, shown)| self.record.check(shown))?;
                let equal = views.iter().all(|(_, shown)| *shown == views[0].1);
                return if equal {
                    Ok(views[0].1.len())
                } else {
                    Err("equal fingerprints hide a difference".into())
                };
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("the nodes are not equal after {PATIENCE:?}"));
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn view(&mut self, node: usize) -> Result<(u128, BTreeSet<u64>), String> {
        self.process(node)?.order(&Order::Show)?;
        loop {
            if let Said::View { fingerprint, elements } = self.next(node)? {
                return Ok((fingerprint, elements.into_iter().collect()));
            }
        }
    }

    /// The next thing that a node says; it is taken down.
    fn next(&mut self, node: usize) -> Result<Said, String> {
        let said = self.process(node)?.next().map_err(|error| format!("{}: {error}", NAMES[node]))?;
        self.record.hear(self.members[node].start, said.clone())?;
        Ok(said)
    }

    /// Takes down what all nodes said.
    fn listen(&mut self) -> Result<(), String> {
        for member in &self.members {
            for said in member.process.iter().flat_map(Process::heard) {
                self.record.hear(member.start, said)?;
            }
        }
        Ok(())
    }

    fn process(&mut self, node: usize) -> Result<&mut Process, String> {
        self.members[node].process.as_mut().ok_or_else(|| format!("{} is down", NAMES[node]))
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
            let acknowledged = self.record.sums().durable;
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
