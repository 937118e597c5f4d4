//! Three nodes on hosts with a real network, and what goes wrong in it: see `network-test --help`.

mod args;
mod network;
mod report;
mod sandbox;
mod scenes;
mod stage;

use std::io::{Write, stdout};
use std::process::ExitCode;

use crdt_examples::{cli, scribe};

use self::args::Task;

/// The exit status on a machine where this test is impossible; many test runners take it for that.
const IMPOSSIBLE: u8 = 77;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Task::Enter(scenes)) => {
            let reason = sandbox::enter(&scenes);
            cli::fail(
                "network-test",
                format!("this machine allows no network namespaces: {reason}"),
                IMPOSSIBLE,
            )
        }
        Ok(Task::Play { scenes, outside }) => {
            let played = sandbox::check(&outside).and_then(|()| report::play(&scenes));
            done("network-test", played)
        }
        Ok(Task::Node) => done("network-test: a node", scribe::serve()),
        Ok(Task::Help) => {
            // Whoever closes the pipe early has read enough.
            let _ = stdout().write_all(args::help().as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            cli::fail("network-test", format!("{error}; see network-test --help"), cli::BAD_ARGUMENTS)
        }
    }
}

fn done(program: &str, done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::fail(program, error, cli::FAILED),
    }
}
