//! The process of one node, as the test holds it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::words::{Order, Said};

/// How a program that has nodes starts itself again as one of them. Not for people.
pub const AS_MEMBER: &str = "--as-member";

/// How long anything may take that is not work of a second.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that says what it does, and ends with this value at the latest.
pub struct Process {
    child: Child,
    orders: ChildStdin,
    said: Receiver<Said>,
}

impl Process {
    /// Starts this program again, as a node. It is run by the command `through`, if that is not empty.
    ///
    /// # Errors
    /// When that is impossible.
    pub fn spawn(through: &[String]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
        let mut command = match through {
            [] => Command::new(program),
            [runs, its @ ..] => {
                let mut command = Command::new(runs);
                command.args(its).arg(program);
                command
            }
        };
        command.arg(AS_MEMBER).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("a node did not start: {error}"))?;
        let orders = child.stdin.take().expect("the input is piped");
        let output = child.stdout.take().expect("the output is piped");
        let (sender, said) = channel();
        thread::spawn(move || {
            // A line that was cut by the kill was not said.
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            for said in lines.map_while(|line| serde_json::from_str(&line).ok()) {
                if sender.send(said).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, orders, said })
    }

    /// Its number, as the operating system knows it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to do something.
    ///
    /// # Errors
    /// When it has ended.
    pub fn order(&mut self, order: &Order) -> Result<(), String> {
        let mut line = serde_json::to_vec(order).map_err(|error| error.to_string())?;
        line.push(b'\n');
        self.orders.write_all(&line).map_err(|error| format!("a node is gone: {error}"))
    }

    /// What it said since it was last asked, without waiting.
    pub fn heard(&self) -> impl Iterator<Item = Said> + '_ {
        self.said.try_iter()
    }

    /// The next thing that it says.
    ///
    /// # Errors
    /// When it has ended, or says nothing for too long.
    pub fn next(&self) -> Result<Said, String> {
        self.said.recv_timeout(LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("a node said nothing for {LIMIT:?}"),
            RecvTimeoutError::Disconnected => "a node ended by itself".to_owned(),
        })
    }

    /// Ends the process as a power failure does, and returns what it had said by then.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(mut self) -> Result<Vec<Said>, String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("a node ended by itself ({status})"));
        }
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map_err(|error| format!("a node cannot be killed: {error}"))?;
        Ok(self.said.iter().collect())
    }
}

/// No process is left behind, however the test ends.
impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and that is all that is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
