//! How the programs say that something is wrong: on one line, with a status.

use std::fmt::Display;
use std::process::ExitCode;

/// The exit status after arguments that make no sense.
pub const BAD_ARGUMENTS: u8 = 2;
/// The exit status when the work itself failed.
pub const FAILED: u8 = 1;

/// Says on standard error what is wrong, and gives the status to exit with.
pub fn fail(program: &str, error: impl Display, status: u8) -> ExitCode {
    eprintln!("{program}: {}", one_line(&error.to_string()));
    ExitCode::from(status)
}

/// The text with control characters written out: what an argument contains cannot break the line, or
/// talk to the terminal.
#[must_use]
pub fn one_line(text: &str) -> String {
    let written = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn an_error_stays_on_its_line_whatever_the_argument_contains() {
        assert_eq!(one_line("no option '--a\nb\u{1b}[2J'"), r"no option '--a\nb\u{1b}[2J'");
        assert_eq!(one_line("são paulo"), "são paulo");
    }
}
