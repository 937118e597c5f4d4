//! From write to visible on three nodes, beside a bare QUIC echo in the same run.
//!
//! `cargo run --release -p crdt-benches --bin latency [-- SECONDS]`
//!
//! The load is open: a thread writes at fixed times, 1,000 a second, on the three nodes in turn,
//! whether earlier writes have arrived or not. A latency counts from the time when the write was
//! due to the time when the last of the other two nodes had applied it. All nodes run in this
//! process, over UDP on loopback, with TLS. The echo sends messages of the size of an update's frame
//! at the same rate and counts until they are back.

mod cluster;
mod echo;

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Writes a second.
const RATE: u32 = 1_000;
/// At the start handshakes and page faults are measured; they do not count.
const WARM_UP: usize = RATE as usize / 2;

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).map_or(Some(10), |seconds| seconds.parse().ok());
    let Some(seconds) = seconds.filter(|seconds| (1..=600).contains(seconds)) else {
        eprintln!("latency takes a number of seconds, 1 to 600");
        return ExitCode::from(2);
    };
    match run(seconds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latency: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(seconds: u32) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let count = (RATE * seconds) as usize;
    // Before and after, since the machine's speed drifts.
    let mut echo = runtime.block_on(echo::run(count / 2))?;
    let mut visible = runtime.block_on(cluster::run(count))?;
    echo.extend(runtime.block_on(echo::run(count / 2))?);

    println!("{RATE} writes/s for {seconds} s on three nodes, milliseconds\n");
    println!("|                            |   p50 |   p99 | p99.9 |   max |");
    println!("|:---------------------------|------:|------:|------:|------:|");
    row("write to visible everywhere", &mut visible);
    row("echo of a bare connection", &mut echo);
    let (visible, echo) = (quantile(&visible, 0.99), quantile(&echo, 0.99));
    let bound = Duration::from_millis(5) + 3 * echo;
    println!(
        "\np99 to visible {} ms, aim: at most 5 ms + 3 x the echo's p99 = {} ms",
        ms(visible),
        ms(bound)
    );
    if visible > bound {
        return Err("the aim is not met".into());
    }
    Ok(())
}

/// Calls `at` with each number when it is due, and the time when it was.
fn open_loop(count: usize, mut at: impl FnMut(usize, Instant)) {
    let (start, step) = (Instant::now() + Duration::from_millis(10), Duration::from_secs(1) / RATE);
    for number in 0..count {
        let due = start + step * u32::try_from(number).expect("a bounded run");
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        at(number, due);
    }
}

fn row(name: &str, latencies: &mut [Duration]) {
    latencies.sort_unstable();
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|part| ms(quantile(latencies, part)));
    println!("| {name:26} | {p50} | {p99} | {p999} | {max} |");
}

/// Of sorted latencies, the one that `part` of them do not exceed.
fn quantile(sorted: &[Duration], part: f64) -> Duration {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn ms(latency: Duration) -> String {
    format!("{:5.2}", latency.as_secs_f64() * 1e3)
}
