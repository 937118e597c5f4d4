//! Three regions, three processes, one document: see `gossip-demo --help`.

mod args;
mod cluster;
mod control;
mod expected;
mod failure;
mod place;
mod process;
mod region;
mod report;
mod stories;

use std::io::{Write, stdout};
use std::process::ExitCode;

use args::Task;
use crdt_examples::cli;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Task::Demo { updates }) => match report::tell_all(&mut stdout().lock(), updates) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => cli::fail("gossip-demo", error, cli::FAILED),
        },
        Ok(Task::Region) => region::serve(),
        Ok(Task::Help) => {
            // Whoever closes the pipe early has read enough.
            let _ = stdout().write_all(args::HELP.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            cli::fail("gossip-demo", format!("{error}; see gossip-demo --help"), cli::BAD_ARGUMENTS)
        }
    }
}
