//! Hosts, bridges and wires, made with `ip`.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

/// Two sites with a bridge each, `west` and `east`, and a line between them. The last host is at the
/// east site, the others at the west. Its names begin with a number, so that there can be several.
pub(crate) struct Network {
    number: usize,
    hosts: Vec<Host>,
}

/// A network namespace with one interface, `eth0`.
pub(crate) struct Host {
    /// The process that the namespace lasts as long as: `cat` on a pipe, which ends with this value, and
    /// with this process however that ends.
    keeper: Child,
}

impl Network {
    /// With so many hosts, whose addresses are those of [`address`].
    pub(crate) fn new(number: usize, hosts: usize) -> Result<Self, String> {
        let mut network = Self { number, hosts: Vec::new() };
        let [west, east, left, right] = ["west", "east", "left", "right"].map(|name| network.own(name));
        let mut lines = vec![
            format!("link add {west} type bridge"),
            format!("link add {east} type bridge"),
            format!("link add {left} type veth peer name {right}"),
            format!("link set {left} master {west}"),
            format!("link set {right} master {east}"),
        ];
        lines.extend([&west, &east, &left, &right].map(|it| format!("link set {it} up")));
        ip(&[], &lines)?;
        for host in 0..hosts {
            network.add(if host + 1 == hosts { &east } else { &west })?;
        }
        Ok(network)
    }

    /// Adds a host with one wire to this bridge.
    fn add(&mut self, bridge: &str) -> Result<(), String> {
        let (number, host) = (self.hosts.len(), Host::new()?);
        let (wire, keeper) = (self.own(&format!("h{number}")), host.keeper.id());
        ip(
            &[],
            &[
                format!("link add {wire} type veth peer name eth0 netns {keeper}"),
                format!("link set {wire} master {bridge}"),
                format!("link set {wire} up"),
            ],
        )?;
        host.ip(&[
            "link set lo up",
            // What a real card puts on a wire are packets, and not many at once in one piece.
            "link set eth0 gso_max_segs 1",
            &format!("addr add {}/24 dev eth0", address(number)),
            "link set eth0 up",
        ])?;
        self.hosts.push(host);
        Ok(())
    }

    pub(crate) fn host(&self, number: usize) -> &Host {
        &self.hosts[number]
    }

    /// Cuts the line between the sites, or mends it. The hosts see their own wires, which are whole.
    pub(crate) fn line(&self, up: bool) -> Result<(), String> {
        ip(&[], &[format!("link set {} {}", self.own("left"), if up { "up" } else { "down" })]).map(drop)
    }

    /// The line swallows packets that are longer than so many bytes.
    pub(crate) fn narrow(&self, longest: u32) -> Result<(), String> {
        ip(&[], &[format!("link set {} mtu {longest}", self.own("right"))]).map(drop)
    }

    /// How many packets the line swallowed on their way east.
    pub(crate) fn swallowed(&self) -> Result<u64, String> {
        let shown = ip(&[], &[format!("link show {}", self.own("right"))])?;
        let mut lines = shown.lines().skip_while(|line| !line.trim_start().starts_with("RX:"));
        let (names, counts) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let mut counts = names.split_whitespace().skip(1).zip(counts.split_whitespace());
        let dropped = counts.find(|(name, _)| *name == "dropped").and_then(|(_, count)| count.parse().ok());
        dropped.ok_or_else(|| format!("how many packets were dropped? {shown}"))
    }

    fn own(&self, name: &str) -> String {
        format!("n{}-{name}", self.number)
    }
}

impl Host {
    fn new() -> Result<Self, String> {
        let mut command = Command::new("unshare");
        command.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let keeper = command.spawn().map_err(|error| format!("unshare: {error}"))?;
        let mut host = Self { keeper };
        // When it says what it is told it has become `cat`, and so is in its namespace.
        let (keys, screen) = (host.keeper.stdin.as_mut(), host.keeper.stdout.as_mut());
        let (keys, screen) = (keys.expect("the input is piped"), screen.expect("the output is piped"));
        let said = keys.write_all(b"\n").and_then(|()| screen.read_exact(&mut [0]));
        said.map_err(|error| format!("there is no namespace for a host: {error}"))?;
        Ok(host)
    }

    /// Runs lines of `ip` on this host.
    pub(crate) fn ip(&self, lines: &[&str]) -> Result<(), String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        ip(&self.through(), &lines).map(drop)
    }

    /// The beginning of a command line that is run on this host.
    pub(crate) fn through(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.keeper.id())]
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already, and that is all that is wanted.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// The address of a host, unless it is changed.
pub(crate) fn address(host: usize) -> Ipv4Addr {
    let last = u8::try_from(host + 1).expect("there are few hosts");
    Ipv4Addr::new(10, 0, 0, last)
}

/// Runs lines of `ip`, and returns what it says. The command is run by the one in `through`, if that is
/// not empty.
fn ip(through: &[String], lines: &[String]) -> Result<String, String> {
    let words: Vec<&str> =
        through.iter().map(String::as_str).chain(["ip", "-statistics", "-batch", "-"]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error| format!("{}: {error}", words[0]);
    let mut child = command.spawn().map_err(failed)?;
    let mut input = child.stdin.take().expect("the input is piped");
    // It may end before it has read everything; then it says why.
    let _ = writeln!(input, "{}", lines.join("\n"));
    drop(input);
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("ip {}: {}", lines.join("; "), String::from_utf8_lossy(&output.stderr).trim()))
    }
}
