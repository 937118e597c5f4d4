//! The table and the JSON.

use serde_json::{Value, json};

use crate::items::Shape;
use crate::measure::median;
use crate::rows::{Limit, Row};
use crate::scenes::{Scale, Sheet};

/// The medians of all contenders on one type.
pub struct Report {
    /// `OrSet`, `LwwMap` or `OrMap`.
    kind: &'static str,
    shape: Shape,
    /// The floor first, ours last.
    names: Vec<&'static str>,
    /// For each row a median for each contender.
    rows: Vec<(Row, Vec<f64>)>,
}

impl Report {
    /// From the sheets of every contender, in the order of their names.
    pub fn new(kind: &'static str, shape: Shape, names: Vec<&'static str>, sheets: &[Vec<Sheet>]) -> Self {
        let of = |row: Row, sheets: &Vec<Sheet>| {
            let samples = sheets.iter().flatten().filter(|(at, _)| *at == row).map(|(_, sample)| *sample);
            median(samples.collect())
        };
        let medians = |row| (row, sheets.iter().map(|sheets| of(row, sheets)).collect());
        Self { kind, shape, names, rows: Row::ALL.into_iter().map(medians).collect() }
    }

    /// A Markdown table: a number for each contender, and ours over the floor's.
    pub fn print(&self, scale: Scale) {
        println!("\n{} of {} keys\n", self.kind, scale.keys);
        print!("| {:27} | {:10} ", "", "unit");
        self.names.iter().for_each(|name| print!("| {name:>10} "));
        println!("| ours/floor | aim          |");
        println!("|:---|:---{}|---:|---:|", "|---:".repeat(self.names.len()));
        for (row, medians) in &self.rows {
            print!("| {:27} | {:10} ", row.name(), row.unit());
            medians.iter().for_each(|median| print!("| {:>10} ", digits(*median)));
            let aim = row.aim(self.shape).map_or(String::new(), words);
            println!("| {:>10} | {aim:12} |", digits(ratio(medians)));
        }
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let row = |(row, medians): &(Row, Vec<f64>)| {
            let medians = self.names.iter().zip(medians);
            let medians = medians.map(|(name, median)| ((*name).to_owned(), json!(median)));
            json!({
                "row": row.name(),
                "unit": row.unit(),
                "medians": medians.collect::<serde_json::Map<_, _>>(),
                "bound": row.bound(self.shape).map(number),
                "aim": row.aim(self.shape).map(number),
                "judged": row.aim(self.shape).or(row.bound(self.shape)).map(judged),
            })
        };
        json!({ "type": self.kind, "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }

    /// The rows in which ours is beyond a bound, or behind the crate that does the same: the second
    /// column. The heavy ones make another bargain: they keep history, and pack it.
    pub fn beyond(&self) -> Vec<String> {
        let mut beyond = Vec::new();
        for (row, medians) in &self.rows {
            if let Some(bound) = row.bound(self.shape).filter(|bound| exceeds(medians, *bound)) {
                let found = digits(measured(medians, bound));
                beyond.push(format!("{}, {}: {found}, not {}", self.kind, row.name(), words(bound)));
            }
            let (peer, ours) = (medians[1], medians[medians.len() - 1]);
            if row.leads() && ours >= peer {
                beyond.push(format!("{}, {}: behind {}", self.kind, row.name(), self.names[1]));
            }
        }
        beyond
    }
}

/// Ours over the floor's.
fn ratio(medians: &[f64]) -> f64 {
    medians[medians.len() - 1] / medians[0]
}

/// The number that a limit is for.
fn measured(medians: &[f64], limit: Limit) -> f64 {
    match limit {
        Limit::OverFloor(_) => ratio(medians),
        Limit::Itself(_) => medians[medians.len() - 1],
    }
}

fn exceeds(medians: &[f64], limit: Limit) -> bool {
    measured(medians, limit) > number(limit)
}

fn number(limit: Limit) -> f64 {
    match limit {
        Limit::OverFloor(most) | Limit::Itself(most) => most,
    }
}

/// Which number a limit is for.
fn judged(limit: Limit) -> &'static str {
    match limit {
        Limit::OverFloor(_) => "ours/floor",
        Limit::Itself(_) => "ours",
    }
}

fn words(limit: Limit) -> String {
    match limit {
        Limit::OverFloor(most) => format!("≤ {most}"),
        Limit::Itself(most) => format!("ours ≤ {most}"),
    }
}

/// Three significant digits.
fn digits(number: f64) -> String {
    match number.abs() {
        missing if missing.is_nan() => "–".to_owned(),
        large if large >= 99.95 => format!("{number:.0}"),
        large if large >= 9.995 => format!("{number:.1}"),
        large if large >= 0.995 => format!("{number:.2}"),
        large if large >= 0.01 => format!("{number:.3}"),
        _ => format!("{number:.5}"),
    }
}
