//! The three processes together, and what each of them must show.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crdt_core::clock::CausalContext;
use crdt_examples::shop::{Change, View};
use crdt_sync::certs::Ca;

use crate::control::{Answer, Order, Pulse, Sent, Start};
use crate::expected::{Expected, mismatch};
use crate::failure::Failure;
use crate::place::Place;
use crate::process::Process;
use crate::report::Progress;

/// How long the demo waits for links and for convergence. On an idle machine both take milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks meanwhile: what a measured time may be too long by.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Updates in one order to write.
const CHUNK: usize = 100;

/// What the regions show.
pub(crate) type Views = BTreeMap<Place, View>;

/// Three regions, and the record of what they were told.
pub(crate) struct Cluster {
    ca: Ca,
    members: BTreeMap<Place, Member>,
    /// The regions whose links are cut.
    apart: BTreeSet<Place>,
    /// Writes ordered so far.
    writes: u64,
    progress: Progress,
}

struct Member {
    process: Process,
    address: SocketAddr,
    /// What the region has been told, and what it has heard by now.
    expected: Expected,
    /// The numbers of the updates behind that: how to tell that it has heard them.
    known: CausalContext,
}

/// The moment from which a convergence is measured.
pub(crate) struct Mark {
    begun: Instant,
    sent: BTreeMap<Place, Sent>,
}

/// What it took until all regions were equal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convergence {
    pub(crate) took: Duration,
    /// By all regions together.
    pub(crate) sent: Sent,
}

impl Cluster {
    /// Starts the regions, each knowing those before it, with their links cut.
    pub(crate) fn start(ca: Ca, progress: Progress) -> Result<Self, Failure> {
        let mut members = BTreeMap::new();
        for place in Place::ALL {
            let known: Vec<SocketAddr> = members.values().map(|member: &Member| member.address).collect();
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let (process, address) = start_region(&ca, place, any, known, true)?;
            let (expected, known) = (Expected::default(), CausalContext::default());
            members.insert(place, Member { process, address, expected, known });
        }
        Ok(Self { ca, members, apart: Place::ALL.into(), writes: 0, progress })
    }

    /// The processes: where, their numbers, and the addresses that they listen on.
    pub(crate) fn processes(&self) -> impl Iterator<Item = (Place, u32, SocketAddr)> + '_ {
        self.members.iter().map(|(place, member)| (*place, member.process.id(), member.address))
    }

    /// Has several regions write at the same time, each change an update of its own.
    pub(crate) fn write(&mut self, work: &[(Place, Vec<Change>)]) -> Result<(), Failure> {
        let longest = work.iter().map(|(_, changes)| changes.len()).max().unwrap_or(0);
        let (total, mut done) = (work.iter().map(|(_, changes)| changes.len()).sum::<usize>(), 0);
        for at in (0..longest).step_by(CHUNK) {
            let rest = work.iter().filter(|(_, changes)| at < changes.len());
            let chunks: Vec<(Place, &[Change])> =
                rest.map(|(place, rest)| (*place, &rest[at..rest.len().min(at + CHUNK)])).collect();
            for (place, changes) in &chunks {
                self.order_write(*place, changes, 0)?;
            }
            for (place, changes) in &chunks {
                self.take_written(*place)?;
                done += changes.len();
            }
            self.progress.show(&format!("{done} of {total} updates written"));
        }
        Ok(())
    }

    /// Has one region write, and wait until both others have it. So the others know it too.
    pub(crate) fn write_copied(&mut self, place: Place, changes: &[Change]) -> Result<(), Failure> {
        self.order_write(place, changes, 2)?;
        self.take_written(place)?;
        self.meet(&Place::ALL);
        Ok(())
    }

    /// Cuts all links of these regions, and waits until nothing passes.
    pub(crate) fn cut(&mut self, places: &[Place]) -> Result<(), Failure> {
        self.ask(places, &Order::Cut)?;
        self.apart.extend(places);
        let groups = self.groups();
        let is_linked = |place: &Place, other: &Place| {
            groups.iter().any(|group| group.contains(place) && group.contains(other))
        };
        let names = |place: &Place| {
            place
                .others()
                .filter(|other| is_linked(place, other))
                .map(|other| other.name().to_owned())
                .collect()
        };
        let wanted: BTreeMap<Place, BTreeSet<String>> =
            Place::ALL.iter().map(|place| (*place, names(place))).collect();
        self.wait_for(&Place::ALL, |pulses| {
            let wrong = pulses.iter().find(|(place, pulse)| pulse.linked != wanted[place]);
            wrong.map(|(place, pulse)| format!("{place} is still linked to {:?}", pulse.linked))
        })
    }

    /// The regions that can reach each other.
    pub(crate) fn groups(&self) -> Vec<Vec<Place>> {
        let alone = self.apart.iter().map(|place| vec![*place]);
        let together = Place::ALL.into_iter().filter(|place| !self.apart.contains(place)).collect();
        alone.chain([together]).filter(|group: &Vec<Place>| !group.is_empty()).collect()
    }

    /// Ends every cut, and waits until all regions are equal.
    pub(crate) fn heal(&mut self) -> Result<Convergence, Failure> {
        let mark = self.mark(&Place::ALL)?;
        self.ask(&Place::ALL, &Order::Heal)?;
        self.apart.clear();
        self.converge(&Place::ALL)?;
        self.since(&mark)
    }

    /// Ends the process of a region, without a warning to it.
    pub(crate) fn kill(&mut self, place: Place) -> Result<(), Failure> {
        self.member(place).process.kill()
    }

    /// Starts a region again, under its old name and address, with nothing but its certificate.
    pub(crate) fn restart(&mut self, place: Place) -> Result<Mark, Failure> {
        let others: Vec<Place> = place.others().collect();
        let mark = self.mark(&others)?;
        let peers = others.iter().map(|other| self.member(*other).address).collect();
        let address = self.member(place).address;
        let (process, address) = start_region(&self.ca, place, address, peers, false)?;
        let member = self.member(place);
        (member.process, member.address) = (process, address);
        Ok(mark)
    }

    /// Waits until these regions have heard of all that any of them was told, and have equal
    /// fingerprints.
    pub(crate) fn converge(&mut self, group: &[Place]) -> Result<(), Failure> {
        let known = self.meet(group);
        self.wait_for(group, |pulses| {
            let lacking = pulses.iter().find(|(_, pulse)| !pulse.applied.updates().is_superset(&known));
            if let Some((place, pulse)) = lacking {
                let updates = known.difference(pulse.applied.updates()).len();
                return Some(format!("{place} lacks {updates} updates"));
            }
            let prints: BTreeSet<u128> = pulses.values().map(|pulse| pulse.fingerprint).collect();
            (prints.len() > 1).then(|| format!("equal updates gave {} different fingerprints", prints.len()))
        })
    }

    /// What these regions show, each compared with what it was told and has heard.
    pub(crate) fn views(&mut self, places: &[Place]) -> Result<Views, Failure> {
        let mut views = Views::new();
        for (place, answer) in self.ask(places, &Order::Show)? {
            let member = self.member(place);
            let Answer::View(view) = answer else { return Err(member.process.confused(&answer)) };
            if let Some(words) = mismatch(&member.expected.view(), &view) {
                return Err(Failure::Wrong(format!("{place} {words}")));
            }
            views.insert(place, view);
        }
        Ok(views)
    }

    /// The fingerprints of the regions.
    pub(crate) fn fingerprints(&mut self) -> Result<BTreeMap<Place, u128>, Failure> {
        let pulses = self.pulses(&Place::ALL)?;
        Ok(pulses.into_iter().map(|(place, pulse)| (place, pulse.fingerprint)).collect())
    }

    /// What it took since the mark.
    pub(crate) fn since(&mut self, mark: &Mark) -> Result<Convergence, Failure> {
        let took = mark.begun.elapsed();
        let pulses = self.pulses(&Place::ALL)?;
        // A process that started after the mark has sent nothing before it.
        let before = |place: &Place| mark.sent.get(place).copied().unwrap_or_default();
        let sent = pulses.iter().map(|(place, pulse)| pulse.sent - before(place));
        Ok(Convergence { took, sent: sent.fold(Sent::default(), |sum, sent| sum + sent) })
    }

    fn mark(&mut self, places: &[Place]) -> Result<Mark, Failure> {
        let pulses = self.pulses(places)?;
        let sent = pulses.into_iter().map(|(place, pulse)| (place, pulse.sent)).collect();
        Ok(Mark { begun: Instant::now(), sent })
    }

    /// From now on each of these must show what any of them was told. Returns the numbers of that.
    fn meet(&mut self, group: &[Place]) -> CausalContext {
        let (mut expected, mut known) = (Expected::default(), CausalContext::default());
        for place in group {
            expected.hear(&self.members[place].expected);
            known.union_with(&self.members[place].known);
        }
        for place in group {
            let member = self.member(*place);
            member.expected = expected.clone();
            member.known = known.clone();
        }
        known
    }

    fn order_write(&mut self, place: Place, changes: &[Change], copies: usize) -> Result<(), Failure> {
        for change in changes {
            self.writes += 1;
            let number = self.writes;
            self.member(place).expected.write(number, change);
        }
        self.member(place).process.send(&Order::Write { changes: changes.to_vec(), copies })
    }

    fn take_written(&mut self, place: Place) -> Result<(), Failure> {
        let member = self.member(place);
        match member.process.answer()? {
            Answer::Written(token) => {
                member.known.union_with(token.updates());
                Ok(())
            }
            other => Err(member.process.confused(&other)),
        }
    }

    /// Looks at the regions until nothing is wrong with them any more.
    fn wait_for(
        &mut self,
        places: &[Place],
        wrong: impl Fn(&BTreeMap<Place, Pulse>) -> Option<String>,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        while let Some(what) = wrong(&self.pulses(places)?) {
            if begun.elapsed() > PATIENCE {
                return Err(Failure::Late { waited: PATIENCE, what });
            }
            self.progress.show(&what);
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn pulses(&mut self, places: &[Place]) -> Result<BTreeMap<Place, Pulse>, Failure> {
        let mut pulses = BTreeMap::new();
        for (place, answer) in self.ask(places, &Order::Pulse)? {
            let Answer::Pulse(pulse) = answer else {
                return Err(self.member(place).process.confused(&answer));
            };
            pulses.insert(place, pulse);
        }
        Ok(pulses)
    }

    /// Gives these regions an order at the same time, and takes their answers.
    fn ask(&mut self, places: &[Place], order: &Order) -> Result<Vec<(Place, Answer)>, Failure> {
        for place in places {
            self.member(*place).process.send(order)?;
        }
        places.iter().map(|place| Ok((*place, self.member(*place).process.answer()?))).collect()
    }

    fn member(&mut self, place: Place) -> &mut Member {
        self.members.get_mut(&place).expect("there is a member for every place")
    }
}

/// Starts the process of a region, and its node.
fn start_region(
    ca: &Ca,
    place: Place,
    listen: SocketAddr,
    peers: Vec<SocketAddr>,
    apart: bool,
) -> Result<(Process, SocketAddr), Failure> {
    let identity = ca.issue(place.name())?;
    let (ca, cert) = (ca.cert_pem().to_owned(), identity.cert_pem().to_owned());
    let start = Start { ca, cert, key: identity.key_pem().to_owned(), listen, peers, apart };
    let mut process = Process::spawn(place)?;
    match process.ask(&Order::Start(start))? {
        Answer::Started(address) => Ok((process, address)),
        other => Err(process.confused(&other)),
    }
}
