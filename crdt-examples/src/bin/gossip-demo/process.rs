//! The process of one region, as the demo holds it.

use std::io::{self, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::args::AS_REGION;
use crate::control::{Answer, Order, read_message, write_message};
use crate::failure::Failure;
use crate::place::Place;

/// How long one order may take. An order to write waits for copies for less than that.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A process that obeys, and ends with this value at the latest.
pub(crate) struct Process {
    place: Place,
    child: Child,
    orders: ChildStdin,
    answers: Receiver<io::Result<Answer>>,
}

impl Process {
    /// Starts this program again, as a region.
    pub(crate) fn spawn(place: Place) -> Result<Self, Failure> {
        let not_started =
            |error: io::Error| Failure::Process { place, what: format!("did not start: {error}") };
        let program = std::env::current_exe().map_err(not_started)?;
        let mut command = Command::new(program);
        command.arg(AS_REGION).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(not_started)?;
        let orders = child.stdin.take().expect("the input is piped");
        let output = child.stdout.take().expect("the output is piped");
        let (sender, answers) = sync_channel(1);
        thread::spawn(move || listen(output, &sender));
        Ok(Self { place, child, orders, answers })
    }

    /// The number that the operating system knows it by.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives an order. Its [`answer`](Process::answer) has to be taken before the next one.
    pub(crate) fn send(&mut self, order: &Order) -> Result<(), Failure> {
        write_message(&mut self.orders, order).map_err(|error| self.lost(&error.to_string()))
    }

    /// Waits for the answer to the last order.
    pub(crate) fn answer(&mut self) -> Result<Answer, Failure> {
        match self.answers.recv_timeout(ANSWER_LIMIT) {
            Ok(Ok(Answer::Refused(reason))) => Err(Failure::Refused { place: self.place, reason }),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.lost(&error.to_string())),
            Err(RecvTimeoutError::Timeout) => {
                let what = format!("{} has not answered", self.place);
                Err(Failure::Late { waited: ANSWER_LIMIT, what })
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.lost("no answer")),
        }
    }

    /// Gives an order and waits for the answer.
    pub(crate) fn ask(&mut self, order: &Order) -> Result<Answer, Failure> {
        self.send(order)?;
        self.answer()
    }

    /// An answer that does not belong to the order.
    pub(crate) fn confused(&self, answer: &Answer) -> Failure {
        Failure::Process {
            place: self.place,
            what: format!("gave another answer than asked for: {answer:?}"),
        }
    }

    /// Ends the process as a power failure does: it cannot prepare for it (on Unix, SIGKILL).
    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map(|_| ()).map_err(|error| self.lost(&error.to_string()))
    }

    /// Why the process cannot be talked to: its pipes close a moment before its status is known.
    fn lost(&mut self, error: &str) -> Failure {
        for _ in 0..100 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Failure::Process { place: self.place, what: format!("ended by itself ({status})") };
            }
            thread::sleep(Duration::from_millis(2));
        }
        Failure::Process { place: self.place, what: format!("is out of reach: {error}") }
    }
}

/// No process is left behind, however the demo ends. (If it is killed itself, its regions notice
/// that their orders have ended.)
impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and that is all that is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes the answers of a process on, until it ends.
fn listen(output: ChildStdout, answers: &SyncSender<io::Result<Answer>>) {
    let mut output = BufReader::new(output);
    while let Some(answer) = read_message(&mut output).transpose() {
        let broken = answer.is_err();
        if answers.send(answer).is_err() || broken {
            return;
        }
    }
}
