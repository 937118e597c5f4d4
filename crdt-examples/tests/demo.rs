//! The demo as its users run it: the built program, its output and its exit status.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn demo() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gossip-demo"))
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

#[test]
fn every_story_holds_and_three_processes_end_with_one_fingerprint() {
    let Output { status, stdout, stderr } = demo().arg("--quick").output().expect("the demo runs");
    let (out, err) = (lines(&stdout), lines(&stderr));
    assert!(status.success(), "{status}: {err:?}\n{}", String::from_utf8_lossy(&stdout));
    assert!(err.is_empty(), "{err:?}");
    assert_eq!(out.iter().filter(|line| line.trim_start().starts_with("holds: ")).count(), 6);
    assert_eq!(out.iter().filter(|line| line.contains(" bytes in ")).count(), 6);
    assert!(out.iter().any(|line| line.ends_with("10 + 5 = 15 in every region")));
    assert!(
        out.iter().any(|line| line.contains("overruled email") && line.ends_with("alice@tokyo.example.org"))
    );

    let last = out.iter().rposition(|line| line.ends_with("fingerprint")).expect("the last table");
    let print = |line: &String| line.split_whitespace().nth(1).map(str::to_owned);
    let prints: Vec<_> = out[last + 1..last + 4].iter().map(print).collect();
    assert_eq!(prints[0].as_ref().map(String::len), Some(32));
    assert!(prints.iter().all(|print| *print == prints[0]), "{prints:?}");
    assert!(out.last().is_some_and(|line| line.starts_with("All 6 stories hold")));
}

#[test]
fn arguments_that_make_no_sense_get_one_line_and_status_2() {
    for args in [&["--fast"][..], &["tokyo"], &["--updates", "7"], &["--updates"], &["--a\nb"]] {
        let Output { status, stdout, stderr } = demo().args(args).output().expect("the demo runs");
        assert_eq!(status.code(), Some(2), "{args:?}");
        assert!(stdout.is_empty(), "{args:?}");
        let err = lines(&stderr);
        assert!(err.len() == 1 && err[0].starts_with("gossip-demo: "), "{args:?}: {err:?}");
    }
}

#[test]
fn help_is_printed_and_says_what_there_is() {
    let Output { status, stdout, .. } = demo().arg("--help").output().expect("the demo runs");
    assert!(status.success());
    assert!(String::from_utf8_lossy(&stdout).contains("--updates N"));
}

/// Looks for the processes of a demo that was killed itself.
#[cfg(target_os = "linux")]
#[test]
fn no_process_outlives_a_demo_that_is_killed() {
    let mut demo =
        demo().args(["--updates", "100000"]).stdout(Stdio::piped()).spawn().expect("the demo starts");
    let table = BufReader::new(demo.stdout.take().expect("its output is piped")).lines();
    let number = |line: String| line.split_whitespace().nth(1)?.parse::<u32>().ok();
    let regions: Vec<u32> = table.map_while(Result::ok).filter_map(number).take(3).collect();
    let lives = |id: &u32| {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state.contains("gossip-demo") && !state.contains(") Z ")
    };
    assert!(regions.len() == 3 && regions.iter().all(lives), "{regions:?}");
    demo.kill().expect("it runs");
    demo.wait().expect("it ran");
    let begun = Instant::now();
    while regions.iter().any(lives) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{regions:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
