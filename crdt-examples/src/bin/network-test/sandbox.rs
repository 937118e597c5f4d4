//! A network namespace for the whole test: what is made in it ends with it.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use crate::args::LEFT;
use crate::scenes::Scene;

/// Where the kernel says in which network namespace a process is.
const OWN: &str = "/proc/self/ns/net";
/// What the test does most. Where it is not allowed, nothing is begun.
const PROBE: &str = "ip link add probe type bridge && ip link add probe-a type veth peer name probe-b && \
    nsenter --net=/proc/self/ns/net ip link set probe-a master probe";
/// As root, or as anybody where users may have namespaces of their own.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// Becomes this program in a network namespace of its own. Where that is impossible it returns, with the
/// reason.
pub(crate) fn enter(scenes: &[&Scene]) -> String {
    let mut reason = String::new();
    for way in WAYS {
        match Command::new("unshare").args(way).args(["sh", "-c", PROBE]).output() {
            Ok(probe) if probe.status.success() => return become_inside(way, scenes),
            Ok(probe) => reason = String::from_utf8_lossy(&probe.stderr).trim().to_owned(),
            Err(error) => return format!("unshare: {error}"),
        }
    }
    reason
}

#[cfg(unix)]
fn become_inside(way: &[&str], scenes: &[&Scene]) -> String {
    use std::os::unix::process::CommandExt;
    let (program, outside) = match (std::env::current_exe(), fs::read_link(OWN)) {
        (Ok(program), Ok(outside)) => (program, outside),
        (Err(error), _) | (_, Err(error)) => return error.to_string(),
    };
    let mut command = Command::new("unshare");
    command.args(way).arg(program).arg(LEFT).arg(outside);
    command.args(scenes.iter().map(|scene| scene.name)).exec().to_string()
}

#[cfg(not(unix))]
fn become_inside(_: &[&str], _: &[&Scene]) -> String {
    "this is not Linux".to_owned()
}

/// Whether this is another network namespace than the one it left: never is anything done to that.
pub(crate) fn check(outside: &OsStr) -> Result<(), String> {
    let own = fs::read_link(OWN).map_err(|error| format!("{OWN}: {error}"))?;
    if own == outside { Err("this is the network of the machine".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_network_of_the_machine_is_left_alone() {
        let own = fs::read_link(OWN).unwrap();
        assert!(check(own.as_os_str()).unwrap_err().contains("of the machine"));
        assert_eq!(check(OsStr::new("net:[1]")), Ok(()));
    }
}
