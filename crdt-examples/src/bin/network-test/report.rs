//! Plays the scenes, all at the same time, and says what came of them.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crdt_examples::scribe::Sums;

use crate::scenes::Scene;
use crate::stage::Stage;

/// What came of one scene.
struct Played {
    /// From its end until all nodes were linked and had everything.
    healed: Duration,
    /// Connections that were made after the first ones.
    remade: u64,
    sums: Sums,
    shown: usize,
}

/// Plays the scenes, and prints a line for each that holds.
pub(crate) fn play(scenes: &[&Scene]) -> Result<(), String> {
    let begun = Instant::now();
    let played = play_all(scenes);
    println!("{:<12} {:>8} {:>8} {:>8}  what happened", "scene", "whole in", "redials", "shown");
    let (mut sums, mut failures) = (Sums::default(), Vec::new());
    for (scene, played) in scenes.iter().zip(played) {
        match played {
            Ok(played) => {
                println!("{:<12} {played}  {}", scene.name, scene.what);
                sums.written += played.sums.written;
                sums.durable += played.sums.durable;
                sums.replicated += played.sums.replicated;
            }
            Err(error) => failures.push(format!("{}: {error}", scene.name)),
        }
    }
    if !failures.is_empty() {
        return Err(failures.join("; "));
    }
    println!("{} scenes in {:.0} s", scenes.len(), begun.elapsed().as_secs_f64());
    println!("  updates written                  {}", sums.written);
    println!("  acknowledged as durable          {}", sums.durable);
    println!("  acknowledged on all three        {}", sums.replicated);
    println!("Nothing acknowledged is lost, nothing removed is back, and the nodes of each scene are equal.");
    Ok(())
}

/// Plays each scene in a thread of its own, for they wait most of the time.
fn play_all(scenes: &[&Scene]) -> Vec<Result<Played, String>> {
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        let act = |(number, scene)| {
            let done = &done;
            scope.spawn(move || {
                let played = act(number, scene);
                show(done.fetch_add(1, Ordering::Relaxed) + 1, scenes.len());
                played
            })
        };
        let threads: Vec<_> = scenes.iter().copied().enumerate().map(act).collect();
        let panicked = |_| Err("the test itself failed".to_owned());
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    })
}

fn act(number: usize, scene: &Scene) -> Result<Played, String> {
    let mut stage = Stage::set(number, scene)?;
    let played = act_on(&mut stage, scene);
    match &played {
        Ok(_) => stage.strike()?,
        Err(error) => return Err(format!("{error} (the databases are in {})", stage.dir.display())),
    }
    played
}

fn act_on(stage: &mut Stage, scene: &Scene) -> Result<Played, String> {
    let made = stage.made()?;
    (scene.play)(stage)?;
    let healed = stage.is_whole()?;
    let remade = stage.made()?.saturating_sub(made);
    let shown = stage.cluster.settle()?;
    let sums = stage.cluster.record().sums();
    Ok(Played { healed, remade, sums, shown })
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let healed = format!("{:.1} s", self.healed.as_secs_f64());
        write!(f, "{healed:>8} {:>8} {:>8}", self.remade, self.shown)
    }
}

fn show(done: usize, all: usize) {
    if stderr().is_terminal() {
        let width = 30;
        let bar = "#".repeat(done * width / all);
        eprint!("\r\x1b[K[{bar:.<30}] {done} of {all} scenes");
        if done == all {
            eprintln!();
        }
    }
}
