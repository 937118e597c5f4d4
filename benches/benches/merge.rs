//! Merging: whole states that have nothing, everything or nearly everything in common, and deltas.

mod config;

use std::hint::black_box;

use crdt_benches::{SIZES, Sample, Writer, for_every_type};
use crdt_core::Doc;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

/// Into an empty document: what a new replica does.
fn into_empty<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("merge/into empty/{}", T::NAME));
    for size in SIZES {
        let whole = Writer::<T>::new(0, size).doc().to_delta();
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                || (Doc::<T>::default(), whole.clone()),
                |(mut doc, delta)| {
                    doc.merge(delta);
                    doc
                },
                BatchSize::LargeInput,
            );
        });
    }
}

/// Of an equal document: costs the runs of the context, not the elements.
fn identical<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("merge/identical/{}", T::NAME));
    for size in SIZES {
        let writer = Writer::<T>::new(0, size);
        let mut doc = writer.doc().clone();
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| doc.merge_from(black_box(writer.doc())));
        });
    }
}

/// Of a document with one per cent more: costs the difference, and a bitmap per 256 dots.
fn nearly_equal<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("merge/1 % more/{}", T::NAME));
    for size in SIZES {
        let mut writer = Writer::<T>::new(0, size);
        let before = writer.doc().clone();
        let _ = writer.extend(size, size / 100);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                || before.clone(),
                |mut doc| {
                    doc.merge_from(writer.doc());
                    doc
                },
                BatchSize::LargeInput,
            );
        });
    }
}

/// Of the delta of one write to a place that was written before.
fn one_delta<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("merge/one delta/{}", T::NAME));
    for size in SIZES {
        let mut writer = Writer::<T>::new(0, size);
        let mut doc = writer.doc().clone();
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                // One after the other: each delta is news once.
                || writer.rewrite(),
                |delta| doc.merge(delta),
                BatchSize::SmallInput,
            );
        });
    }
}

fn merge(criterion: &mut Criterion) {
    for_every_type!(into_empty(criterion));
    for_every_type!(identical(criterion));
    for_every_type!(nearly_equal(criterion));
    for_every_type!(one_delta(criterion));
}

criterion_group! {
    name = benches;
    config = config::config();
    targets = merge
}
criterion_main!(benches);
