//! The crash test, small, and the network test, as their users run them.

use std::process::{Command, Output, Stdio};

fn crash_test(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crash-test")).args(args).output().expect("the test runs")
}

fn network_test(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_network-test")).args(args).output().expect("the test runs")
}

/// The number that a report gives for this.
fn count(report: &str, what: &str) -> u64 {
    let line = report.lines().find_map(|line| line.trim_start().strip_prefix(what)).expect("it is reported");
    line.trim().parse().expect("a number")
}

/// Whether a bridge and a wire can be made in a namespace, with these options of `unshare`.
fn can_make(options: &[&str]) -> bool {
    let make = "ip link add name bridge type bridge && ip link add name one type veth peer name other && nsenter --version";
    let mut command = Command::new("unshare");
    command.args(options).args(["--net", "sh", "-c", make]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn nothing_is_lost_in_a_few_kills_and_replaced_databases() {
    let Output { status, stdout, stderr } = crash_test(&["--kills", "12", "--restores", "4"]);
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}: {err}\n{out}");
    assert!(err.is_empty(), "{err}");
    let count = |what| count(&out, what);
    assert_eq!((count("databases put back from a copy"), count("databases of another node")), (2, 2));
    let (durable, shown) = (count("acknowledged as durable"), count("elements that all three show"));
    assert!(durable > 50 && shown > 30, "{out}");
    assert!(out.ends_with("no number was given twice.\n"));
}

/// Where there can be no hosts, the command has to say so; wherever there can, all scenes have to hold.
#[test]
fn whatever_a_real_network_does_nothing_acknowledged_is_lost() {
    let Output { status, stdout, stderr } = network_test(&[]);
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if !can_make(&[]) && !can_make(&["--user", "--map-root-user"]) {
        assert_eq!(status.code(), Some(77), "{err}\n{out}");
        assert!(err.starts_with("network-test: this machine allows no network namespaces: "), "{err}");
        return;
    }
    assert!(status.success() && err.is_empty(), "{status}: {err}\n{out}");
    assert!(out.contains("\n10 scenes in ") && count(&out, "acknowledged as durable") > 300, "{out}");
    assert!(out.ends_with("and the nodes of each scene are equal.\n"), "{out}");
}

/// Nobody plays with the network of the machine by giving the option that is not for people.
#[cfg(target_os = "linux")]
#[test]
fn the_network_of_the_machine_is_not_played_with() {
    let own = std::fs::read_link("/proc/self/ns/net").expect("Linux says so");
    let args = ["--left", own.to_str().expect("it is ASCII"), "cut"];
    let Output { status, stdout, stderr } = network_test(&args);
    assert!(status.code() == Some(1) && stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&stderr), "network-test: this is the network of the machine\n");
}

#[test]
fn arguments_that_make_no_sense_get_one_line_and_status_2() {
    let crash = [&["--fast"][..], &["--kills", "0"], &["--kills", "3", "--restores", "4"], &["--seed", "x"]];
    let network = [&["--fast"][..], &["tokyo"], &["cut", "--left"]];
    let crash = crash.iter().map(|args| (args, crash_test(args)));
    for (args, output) in crash.chain(network.iter().map(|args| (args, network_test(args)))) {
        let Output { status, stdout, stderr } = output;
        assert_eq!(status.code(), Some(2), "{args:?}");
        assert!(stdout.is_empty() && String::from_utf8_lossy(&stderr).lines().count() == 1, "{args:?}");
    }
}
