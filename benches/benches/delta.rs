//! Deltas: made by a write, computed as a difference, and joined with each other.

mod config;

use crdt_benches::{SIZES, Sample, Writer, for_every_type};
use crdt_core::Delta;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

/// A write to a place that was written before: applied, and its delta made.
fn update<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("delta/update/{}", T::NAME));
    for size in SIZES {
        let mut writer = Writer::<T>::new(0, size);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_with_large_drop(|| writer.rewrite());
        });
    }
}

/// What one document knows and another does not, when one per cent was written since.
fn difference<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("delta/difference of 1 %/{}", T::NAME));
    for size in SIZES {
        let mut writer = Writer::<T>::new(0, size);
        let before = writer.doc().clone();
        (0..size / 100).for_each(|_| drop(writer.rewrite()));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_with_large_drop(|| writer.doc().difference(&before));
        });
    }
}

/// Of the deltas of a hundred writes one that says the same.
fn group_of_hundred<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("delta/group of 100/{}", T::NAME));
    for size in SIZES {
        let mut writer = Writer::<T>::new(0, size);
        let deltas: Vec<_> = (0..100).map(|_| writer.rewrite()).collect();
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            let join = |mut group: Delta<T>, delta| {
                group.merge(delta);
                group
            };
            bencher.iter_batched(
                || deltas.clone(),
                |deltas| deltas.into_iter().fold(Delta::default(), join),
                BatchSize::SmallInput,
            );
        });
    }
}

fn delta(criterion: &mut Criterion) {
    for_every_type!(update(criterion));
    for_every_type!(difference(criterion));
    for_every_type!(group_of_hundred(criterion));
}

criterion_group! {
    name = benches;
    config = config::config();
    targets = delta
}
criterion_main!(benches);
