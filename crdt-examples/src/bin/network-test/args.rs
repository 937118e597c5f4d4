//! The command line.

use std::ffi::OsString;
use std::fmt::Write;

use lexopt::{Error, Parser, ValueExt};

use crate::scenes::{SCENES, Scene};

/// How the test starts itself again in a network namespace; the namespace that it left follows. Not for
/// people.
pub(crate) const LEFT: &str = "--left";

const HELP: &str = "\
network-test: three nodes on hosts of their own, and what goes wrong in the network between them

Each host is a network namespace with an address of its own: tokyo and osaka at one site, london at
another, a bridge at each and a line between them. The nodes write all the time. In each scene something
happens to the network; when it is over, every node must show everything that was acknowledged, nothing
that was removed, and the same as the others, within half a minute. Nothing touches the machine's own
network, and nothing is left when the test ends, however it ends.

It needs Linux, unshare and nsenter (util-linux), ip (iproute2), and leave to make network namespaces: as
root, or where users may have namespaces of their own. Exit status 0 means that everything holds, 77 that
this machine does not allow it.

usage: network-test [SCENE]...

Without a scene all are played, at the same time:
";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    /// Go where there is a network to play in.
    Enter(Vec<&'static Scene>),
    /// Play there.
    Play {
        scenes: Vec<&'static Scene>,
        outside: OsString,
    },
    /// Be one node.
    Node,
    Help,
}

pub(crate) fn help() -> String {
    let mut help = HELP.to_owned();
    for scene in SCENES {
        // Writing to a string cannot fail.
        let _ = writeln!(help, "  {:<12} {}", scene.name, scene.what);
    }
    help
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, Error> {
    use lexopt::Arg::{Long, Short, Value};
    let mut args = Parser::from_args(args);
    let (mut scenes, mut left) = (Vec::new(), None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("as-member") => return Ok(Task::Node),
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("left") => left = Some(args.value()?),
            Value(name) => scenes.push(scene(&name.string()?)?),
            other => return Err(other.unexpected()),
        }
    }
    if scenes.is_empty() {
        scenes.extend(SCENES);
    }
    Ok(match left {
        Some(outside) => Task::Play { scenes, outside },
        None => Task::Enter(scenes),
    })
}

fn scene(name: &str) -> Result<&'static Scene, Error> {
    let found = SCENES.iter().find(|scene| scene.name == name);
    found.ok_or_else(|| format!("there is no scene {name:?}").into())
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
        let all: Vec<&Scene> = SCENES.iter().collect();
        assert_eq!(parsed(&[]), Ok(Task::Enter(all)));
        assert_eq!(parsed(&[SCENES[1].name]), Ok(Task::Enter(vec![&SCENES[1]])));
        let play = Task::Play { scenes: vec![&SCENES[0]], outside: "net:[1]".into() };
        assert_eq!(parsed(&[LEFT, "net:[1]", SCENES[0].name]), Ok(play));
        assert_eq!(parsed(&["-h", "--nonsense"]), Ok(Task::Help));
        assert_eq!(parsed(&[AS_MEMBER]), Ok(Task::Node));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (args, named) in [(&["--fast"][..], "--fast"), (&["tokyo"], "\"tokyo\""), (&[LEFT], LEFT)] {
            let error = parsed(args).unwrap_err();
            assert!(error.contains(named), "{args:?}: {error}");
        }
    }

    #[test]
    fn the_help_names_every_scene() {
        assert!(SCENES.iter().all(|scene| help().contains(scene.name)), "{}", help());
    }
}
