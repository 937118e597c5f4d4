//! Figures, and the table of them.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// Something that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    /// What it is meant to be; nothing for what only explains another.
    pub(crate) aim: Option<Aim>,
}

/// What a figure is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &str) -> Self {
        Self { what: what.into(), value, unit: unit.to_owned(), aim: None }
    }

    pub(crate) fn at_most(mut self, most: f64) -> Self {
        self.aim = Some(Aim::AtMost(most));
        self
    }

    pub(crate) fn at_least(mut self, least: f64) -> Self {
        self.aim = Some(Aim::AtLeast(least));
        self
    }

    fn is_met(&self) -> Option<bool> {
        Some(match self.aim? {
            Aim::AtMost(most) => self.value <= most,
            Aim::AtLeast(least) => self.value >= least,
        })
    }
}

pub(crate) fn table(figures: &[Figure]) -> String {
    let mut table = String::from("| | measured | unit | aim | met |\n|:---|---:|:---|---:|:---|\n");
    for figure in figures {
        let aim = match figure.aim {
            Some(Aim::AtMost(most)) => format!("≤ {}", number(most)),
            Some(Aim::AtLeast(least)) => format!("≥ {}", number(least)),
            None => String::new(),
        };
        let met = figure.is_met().map_or("", |met| if met { "yes" } else { "**no**" });
        let Figure { what, value, unit, .. } = figure;
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {what} | {} | {unit} | {aim} | {met} |", number(*value));
    }
    table
}

/// Three digits that count, or all before the point.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        small if small < 10.0 => 2,
        medium if medium < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_whether_an_aim_is_met() {
        let figures = [
            Figure::new("a", 2.0, "s").at_most(2.5),
            Figure::new("b", 123_456.0, "/s").at_least(300_000.0),
            Figure::new("c", 0.0, "MB"),
        ];
        let table = table(&figures);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| a | 2.00 | s | ≤ 2.50 | yes |",
                "| b | 123456 | /s | ≥ 300000 | **no** |",
                "| c | 0 | MB |  |  |"
            ]
        );
    }

    #[test]
    fn a_figure_comes_back_from_its_json() {
        let figure = Figure::new("a", 2.0, "s").at_most(2.5);
        let json = serde_json::to_string(&figure).expect("plain data");
        let back: Figure = serde_json::from_str(&json).expect("what was just written");
        assert_eq!((back.what, back.value, back.aim), (figure.what, figure.value, figure.aim));
    }
}
