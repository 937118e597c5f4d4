//! From write to visible on three nodes, beside a bare QUIC echo in the same run.
//!
//! `cargo run --release -p crdt-benches --bin latency [-- SECONDS]`
//!
//! The load is open: a thread writes at fixed times, 1,000 a second, on the three nodes in turn,
//! whether earlier writes have arrived or not. A latency counts from the time when the write was
//! due to the time when the last of the other two nodes had applied it. All nodes run in this
//! process, over UDP on loopback, with TLS. The echo sends messages of the size of an update's frame
//! at the same rate and counts until they are back.
//!
//! `figures` has the same with stores, and much else.

use std::process::ExitCode;
use std::time::Duration;

use crdt_benches::load::{Failure, Latencies, RATE};
use crdt_benches::{echo, visible};

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

fn run(seconds: u32) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let count = (RATE * seconds) as usize;
    // Before and after, since the machine's speed drifts.
    let mut echo = runtime.block_on(echo::run(count / 2))?;
    let visible = runtime.block_on(visible::run(count, |_, node| Ok(node)))?.visible;
    echo.extend(runtime.block_on(echo::run(count / 2))?);
    let echo: Latencies = echo.into_iter().collect();

    println!("{RATE} writes/s for {seconds} s on three nodes, milliseconds\n");
    println!("|                            |   p50 |   p99 | p99.9 |   max |");
    println!("|:---------------------------|------:|------:|------:|------:|");
    row("write to visible everywhere", &visible);
    row("echo of a bare connection", &echo);
    let (visible, echo) = (visible.quantile(0.99), echo.quantile(0.99));
    let bound = Duration::from_millis(2) + 3 * echo;
    println!(
        "\np99 to visible {} ms, aim: at most 2 ms + 3 x the echo's p99 = {} ms",
        ms(visible),
        ms(bound)
    );
    if visible > bound {
        return Err("the aim is not met".into());
    }
    Ok(())
}

fn row(name: &str, latencies: &Latencies) {
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|part| ms(latencies.quantile(part)));
    println!("| {name:26} | {p50} | {p99} | {p999} | {max} |");
}

fn ms(latency: Duration) -> String {
    format!("{:5.2}", latency.as_secs_f64() * 1e3)
}
