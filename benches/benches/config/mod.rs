//! How long criterion looks at each bench.

use std::time::Duration;

use criterion::Criterion;

/// Some fifty benches in a few minutes: regressions of a fifth show, those of a hundredth do not.
pub(crate) fn config() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}
