//! The same work done by standard collections, by other CRDT crates and by `crdt-core`, in one run.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- [OPTIONS]
//!   --json FILE        write the medians to FILE, too
//!   --keys N           keys of a state (100000)
//!   --repetitions N    of which the medians are taken (5)
//!   --quick            10,000 keys, three repetitions, growth to 100,000, 100,000 come and go
//!   --check            fail where ours is beyond a bound, or behind `crdts`
//! ```
//! It fails when a contender ends with other contents than were written. `benches/README.md` says
//! how it is measured, and what came of it.

mod columns;
mod contender;
mod floor;
mod items;
mod measure;
#[cfg(feature = "heavy")]
mod others;
mod ours;
mod report;
mod rows;
mod rust_crdt;
mod scenes;

use std::error::Error;
use std::process::ExitCode;

use columns::Column;
use items::Shape;
use report::Report;
use scenes::{Scale, Sheet};
use serde_json::json;

/// What the command line asks for.
struct Options {
    json: Option<String>,
    scale: Scale,
    repetitions: usize,
    check: bool,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let scale = Scale { keys: 100_000, growth: (1_000, 1_000_000), churn: 1_000_000 };
        let mut options = Self { json: None, scale, repetitions: 5, check: false };
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--json" => options.json = Some(next()?),
                "--keys" => options.scale.keys = next()?.parse::<usize>()?.max(1_000),
                "--repetitions" => options.repetitions = next()?.parse::<usize>()?.max(1),
                "--quick" => {
                    options.scale = Scale { keys: 10_000, growth: (1_000, 100_000), churn: 100_000 };
                    options.repetitions = 3;
                }
                "--check" => options.check = true,
                _ => return Err(format!("{word} is not an option; see src/main.rs").into()),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    match compare() {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            failures.iter().for_each(|failure| eprintln!("beyond: {failure}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs everything; returns what `--check` finds.
fn compare() -> Result<Vec<String>, Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let reports = [
        measure("OrSet", Shape::Set, &columns::sets(), &options)?,
        measure("LwwMap", Shape::Map, &columns::maps(), &options)?,
        measure("OrMap of OrSets", Shape::Carts, &columns::carts(), &options)?,
    ];
    if let Some(file) = &options.json {
        let types: Vec<_> = reports.iter().map(Report::to_json).collect();
        let (keys, repetitions) = (options.scale.keys, options.repetitions);
        let json = json!({ "keys": keys, "repetitions": repetitions, "types": types });
        std::fs::write(file, format!("{json:#}\n"))?;
    }
    let beyond = reports.iter().flat_map(Report::beyond);
    Ok(if options.check { beyond.collect() } else { Vec::new() })
}

/// Measures the columns in turns, so that a change of the machine's mood meets all of them.
fn measure(
    kind: &'static str,
    shape: Shape,
    columns: &[Column],
    options: &Options,
) -> Result<Report, Box<dyn Error>> {
    let scale = options.scale;
    let mut sheets: Vec<Vec<Sheet>> = columns.iter().map(|_| Vec::new()).collect();
    for (column, sheets) in columns.iter().zip(&mut sheets) {
        let sheet =
            (column.sizes)(scale, shape).map_err(|wrong| format!("{kind}, {}: {wrong}", column.name))?;
        sheets.push(sheet);
    }
    for repetition in 0..options.repetitions {
        let turns = columns.iter().zip(&mut sheets);
        for (column, sheets) in turns.filter(|(column, _)| repetition < column.repetitions) {
            let sheet =
                (column.times)(scale, shape).map_err(|wrong| format!("{kind}, {}: {wrong}", column.name))?;
            sheets.push(sheet);
        }
    }
    let names = columns.iter().map(|column| column.name).collect();
    let report = Report::new(kind, shape, names, &sheets);
    report.print(scale);
    Ok(report)
}
