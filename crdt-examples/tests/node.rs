//! Nodes as people start them in terminals.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(15);

fn gossip_node() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gossip-node"))
}

/// A directory of this test alone, with certificates of a and b.
fn certificates(test: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&dir);
    let made = gossip_node().args(["certs", "a", "b", "--dir"]).arg(&dir).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    dir
}

/// A node with its terminal.
struct Terminal {
    node: Child,
    keys: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Terminal {
    fn start(dir: &Path, name: &str, peer: Option<&str>) -> Self {
        Self::start_with(dir, name, &peer.map_or(vec![], |peer| vec!["--peer", peer]))
    }

    fn start_with(dir: &Path, name: &str, more: &[&str]) -> Self {
        let file = |file: &str| dir.join(file).into_os_string();
        let mut command = gossip_node();
        command.args(["--name", name, "--listen", "127.0.0.1:0"]);
        command.arg("--ca").arg(file("ca.pem"));
        command.arg("--cert").arg(file(&format!("{name}.pem")));
        command.arg("--key").arg(file(&format!("{name}.key")));
        command.args(more);
        let mut node = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (keys, output) = (node.stdin.take(), node.stdout.take().expect("piped"));
        let (sender, lines) = sync_channel(1024);
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { node, keys, lines }
    }

    fn enter(&mut self, line: &str) {
        writeln!(self.keys.as_mut().expect("piped"), "{line}").expect("it reads");
    }

    /// Waits for a line that begins so.
    fn reads(&self, begin: &str) -> String {
        let mut before = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            if line.starts_with(begin) {
                return line;
            }
            before.push(line);
        }
        unreachable!("no line begins with {begin:?}: {before:?}")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

#[test]
fn what_is_typed_at_one_node_is_printed_at_the_other() {
    let dir = certificates("typed");
    let mut a = Terminal::start(&dir, "a", None);
    let listens = a.reads("a listens on ");
    let address = listens.split([' ', ';']).nth(3).expect("an address");
    let mut b = Terminal::start(&dir, "b", Some(address));
    a.reads("* b is here");
    b.reads("* a is here");

    a.enter("add alice green apple");
    a.reads("+ cart alice: green apple");
    b.reads("+ cart alice: green apple");
    b.enter("remove alice green apple");
    a.reads("- cart alice: green apple");

    // Apart both count, and together they have counted both.
    b.enter("cut");
    a.reads("* b is gone");
    a.enter("count 10");
    b.enter("count 5");
    a.reads("+ likes 10");
    b.reads("+ likes 5");
    b.enter("heal");
    a.reads("+ likes 15");
    b.reads("+ likes 15");

    a.enter("status");
    b.enter("status");
    assert_eq!(a.reads("  fingerprint"), b.reads("  fingerprint"));
    a.enter("dance");
    a.reads("\"dance\" is no command");
    a.enter("quit");
    b.reads("* a is gone");
    assert!(a.node.wait().expect("it ends").success());
}

#[test]
fn a_node_with_a_directory_for_its_data_starts_again_with_it() {
    let dir = certificates("data");
    let data = dir.join("made/by/it");
    let start = || Terminal::start_with(&dir, "a", &["--data", data.to_str().expect("a path of ours")]);
    let mut a = start();
    a.enter("add alice green apple");
    a.reads("+ cart alice: green apple");
    a.enter("quit");
    assert!(a.node.wait().expect("it ends").success());
    let mut a = start();
    a.enter("show");
    a.reads("  cart alice: green apple");
}

#[test]
fn the_doctor_names_what_two_databases_disagree_about() {
    let dir = certificates("doctor");
    let start = |name: &str, more: &[&str]| {
        let mut args = vec!["--data", dir.to_str().expect("a path of ours")];
        args.extend(more);
        Terminal::start_with(&dir, name, &args)
    };
    let mut a = start("a", &[]);
    let listens = a.reads("a listens on ");
    let mut b = start("b", &["--peer", listens.split([' ', ';']).nth(3).expect("an address")]);
    a.enter("add alice apple");
    b.reads("+ cart alice: apple");
    b.enter("cut");
    a.reads("* b is gone");
    a.enter("remove alice apple");
    a.reads("- cart alice: apple");
    b.enter("add bob pear");
    b.reads("+ cart bob: pear");
    for node in [&mut a, &mut b] {
        node.enter("quit");
        assert!(node.node.wait().expect("it ends").success());
    }

    let doctor = |one: &str, other: &str| {
        let files = [one, other].map(|name| dir.join(name));
        gossip_node().arg("doctor").args(files).output().expect("it runs")
    };
    let said = doctor("a.redb", "b.redb");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    let line = |begin: &str| text.lines().find(|line| line.starts_with(begin)).unwrap_or_default().to_owned();
    assert!(
        line("\"apple\" in the cart of \"alice\"").ends_with("is in b; a has seen it replaced or removed"),
        "{text}"
    );
    assert!(line("\"pear\" in the cart of \"bob\"").ends_with("is in b; a has not heard of it"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("update ")).count(), 2, "{text}");
    let same = doctor("a.redb", "a.redb");
    assert!(String::from_utf8_lossy(&same.stdout).ends_with("Both show the same.\n"), "{same:?}");
    assert!(one_line(&doctor("a.redb", "c.redb")).contains("no such file"));
}

#[test]
fn the_end_of_its_input_ends_a_node() {
    let dir = certificates("end");
    let mut a = Terminal::start(&dir, "a", None);
    a.reads("a listens on ");
    a.keys = None;
    assert!(a.node.wait().expect("it ends").success());
}

#[test]
fn certificates_are_private_and_never_overwritten() {
    let dir = certificates("private");
    let authority = fs::read(dir.join("ca.pem")).expect("made");
    #[cfg(unix)]
    for key in ["ca.key", "a.key", "b.key"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.join(key)).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    let certs =
        |name: &str| gossip_node().args(["certs", name, "--dir"]).arg(&dir).output().expect("it runs");
    assert!(certs("c").status.success());
    assert_eq!(fs::read(dir.join("ca.pem")).expect("still there"), authority);
    let again = certs("a");
    assert_eq!(again.status.code(), Some(1));
    assert!(one_line(&again).contains("cannot write"));
}

#[test]
fn what_makes_no_sense_gets_one_line_and_a_status() {
    let dir = certificates("sense");
    let [ca, cert, key] = ["ca.pem", "a.pem", "a.key"].map(|file| dir.join(file).display().to_string());
    let node = |name: &str, cert: &str| {
        let args = ["--name", name, "--listen", "127.0.0.1:0", "--ca", &ca, "--cert", cert, "--key", &key];
        args.map(str::to_owned).to_vec()
    };
    for (args, status, named) in [
        (vec![], 2, "--name is missing"),
        (vec!["--lsten".to_owned()], 2, "--lsten"),
        (node("b", &cert), 1, "is the certificate of a, not of b"),
        (node("a", "no-such-file"), 1, "cannot read no-such-file"),
        (node("a", &key), 1, "not the PEM of a certificate"),
    ] {
        let output = gossip_node().args(&args).stdin(Stdio::null()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(status), "{args:?}: {output:?}");
        assert!(one_line(&output).contains(named), "{args:?}: {output:?}");
    }
}

/// What it says on standard error, which is one line.
fn one_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.lines().count() == 1 && text.starts_with("gossip-node: "), "{text:?}");
    text
}
