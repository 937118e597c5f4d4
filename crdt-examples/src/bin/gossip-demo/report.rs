//! What the demo prints.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

use crdt_examples::shop::View;
use crdt_sync::certs::Ca;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::place::Place;
use crate::stories::{Ending, STORIES, Story};

/// Plays every story and prints it.
///
/// # Errors
/// The first failure, with the story in which it happened.
pub(crate) fn tell_all(out: &mut impl Write, updates: usize) -> Result<(), String> {
    let begun = Instant::now();
    let mut cluster = introduce(out).map_err(|error| format!("at the start: {error}"))?;
    for (number, story) in STORIES.iter().enumerate() {
        let told = tell(out, &mut cluster, (number, story), updates);
        told.map_err(|error| format!("story {number}, {}, failed: {error}", story.title))?;
    }
    conclude(out, &mut cluster, begun).map_err(|error| format!("at the end: {error}"))
}

fn introduce(out: &mut impl Write) -> Result<Cluster, Failure> {
    writeln!(out, "Three processes on loopback, mutual TLS, certificates made for this run.\n")?;
    let progress = Progress { shown: stderr().is_terminal() };
    let cluster = Cluster::start(Ca::generate("gossip-demo")?, progress)?;
    let row =
        |(place, id, address): (Place, u32, _)| [place.to_string(), format!("{id}"), format!("{address}")];
    let rows: Vec<_> = cluster.processes().map(row).collect();
    writeln!(out, "{}", table(["region", "process", "listens on"], &rows))?;
    Ok(cluster)
}

fn tell(
    out: &mut impl Write,
    cluster: &mut Cluster,
    (number, story): (usize, &Story),
    updates: usize,
) -> Result<(), Failure> {
    // Before it is played: that is what a reader of a pipe sees of the progress.
    writeln!(out, "{number}. {}: {}\n", story.title, story.plot.replace('\n', "\n   "))?;
    out.flush()?;
    let ending = (story.play)(cluster, updates)?;
    Progress { shown: stderr().is_terminal() }.clear();
    writeln!(out, "{}", table(["region", "shows", "before", "after"], &rows(story, &ending)))?;
    let (took, sent) = (ending.convergence.took, ending.convergence.sent);
    let millis = grouped(took.as_millis().max(1));
    let (bytes, frames) = (grouped(sent.bytes), grouped(sent.frames));
    writeln!(out, "   equal after {millis} ms, {bytes} bytes in {frames} frames")?;
    writeln!(out, "   holds: {}\n", ending.holds.replace('\n', "\n   "))?;
    out.flush()?;
    Ok(())
}

fn conclude(out: &mut impl Write, cluster: &mut Cluster, begun: Instant) -> Result<(), Failure> {
    let prints = cluster.fingerprints()?;
    let rows: Vec<_> =
        prints.iter().map(|(place, print)| [place.to_string(), format!("{print:032x}")]).collect();
    writeln!(out, "{}", table(["region", "fingerprint"], &rows))?;
    let first = prints.values().next();
    if prints.values().any(|print| Some(print) != first) {
        return Err(Failure::Wrong("the fingerprints differ".to_owned()));
    }
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(out, "All {} stories hold, and three processes are equal. ({seconds:.1} s)", STORIES.len())?;
    Ok(())
}

/// One row for each region and aspect.
fn rows(story: &Story, ending: &Ending) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for place in Place::ALL {
        for (at, (name, show)) in story.aspects.iter().enumerate() {
            let region = if at == 0 { place.to_string() } else { String::new() };
            let cell =
                |view: Option<&View>| view.map_or_else(|| "(killed)".to_owned(), |view| or_none(show(view)));
            rows.push([
                region,
                (*name).to_owned(),
                cell(ending.before.get(&place)),
                cell(ending.after.get(&place)),
            ]);
        }
    }
    rows
}

fn or_none(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Columns, each as wide as its longest cell.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let len = |text: &str| text.chars().count();
    let width: [usize; N] = std::array::from_fn(|column| {
        rows.iter().map(|row| len(&row[column])).chain([len(head[column])]).max().unwrap_or(0)
    });
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(width).map(|(cell, width)| format!("{cell:width$}"));
        format!("   {}", cells.collect::<Vec<_>>().join("   ")).trim_end().to_owned() + "\n"
    };
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(line(head)).chain(rows).collect()
}

/// A whole number that is not negative, in groups of three digits.
pub(crate) fn grouped(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The line at the bottom of a terminal that says what is being waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    /// Replaces the line.
    pub(crate) fn show(self, text: &str) {
        if self.shown {
            eprint!("\r\x1b[K   … {text}");
        }
    }

    fn clear(self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        let rows = [["tokyo".to_owned(), "10".to_owned()], ["são-paulo".to_owned(), String::new()]];
        assert_eq!(
            table(["region", "likes"], &rows),
            "   region      likes\n   tokyo       10\n   são-paulo\n"
        );
    }

    #[test]
    fn digits_come_in_threes() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
