//! The command line.

use std::ffi::OsString;

use lexopt::{Error, Parser, ValueExt};

/// How the demo starts itself again as the process of one region. Not for people.
pub(crate) const AS_REGION: &str = "--as-region";

pub(crate) const HELP: &str = "\
gossip-demo: three regions, three processes, one document

It starts tokyo, london and sao-paulo as processes of their own on loopback, with certificates made
for this run, and has them write at the same time, apart, and across a crash. Exit status 0 means
that every story held and that all three show the same.

usage: gossip-demo [--quick | --updates N]

  --updates N   updates on each side while sao-paulo is cut off, 100 to 100000 [3000]
  --quick       the same as --updates 300
  -h, --help    this text
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Run the stories.
    Demo {
        /// On each side while a region is cut off.
        updates: usize,
    },
    /// Be the process of one region.
    Region,
    /// Print [`HELP`].
    Help,
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, Error> {
    use lexopt::Arg::{Long, Short};
    let mut args = Parser::from_args(args);
    let mut updates = None;
    while let Some(arg) = args.next()? {
        let wanted = match arg {
            Long("as-region") => return Ok(Task::Region),
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("quick") => 300,
            Long("updates") => args.value()?.parse()?,
            other => return Err(other.unexpected()),
        };
        if updates.replace(wanted).is_some() {
            return Err("--updates and --quick are given once, and not together".into());
        }
    }
    match updates.unwrap_or(3000) {
        updates @ 100..=100_000 => Ok(Task::Demo { updates }),
        other => Err(format!("--updates takes 100 to 100000, not {other}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Task, String> {
        parse(args.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_understood() {
        assert_eq!(parsed(&[]), Ok(Task::Demo { updates: 3000 }));
        assert_eq!(parsed(&["--updates=500"]), Ok(Task::Demo { updates: 500 }));
        assert_eq!(parsed(&["--quick"]), Ok(Task::Demo { updates: 300 }));
        assert_eq!(parsed(&["-h", "--nonsense"]), Ok(Task::Help));
        assert_eq!(parsed(&[AS_REGION]), Ok(Task::Region));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (args, named) in [
            (&["--fast"][..], "--fast"),
            (&["tokyo"], "tokyo"),
            (&["--updates"], "--updates"),
            (&["--updates", "many"], "many"),
            (&["--updates", "99"], "99"),
            (&["--updates", "100001"], "100001"),
            (&["--quick", "--updates", "500"], "not together"),
        ] {
            let error = parsed(args).unwrap_err();
            assert!(error.contains(named), "{args:?}: {error}");
        }
    }
}
