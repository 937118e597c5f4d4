//! Running a law over many histories, and telling the story of one that breaks it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::strategy::{BoxedStrategy, Strategy};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use super::coverage::Coverage;
use super::history::{Blind, History, histories};
use super::subject::Subject;
use super::world::Check;

/// A law that does not hold, with the shortest story found in which it does not.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken {
    subject: String,
    law: String,
    story: Vec<String>,
    reason: String,
}

/// What the replicas do, line by line.
pub(super) type Story = RefCell<Vec<String>>;

impl Broken {
    pub(super) fn new<S: Subject>(law: &str, reason: String) -> Self {
        let subject = short(type_name::<S>());
        Self { subject, law: law.to_string(), story: Vec::new(), reason }
    }

    /// What the replicas did, line by line.
    #[must_use]
    pub fn story(&self) -> &[String] {
        &self.story
    }

    /// What is wrong at the end of the story.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} breaks the law \"{}\":", self.subject, self.law)?;
        self.story.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        write!(f, "  {}", self.reason)
    }
}

/// As [`Display`](fmt::Display): it is what a test that returns it prints.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Broken {}

/// A type's name without the paths.
fn short(name: &str) -> String {
    let mut short = String::new();
    for part in name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
        if !part.ends_with(':') {
            short.push_str(part);
        }
    }
    short
}

/// Checks histories of a subject one by one; tells the story of the first that fails.
pub(super) fn run<S: Subject>(
    law: &str,
    edits: BoxedStrategy<S::Edit>,
    check: impl Fn(&History, &Story, &mut Coverage) -> Check,
) -> Result<Coverage, Broken> {
    run_blind(law, edits.prop_map(Blind::new).boxed(), &check)
        .map_err(|(story, reason)| Broken { story, ..Broken::new::<S>(law, reason) })
}

fn run_blind(
    law: &str,
    edits: BoxedStrategy<Blind>,
    check: &dyn Fn(&History, &Story, &mut Coverage) -> Check,
) -> Result<Coverage, (Vec<String>, String)> {
    let (story, coverage) = (Story::default(), RefCell::new(Coverage::default()));
    let outcome = TestRunner::new(config(law)).run(&histories(edits), |history| {
        check(&history, &story, &mut coverage.borrow_mut()).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => Ok(coverage.into_inner()),
        Err(TestError::Abort(reason)) => Err((Vec::new(), reason.to_string())),
        Err(TestError::Fail(reason, history)) => {
            // Once more, for the story: shrinking did not end with the history that it found.
            let again = catch_unwind(AssertUnwindSafe(|| check(&history, &story, &mut Coverage::default())));
            let again = again.ok().and_then(Result::err);
            Err((story.take(), again.unwrap_or_else(|| format!("panic: {reason}"))))
        }
    }
}

/// The same histories in each run, others for each law.
fn config(law: &str) -> Config {
    let defaults = Config::default();
    let from_name = law.bytes().fold(0u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let rng_seed = match defaults.rng_seed {
        RngSeed::Random => RngSeed::Fixed(from_name),
        chosen @ RngSeed::Fixed(_) => chosen,
    };
    // A history is twenty tries in one, so that fewer are as good as the usual 256.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { defaults.cases } else { 48 };
    Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 4_000, ..defaults }
}
