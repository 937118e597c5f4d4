//! What a cluster does on this machine, beside what it is meant to do.
//!
//! `cargo run --release -p crdt-benches --bin figures [-- --quick] [--only ROW] [--json FILE]`
//!
//! Every row runs in a process of its own, so that none inherits the memory of another. Most run over UDP
//! on loopback with TLS, four between engines without sockets. Each checks the values in the end: the
//! exit status says whether anything was lost or did not converge. Whether an aim is met is for the
//! table.

mod alone;
mod crowd;
mod differences;
mod join;
mod machine;
mod push;
mod reconnect;
mod report;
mod seen;
mod stalled;
mod stored;

use std::process::{Command, ExitCode, Stdio};

use crdt_benches::load::Failure;

use self::report::Figure;

/// What one row measures, smaller if it has to be quick.
type Row = fn(bool) -> Result<Vec<Figure>, Failure>;

const ROWS: [(&str, Row); 12] = [
    ("visible", |quick| block_on(seen::visible(quick))),
    ("sustained", |quick| block_on(push::sustained(quick))),
    ("adds", |quick| block_on(push::adds(quick))),
    ("crowd", |quick| block_on(crowd::writes(quick))),
    ("stored", |quick| block_on(stored::much(quick))),
    ("join", |quick| block_on(join::hundred_thousand(quick))),
    ("join-1m", |quick| block_on(join::million(quick))),
    ("alone", alone::run),
    ("reconnect", reconnect::run),
    ("differences", differences::run),
    ("idle", |quick| block_on(crowd::idle(quick))),
    ("stalled", stalled::run),
];

fn main() -> ExitCode {
    let done = match Args::read() {
        Ok(Args::All { quick, only, json }) => all(quick, only.as_deref(), json.as_deref()),
        Ok(Args::Row { name, quick }) => one(&name, quick),
        Ok(Args::Join) => block_on(join::newcomer()).map(|()| true),
        Err(error) => {
            eprintln!("figures: {error}\nusage: figures [--quick] [--only ROW] [--json FILE]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Args {
    All {
        quick: bool,
        only: Option<String>,
        json: Option<String>,
    },
    /// One row, for the process that asks for all.
    Row {
        name: String,
        quick: bool,
    },
    /// The new node of the row that measures its start.
    Join,
}

impl Args {
    fn read() -> Result<Self, String> {
        let (mut quick, mut only, mut json, mut row) = (false, None, None, None);
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} takes a value"));
            match arg.as_str() {
                "--quick" => quick = true,
                "--only" => only = Some(known(value()?)?),
                "--json" => json = Some(value()?),
                "--row" => row = Some(known(value()?)?),
                "--newcomer" => return Ok(Self::Join),
                _ => return Err(format!("unknown argument {arg}")),
            }
        }
        Ok(match row {
            Some(name) => Self::Row { name, quick },
            None => Self::All { quick, only, json },
        })
    }
}

fn known(name: String) -> Result<String, String> {
    let names: Vec<&str> = ROWS.iter().map(|(name, _)| *name).collect();
    if names.contains(&name.as_str()) { Ok(name) } else { Err(format!("the rows are {}", names.join(", "))) }
}

/// Runs every row in a process of its own. Returns whether all of them kept what was written.
fn all(quick: bool, only: Option<&str>, json: Option<&str>) -> Result<bool, Failure> {
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for (name, _) in ROWS.into_iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        eprintln!("figures: {name}");
        let mut row = Command::new(std::env::current_exe()?);
        row.args(["--row", name]).args(quick.then_some("--quick")).stdout(Stdio::piped());
        let output = row.spawn()?.wait_with_output()?;
        for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            figures.push(serde_json::from_slice::<Figure>(line)?);
        }
        if !output.status.success() {
            failed.push(name);
        }
    }
    print!("{}", report::table(&figures));
    if !failed.is_empty() {
        println!("\nFailed: {}", failed.join(", "));
    }
    if let Some(path) = json {
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?)?;
    }
    Ok(failed.is_empty())
}

/// Runs one row here, and prints its figures a line each.
fn one(name: &str, quick: bool) -> Result<bool, Failure> {
    let (_, row) = ROWS.into_iter().find(|(row, _)| *row == name).ok_or("no such row")?;
    for figure in row(quick).map_err(|error| format!("{name}: {error}"))? {
        println!("{}", serde_json::to_string(&figure)?);
    }
    Ok(true)
}

fn block_on<R>(row: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(row);
    // What the nodes still do is nobody's concern.
    runtime.shutdown_background();
    result
}
