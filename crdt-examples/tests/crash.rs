//! The crash test as its users run it, small.

use std::process::{Command, Output};

fn crash_test(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crash-test")).args(args).output().expect("the test runs")
}

#[test]
fn nothing_is_lost_in_a_few_kills_and_replaced_databases() {
    let Output { status, stdout, stderr } = crash_test(&["--kills", "12", "--restores", "4"]);
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}: {err}\n{out}");
    assert!(err.is_empty(), "{err}");
    let count = |what: &str| {
        let line = out.lines().find_map(|line| line.trim_start().strip_prefix(what)).expect("it is reported");
        line.trim().parse::<u64>().expect("a number")
    };
    assert_eq!((count("databases put back from a copy"), count("databases of another node")), (2, 2));
    let (durable, shown) = (count("acknowledged as durable"), count("elements that all three show"));
    assert!(durable > 50 && shown > 30, "{out}");
    assert!(out.ends_with("no number was given twice.\n"));
}

#[test]
fn arguments_that_make_no_sense_get_one_line_and_status_2() {
    for args in [&["--fast"][..], &["--kills", "0"], &["--kills", "3", "--restores", "4"], &["--seed", "x"]] {
        let Output { status, stdout, stderr } = crash_test(args);
        assert_eq!(status.code(), Some(2), "{args:?}");
        assert!(stdout.is_empty() && String::from_utf8_lossy(&stderr).lines().count() == 1, "{args:?}");
    }
}
