//! Says how many random schedules reach the hard cases: `cargo run --release --example reach -- 1000`.
//!
//! A target that never gets to a walk finds no fault in one.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use crdt_fuzz::bytes::random;
use crdt_fuzz::schedules::{Program, Reached, play};

/// As long as a program can make use of.
const LEN: usize = 200;

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let reached: Vec<Reached> = (1..=count).map(reach).collect();
    println!("of {count} random inputs of {LEN} bytes");
    let share = |what: &str, test: &dyn Fn(&Reached) -> bool| {
        println!("{:>6} {what}", reached.iter().filter(|reached| test(reached)).count());
    };
    share("received a whole walk", &|it| it.walks > 0);
    share("had a walk cut", &|it| it.cut_walks > 0);
    share("had a walk end at a bound of its donor", &|it| it.overflows > 0);
    share("restarted a node", &|it| it.restarts > 0);
    share("lost updates with a node", &|it| it.lost > 0);
    share("added and removed concurrently", &|it| it.concurrent > 0);
    share("kept parts of lost updates", &|it| it.parts_left);
    let frames = reached.iter().map(|it| it.frames_to_settle).max().unwrap_or(0);
    let time = reached.iter().map(|it| it.time_to_settle).max().unwrap_or(Duration::ZERO);
    println!("at most {frames} frames and {time:?} to agree in the end");
}

fn reach(seed: u64) -> Reached {
    let bytes = random(seed, LEN);
    let program = Program::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a program");
    play(&program).reached()
}
