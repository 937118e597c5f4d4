//! Several nodes, and everything that they said.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crdt_core::clock::CausalContext;
use crdt_sync::certs::Ca;
use crdt_sync::{Identity, Token};

use super::process::Process;
use super::record::Record;
use super::words::{Order, Place, Said, Start, View};

/// Elements that one start of a node can write: those of the start with number `n` are `n * RANGE` and
/// up.
pub const RANGE: u64 = 1 << 32;
/// How long the nodes have to become equal in the end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nodes by number, and everything that they said.
pub struct Cluster {
    ca: Ca,
    members: Vec<Member>,
    record: Record,
}

struct Member {
    identity: Identity,
    process: Option<Process>,
    /// The number of its last start.
    start: usize,
}

impl Cluster {
    /// Nodes with these names, none of which runs.
    ///
    /// # Errors
    /// When there cannot be certificates.
    pub fn new(names: &[&str]) -> Result<Self, String> {
        let ca = Ca::generate("scribes").map_err(text)?;
        let member = |name: &&str| {
            let identity = ca.issue(name).map_err(text)?;
            Ok::<_, String>(Member { identity, process: None, start: 0 })
        };
        let members = names.iter().map(member).collect::<Result<_, _>>()?;
        Ok(Self { ca, members, record: Record::default() })
    }

    /// Starts a node, run by the command `through` if that is not empty. The next thing that it says is
    /// where it listens.
    ///
    /// # Errors
    /// When there is no process.
    pub fn start(&mut self, node: usize, place: Place, through: &[String]) -> Result<(), String> {
        let start = self.record.start(node);
        let member = &mut self.members[node];
        let (cert, key) = (member.identity.cert_pem().to_owned(), member.identity.key_pem().to_owned());
        let (ca, first) = (self.ca.cert_pem().to_owned(), start as u64 * RANGE);
        let mut process = Process::spawn(through)?;
        process.order(&Order::Start(Start { ca, cert, key, place, first }))?;
        (member.start, member.process) = (start, Some(process));
        Ok(())
    }

    /// Ends a node as a power failure does, unless it is down.
    ///
    /// # Errors
    /// When it had ended by itself, or has said what cannot be.
    pub fn kill(&mut self, node: usize) -> Result<(), String> {
        let Some(process) = self.members[node].process.take() else { return Ok(()) };
        let start = self.members[node].start;
        self.record.end(start);
        process.kill()?.into_iter().try_for_each(|said| self.record.hear(start, said))
    }

    /// Takes down what all nodes have said.
    ///
    /// # Errors
    /// When one has said what cannot be.
    pub fn listen(&mut self) -> Result<(), String> {
        for member in &self.members {
            for said in member.process.iter().flat_map(Process::heard) {
                self.record.hear(member.start, said)?;
            }
        }
        Ok(())
    }

    /// The next thing that a node says.
    ///
    /// # Errors
    /// When it has ended, says nothing for a minute, or says what cannot be.
    pub fn next(&mut self, node: usize) -> Result<Said, String> {
        let name = self.name(node).to_owned();
        let said = self.process(node)?.next().map_err(|error| format!("{name}: {error}"))?;
        self.record.hear(self.members[node].start, said.clone())?;
        Ok(said)
    }

    /// Waits until these nodes have all of these updates in their own stores, and returns how long it
    /// took.
    ///
    /// # Errors
    /// When it takes longer than the limit.
    pub fn hold(
        &mut self,
        nodes: &[usize],
        updates: &CausalContext,
        limit: Duration,
    ) -> Result<Duration, String> {
        let begun = Instant::now();
        for node in nodes {
            self.process(*node)?.order(&Order::Await(Token::new(updates.clone())))?;
        }
        for node in nodes {
            while self.next(*node)? != Said::Reached {
                if begun.elapsed() > limit {
                    return Err(format!("{} lacks updates after {limit:?}", self.name(*node)));
                }
            }
        }
        Ok(begun.elapsed())
    }

    /// What a node shows.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn view(&mut self, node: usize) -> Result<View, String> {
        self.process(node)?.order(&Order::Show)?;
        loop {
            if let Said::View(view) = self.next(node)? {
                return Ok(view);
            }
        }
    }

    /// Ends all writes, waits until the nodes are equal, checks what each of them shows, and returns how
    /// much that is.
    ///
    /// # Errors
    /// Names something that is lost or back, or says that the nodes stay different.
    pub fn settle(&mut self) -> Result<usize, String> {
        for node in 0..self.members.len() {
            self.process(node)?.order(&Order::Stop)?;
        }
        for node in 0..self.members.len() {
            while self.next(node)? != Said::Stopped {}
        }
        let begun = Instant::now();
        loop {
            let views = (0..self.members.len()).map(|node| self.view(node));
            let views = views.collect::<Result<Vec<_>, _>>()?;
            if views.iter().all(|view| view.fingerprint == views[0].fingerprint) {
                views.iter().try_for_each(|view| self.record.check(&view.elements))?;
                let equal = views.iter().all(|view| view.elements == views[0].elements);
                return if equal {
                    Ok(views[0].elements.len())
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

    /// The process of a node.
    ///
    /// # Errors
    /// When it is down.
    pub fn process(&mut self, node: usize) -> Result<&mut Process, String> {
        let Member { identity, process, .. } = &mut self.members[node];
        process.as_mut().ok_or_else(|| format!("{} is down", identity.name()))
    }

    /// What a node is called.
    #[must_use]
    pub fn name(&self, node: usize) -> &str {
        self.members[node].identity.name()
    }

    /// Everything that was heard.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The node's store was replaced: what it alone had acknowledged may be lost.
    pub fn forget_own(&mut self, node: usize) {
        self.record.forget_own(node);
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
