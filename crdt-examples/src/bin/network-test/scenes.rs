//! What happens to the network.

use std::fmt;
use std::net::Ipv4Addr;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::network::address;
use crate::stage::{LIMIT, LONDON, OSAKA, Stage, TOKYO};

/// Longer than a connection lives on which nothing comes.
const LONG: Duration = Duration::from_millis(2_500);
/// Shorter than that.
const SHORT: Duration = Duration::from_millis(500);

/// One thing that happens to the network.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    /// What happens, for people.
    pub(crate) what: &'static str,
    /// Bytes that an update has beyond what it is about.
    pub(crate) ballast: usize,
    /// Does it, checks that it had an effect and what must hold meanwhile, and ends it.
    pub(crate) play: fn(&mut Stage) -> Result<(), String>,
}

/// All of them, in the order in which they are reported.
pub(crate) const SCENES: &[Scene] = &[
    Scene::new("cut", "the line between the sites is cut, and mended", cut),
    Scene::new("flapping", "the line comes and goes, twenty times", flapping),
    Scene::new("unplugged", "one host's own interface goes down, and up again", unplugged),
    Scene::new("one-way", "packets of london to tokyo vanish, the others arrive", one_way),
    Scene::new("no-route", "tokyo and london have no route to each other", no_route),
    Scene { ballast: 3_000, ..Scene::new("narrow", "the line fails over to a narrower one", narrow) },
    Scene::new("renumbered", "london gets another address", renumbered),
    Scene::new("swapped", "osaka and london swap their addresses, and swap back", swapped),
    Scene::new("paused", "london's process stands still", paused),
    Scene::new("moved", "london is killed while cut off, and starts on another address", moved),
];

impl Scene {
    const fn new(name: &'static str, what: &'static str, play: fn(&mut Stage) -> Result<(), String>) -> Self {
        Self { name, what, ballast: 0, play }
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Scene {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// No host is told: packets are lost, and that is all.
fn cut(stage: &mut Stage) -> Result<(), String> {
    stage.network.line(false)?;
    stage.does_not_pass(TOKYO, LONDON)?;
    stage.does_not_pass(LONDON, TOKYO)?;
    stage.passes(OSAKA, TOKYO)?;
    sleep(LONG);
    stage.network.line(true)
}

fn flapping(stage: &mut Stage) -> Result<(), String> {
    for _ in 0..20 {
        stage.network.line(false)?;
        sleep(Duration::from_millis(80));
        stage.network.line(true)?;
        sleep(Duration::from_millis(80));
    }
    Ok(())
}

/// Whatever the host sends fails at once, with an error.
fn unplugged(stage: &mut Stage) -> Result<(), String> {
    stage.network.host(LONDON).ip(&["link set eth0 down"])?;
    stage.does_not_pass(TOKYO, LONDON)?;
    stage.does_not_pass(LONDON, TOKYO)?;
    sleep(LONG);
    stage.network.host(LONDON).ip(&["link set eth0 up"])
}

/// London sends to a card that is not there.
fn one_way(stage: &mut Stage) -> Result<(), String> {
    let (london, tokyo) = (stage.network.host(LONDON), address(TOKYO));
    london.ip(&[&format!("neigh replace {tokyo} lladdr 02:00:00:00:00:01 nud permanent dev eth0")])?;
    others_pass_on(stage)?;
    stage.network.host(LONDON).ip(&[&format!("neigh del {tokyo} dev eth0")])
}

/// Each of the two gets errors of its own.
fn no_route(stage: &mut Stage) -> Result<(), String> {
    route(stage, "add")?;
    others_pass_on(stage)?;
    route(stage, "del")
}

fn route(stage: &Stage, what: &str) -> Result<(), String> {
    let (there, back) = (address(LONDON), address(TOKYO));
    stage.network.host(TOKYO).ip(&[&format!("route {what} unreachable {there}")])?;
    stage.network.host(LONDON).ip(&[&format!("route {what} blackhole {back}")])
}

/// Tokyo and london give up their link, and hear from each other what osaka passes on.
fn others_pass_on(stage: &mut Stage) -> Result<(), String> {
    stage.passes(TOKYO, LONDON)?;
    stage.passes(LONDON, TOKYO)?;
    for node in [TOKYO, LONDON] {
        stage.until(node, "linked to osaka alone", |view| view.links == 1)?;
    }
    stage.passes(TOKYO, LONDON)?;
    stage.passes(LONDON, TOKYO)
}

/// Connections that outlive that go on with packets as long as they were. Nobody is told that these are
/// swallowed.
fn narrow(stage: &mut Stage) -> Result<(), String> {
    stage.network.line(false)?;
    sleep(SHORT);
    stage.network.narrow(1280)?;
    stage.network.line(true)?;
    let begun = Instant::now();
    while stage.network.swallowed()? == 0 {
        if begun.elapsed() > LIMIT {
            return Err("no packet was too long".to_owned());
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Connections that london made move along; those that were made to its old address cannot.
fn renumbered(stage: &mut Stage) -> Result<(), String> {
    let (old, london) = (address(LONDON), stage.network.host(LONDON));
    london.ip(&[&format!("addr del {old}/24 dev eth0"), "addr add 10.0.0.13/24 dev eth0"])
}

/// Whoever dials one meets the other, and both meet themselves.
fn swapped(stage: &mut Stage) -> Result<(), String> {
    renumber(stage, [address(OSAKA), address(LONDON)], [address(LONDON), address(OSAKA)])?;
    stage.until(TOKYO, "linked to both others", |view| view.links == 2)?;
    stage.passes(OSAKA, LONDON)?;
    stage.passes(LONDON, OSAKA)?;
    sleep(LONG);
    renumber(stage, [address(LONDON), address(OSAKA)], [address(OSAKA), address(LONDON)])
}

/// Gives osaka and london other addresses, and has every host forget whose they were.
fn renumber(stage: &Stage, from: [Ipv4Addr; 2], to: [Ipv4Addr; 2]) -> Result<(), String> {
    let hosts = [stage.network.host(OSAKA), stage.network.host(LONDON)];
    for (host, old) in hosts.iter().zip(from) {
        host.ip(&[&format!("addr del {old}/24 dev eth0")])?;
    }
    for (host, new) in hosts.iter().zip(to) {
        host.ip(&[&format!("addr add {new}/24 dev eth0")])?;
    }
    [TOKYO, OSAKA, LONDON].iter().try_for_each(|host| stage.network.host(*host).ip(&["neigh flush dev eth0"]))
}

/// The process that stops it also lets it go on, and does so when this test is killed meanwhile.
fn paused(stage: &mut Stage) -> Result<(), String> {
    let london = stage.cluster.process(LONDON)?.id().to_string();
    let script = format!("kill -STOP {london}; sleep {}; kill -CONT {london}", LONG.as_secs_f64());
    let mut pause =
        Command::new("sh").args(["-c", &script]).spawn().map_err(|error| format!("sh: {error}"))?;
    let meanwhile =
        [(TOKYO, OSAKA), (OSAKA, TOKYO)].iter().try_for_each(|(from, to)| stage.passes(*from, *to));
    let alone = meanwhile.and_then(|()| stage.until(TOKYO, "linked to osaka alone", |view| view.links == 1));
    pause.wait().map_err(|error| error.to_string())?;
    alone
}

/// What it wrote while it was cut off is nowhere but in its database.
fn moved(stage: &mut Stage) -> Result<(), String> {
    stage.network.line(false)?;
    stage.does_not_pass(LONDON, TOKYO)?;
    stage.cluster.kill(LONDON)?;
    renumbered(stage)?;
    stage.network.line(true)?;
    stage.start(LONDON)
}
