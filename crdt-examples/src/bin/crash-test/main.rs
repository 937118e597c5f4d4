//! Three nodes that are killed all the time, and what they still know: see `crash-test --help`.

mod args;
mod storm;

use std::io::{Write, stdout};
use std::process::ExitCode;

use crdt_examples::{cli, scribe};

use self::args::Task;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Task::Storm(plan)) => match storm::rage(&plan) {
            Ok(report) => {
                print!("{report}");
                ExitCode::SUCCESS
            }
            Err(error) => cli::fail("crash-test", error, cli::FAILED),
        },
        Ok(Task::Member) => match scribe::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => cli::fail("crash-test: a node", error, cli::FAILED),
        },
        Ok(Task::Help) => {
            // Whoever closes the pipe early has read enough.
            let _ = stdout().write_all(args::HELP.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => cli::fail("crash-test", format!("{error}; see crash-test --help"), cli::BAD_ARGUMENTS),
    }
}
