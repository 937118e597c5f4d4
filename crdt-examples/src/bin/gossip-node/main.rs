//! One node to type at: see `gossip-node --help`.

mod args;
mod certificates;
mod command;
mod doctor;
mod session;

use std::io::{Write, stdout};
use std::process::ExitCode;

use args::Task;
use crdt_examples::cli;

fn main() -> ExitCode {
    let done = match args::parse(std::env::args_os().skip(1)) {
        Ok(Task::Help) => stdout().write_all(args::HELP.as_bytes()).map_err(|error| error.to_string()),
        Ok(Task::Certs { dir, names }) => certificates::make(&dir, &names),
        Ok(Task::Doctor { one, other }) => doctor::compare(&one, &other)
            .and_then(|said| stdout().write_all(said.as_bytes()).map_err(|error| error.to_string())),
        Ok(Task::Node(settings)) => session::run(&settings),
        Err(error) => {
            let error = format!("{error}; see gossip-node --help");
            return cli::fail("gossip-node", error, cli::BAD_ARGUMENTS);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::fail("gossip-node", error, cli::FAILED),
    }
}
