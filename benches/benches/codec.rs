//! Bytes: of whole documents and of single deltas, made and read.

mod config;

use std::hint::black_box;

use crdt_benches::{SIZES, Sample, Writer, for_every_type};
use crdt_core::codec::Limits;
use crdt_core::{Delta, Doc};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// A whole document.
fn document<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("codec/document/{}", T::NAME));
    for size in SIZES {
        let writer = Writer::<T>::new(0, size);
        let bytes = writer.doc().encode().expect("strings and numbers can be serialised");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            bencher.iter_with_large_drop(|| writer.doc().encode());
        });
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter_with_large_drop(|| Doc::<T>::decode(black_box(&bytes), &Limits::default()));
        });
    }
}

/// The delta of one write to a document of a given size.
fn one_delta<T: Sample>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("codec/one delta/{}", T::NAME));
    for size in SIZES {
        let delta = Writer::<T>::new(0, size).rewrite();
        let bytes = delta.encode().expect("strings and numbers can be serialised");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            bencher.iter(|| black_box(&delta).encode());
        });
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter(|| Delta::<T>::decode(black_box(&bytes), &Limits::default()));
        });
    }
}

fn codec(criterion: &mut Criterion) {
    for_every_type!(document(criterion));
    for_every_type!(one_delta(criterion));
}

criterion_group! {
    name = benches;
    config = config::config();
    targets = codec
}
criterion_main!(benches);
