//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::{Error, Parser, ValueExt};

pub(crate) const HELP: &str = "\
gossip-node: one node of a cluster, to type at

usage: gossip-node --name NAME --listen ADDRESS --ca FILE --cert FILE --key FILE [--peer HOST:PORT]...
       gossip-node certs --dir DIR NAME...
       gossip-node doctor FILE FILE

  --name NAME       who the node is; the certificate must say the same
  --listen ADDRESS  where it takes connections (UDP), for example 127.0.0.1:4401
  --peer HOST:PORT  where another node listens; may be given several times
  --ca FILE         certificate of the authority that all nodes trust
  --cert FILE       certificate of this node
  --key FILE        its private key
  --data DIR        where it keeps what it knows, in NAME.redb; without it, in memory
  -h, --help        this text

certs makes DIR/ca.pem and DIR/ca.key, unless they are there, and DIR/NAME.pem and DIR/NAME.key for
each name. doctor compares the databases of two nodes that do not run, or copies of them, and names the
updates, keys and dots that only one of them has. Type help when the node runs. Without --data what it wrote comes back from the other
nodes when it starts again. It stops with quit, with Ctrl-C, and at the end of its input.
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Node(Settings),
    /// Make certificates.
    Certs {
        dir: PathBuf,
        names: Vec<String>,
    },
    /// Say what two databases disagree about.
    Doctor {
        one: PathBuf,
        other: PathBuf,
    },
    Help,
}

/// What a node needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) listen: SocketAddr,
    pub(crate) peers: Vec<String>,
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) data: Option<PathBuf>,
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, Error> {
    use lexopt::Arg::{Long, Short, Value};
    let mut args = Parser::from_args(args);
    let mut given = Given::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("name") => once("--name", &mut given.name, args.value()?.string()?)?,
            Long("listen") => once("--listen", &mut given.listen, args.value()?.parse()?)?,
            Long("peer") => given.peers.push(peer(args.value()?.string()?)?),
            Long("ca") => once("--ca", &mut given.ca, args.value()?.into())?,
            Long("cert") => once("--cert", &mut given.cert, args.value()?.into())?,
            Long("key") => once("--key", &mut given.key, args.value()?.into())?,
            Long("data") => once("--data", &mut given.data, args.value()?.into())?,
            Value(word) if word == "certs" && given == Given::default() => return certs(&mut args),
            Value(word) if word == "doctor" && given == Given::default() => return doctor(&mut args),
            other => return Err(other.unexpected()),
        }
    }
    given.complete().map(Task::Node)
}

#[derive(Default, PartialEq)]
struct Given {
    name: Option<String>,
    listen: Option<SocketAddr>,
    peers: Vec<String>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    data: Option<PathBuf>,
}

impl Given {
    fn complete(self) -> Result<Settings, Error> {
        let lacking = |option: &str| Error::from(format!("{option} is missing"));
        Ok(Settings {
            name: self.name.ok_or_else(|| lacking("--name"))?,
            listen: self.listen.ok_or_else(|| lacking("--listen"))?,
            peers: self.peers,
            ca: self.ca.ok_or_else(|| lacking("--ca"))?,
            cert: self.cert.ok_or_else(|| lacking("--cert"))?,
            key: self.key.ok_or_else(|| lacking("--key"))?,
            data: self.data,
        })
    }
}

fn certs(args: &mut Parser) -> Result<Task, Error> {
    use lexopt::Arg::{Long, Short, Value};
    let (mut dir, mut names) = (None, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("dir") => once("--dir", &mut dir, args.value()?.into())?,
            Value(name) => names.push(name.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let dir = dir.ok_or("--dir is missing")?;
    if names.is_empty() {
        Err("certs needs the name of a node".into())
    } else {
        Ok(Task::Certs { dir, names })
    }
}

fn doctor(args: &mut Parser) -> Result<Task, Error> {
    use lexopt::Arg::{Long, Short, Value};
    let mut files = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("help") | Short('h') => return Ok(Task::Help),
            Value(file) => files.push(PathBuf::from(file)),
            other => return Err(other.unexpected()),
        }
    }
    match <[PathBuf; 2]>::try_from(files) {
        Ok([one, other]) => Ok(Task::Doctor { one, other }),
        Err(_) => Err("doctor takes two files".into()),
    }
}

fn once<T>(option: &str, place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{option} is given twice").into()),
    }
}

/// An address with a port; whether the host exists shows when it is dialled.
fn peer(text: String) -> Result<String, Error> {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(1..)) => Ok(text),
        _ => Err(format!("--peer takes HOST:PORT, not {text:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    const FILES: &str = "--ca c/ca.pem --cert c/a.pem --key c/a.key";

    #[test]
    fn what_is_understood() {
        let line =
            format!("--name a --listen 127.0.0.1:4401 --peer b.example.org:4402 --peer [::1]:7 {FILES}");
        let Ok(Task::Node(settings)) = parsed(&line) else { panic!("{:?}", parsed(&line)) };
        assert_eq!((settings.name.as_str(), settings.listen.port()), ("a", 4401));
        assert_eq!(settings.peers, ["b.example.org:4402", "[::1]:7"]);
        assert_eq!(settings.key, PathBuf::from("c/a.key"));
        let names = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(parsed("certs --dir c a b"), Ok(Task::Certs { dir: "c".into(), names }));
        assert_eq!(parsed("certs --help"), Ok(Task::Help));
        let files = Task::Doctor { one: "a.redb".into(), other: "b.redb".into() };
        assert_eq!(parsed("doctor a.redb b.redb"), Ok(files));
    }

    #[test]
    fn what_is_not_understood_or_missing_is_named() {
        let node = |rest: &str| format!("--name a --listen 127.0.0.1:4401 {FILES} {rest}");
        for (line, named) in [
            (String::new(), "--name"),
            (format!("--name a {FILES}"), "--listen"),
            ("--name a --listen 127.0.0.1:1 --ca x --cert y".to_owned(), "--key"),
            ("--listen tokyo".to_owned(), "tokyo"),
            (node("--peer tokyo"), "HOST:PORT"),
            (node("--peer :4401"), "HOST:PORT"),
            (node("--peer tokyo:0"), "HOST:PORT"),
            (node("--name b"), "--name is given twice"),
            (node("--data x --data y"), "--data is given twice"),
            (node("certs"), "certs"),
            ("certs a".to_owned(), "--dir"),
            ("certs --dir c".to_owned(), "name of a node"),
            ("start".to_owned(), "start"),
            ("doctor a".to_owned(), "two files"),
            ("doctor a b --dir c".to_owned(), "--dir"),
        ] {
            let error = parsed(&line).unwrap_err();
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
