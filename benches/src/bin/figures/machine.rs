//! What the operating system says of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crdt_benches::load::Failure;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Resident memory of this process in bytes.
pub(crate) fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// Processor time that this process has used, user and system, to a hundredth of a second.
pub(crate) fn processor_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program may hold anything, but for what comes after its last parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |field: usize| fields.get(field).ok_or("too few fields")?.parse::<u64>().map_err(Failure::from);
    Ok((ticks(11)? + ticks(12)?) as f64 / 100.0)
}

/// Processor time that this thread has used.
pub(crate) fn processor_time() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(stat.split_whitespace().next().ok_or("an empty schedstat")?.parse()?))
}

/// The most memory that this process has at any time from now on.
pub(crate) struct Peak(Arc<AtomicU64>);

impl Peak {
    /// Looks until it is dropped.
    pub(crate) fn watch() -> Self {
        let peak = Arc::new(AtomicU64::new(0));
        let watched = Arc::downgrade(&peak);
        std::thread::spawn(move || {
            while let Some(peak) = watched.upgrade() {
                peak.fetch_max(resident().unwrap_or(u64::MAX), Ordering::Relaxed);
                drop(peak);
                std::thread::sleep(LOOK);
            }
        });
        Self(peak)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
