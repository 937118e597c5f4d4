//! The command line.

use std::ffi::OsString;

use lexopt::{Error, Parser, ValueExt};

pub(crate) const HELP: &str = "\
crash-test: three nodes that are killed all the time, and what they still know

It starts three nodes on loopback, as processes with a database each, which write without a pause. It
kills one after the other in the middle of that (on Unix with SIGKILL), starts them again, and now and
then puts an older copy of a node's database in its place, or a copy of another node's. In the end every
node must show everything that was acknowledged, nothing that was removed, and the same as the others,
and no update number may have been given twice. Exit status 0 means that all of this holds.

usage: crash-test [--kills N] [--restores N] [--seed N]

  --kills N      how often a process is killed, 1 to 100000 [100]
  --restores N   after how many of these the database is replaced, half of them by another node's [10]
  --seed N       what decides who is killed, and what comes after it; moments are up to the machine [1]
  -h, --help     this text
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Storm(Plan),
    /// Be one node.
    Member,
    Help,
}

/// How much is done to the nodes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) kills: u64,
    pub(crate) restores: u64,
    pub(crate) seed: u64,
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, Error> {
    use lexopt::Arg::{Long, Short};
    let mut args = Parser::from_args(args);
    let mut plan = Plan { kills: 100, restores: 10, seed: 1 };
    while let Some(arg) = args.next()? {
        match arg {
            Long("as-member") => return Ok(Task::Member),
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("kills") => plan.kills = args.value()?.parse()?,
            Long("restores") => plan.restores = args.value()?.parse()?,
            Long("seed") => plan.seed = args.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    match plan {
        Plan { kills: 1..=100_000, restores, .. } if restores <= plan.kills => Ok(Task::Storm(plan)),
        Plan { kills: 1..=100_000, .. } => Err("--restores takes at most as many as --kills".into()),
        Plan { kills, .. } => Err(format!("--kills takes 1 to 100000, not {kills}").into()),
    }
}

#[cfg(test)]
mod tests {
    use crdt_examples::scribe::AS_MEMBER;

    use super::*;

    fn parsed(args: &[&str]) -> Result<Task, String> {
        parse(args.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_understood() {
        assert_eq!(parsed(&[]), Ok(Task::Storm(Plan { kills: 100, restores: 10, seed: 1 })));
        let plan = Plan { kills: 7, restores: 0, seed: 9 };
        assert_eq!(parsed(&["--kills=7", "--restores", "0", "--seed", "9"]), Ok(Task::Storm(plan)));
        assert_eq!(parsed(&["-h", "--nonsense"]), Ok(Task::Help));
        assert_eq!(parsed(&[AS_MEMBER]), Ok(Task::Member));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (args, named) in [
            (&["--fast"][..], "--fast"),
            (&["tokyo"], "tokyo"),
            (&["--kills"], "--kills"),
            (&["--kills", "many"], "many"),
            (&["--kills", "0"], "not 0"),
            (&["--kills", "5"], "--restores"),
            (&["--kills", "5", "--restores", "6"], "--restores"),
        ] {
            let error = parsed(args).unwrap_err();
            assert!(error.contains(named), "{args:?}: {error}");
        }
    }
}
