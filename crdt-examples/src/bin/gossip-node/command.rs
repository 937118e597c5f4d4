//! What can be typed at a running node.

use crdt_examples::shop::Change;

pub(crate) const HELP: &str = "\
  add CART ITEM      put an item into a cart
  remove CART ITEM   take it out
  set FIELD VALUE    write a field of the profile
  count N            add N to the likes; N may be negative
  open N, close N    open or close order number N
  show               what this node shows
  status             links, updates, traffic, fingerprint
  cut [NAME]         cut the links to one node, or to all
  heal               end every cut
  quit               leave
";

/// A line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Change(Change),
    Show,
    Status,
    Cut(Option<String>),
    Heal,
    Help,
    Quit,
}

/// Reads a line; an empty one is no command.
pub(crate) fn parse(line: &str) -> Result<Option<Command>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let command = match words[..] {
        [] => return Ok(None),
        ["add", cart, ref item @ ..] if !item.is_empty() => {
            Command::Change(Change::add(cart, &item.join(" ")))
        }
        ["remove", cart, ref item @ ..] if !item.is_empty() => {
            Command::Change(Change::remove(cart, &item.join(" ")))
        }
        ["set", field, ref value @ ..] if !value.is_empty() => {
            Command::Change(Change::set(field, &value.join(" ")))
        }
        ["count", amount] => Command::Change(Change::Count(number(amount)?)),
        ["open", order] => Command::Change(Change::Open(number(order)?)),
        ["close", order] => Command::Change(Change::Close(number(order)?)),
        ["show"] => Command::Show,
        ["status"] => Command::Status,
        ["cut"] => Command::Cut(None),
        ["cut", peer] => Command::Cut(Some(peer.to_owned())),
        ["heal"] => Command::Heal,
        ["help"] => Command::Help,
        ["quit" | "exit"] => Command::Quit,
        _ => return Err(format!("{:?} is no command; type help", words.join(" "))),
    };
    Ok(Some(command))
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text:?} is no number that fits here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood() {
        for (line, command) in [
            ("add alice green  apple", Command::Change(Change::add("alice", "green apple"))),
            (" remove alice pear ", Command::Change(Change::remove("alice", "pear"))),
            ("set city São Paulo", Command::Change(Change::set("city", "São Paulo"))),
            ("count -3", Command::Change(Change::Count(-3))),
            ("open 7", Command::Change(Change::Open(7))),
            ("close 7", Command::Change(Change::Close(7))),
            ("cut", Command::Cut(None)),
            ("cut london", Command::Cut(Some("london".to_owned()))),
            ("quit", Command::Quit),
        ] {
            assert_eq!(parse(line), Ok(Some(command)), "{line}");
        }
        assert_eq!(parse("  "), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("add alice", "add alice"),
            ("dance", "dance"),
            ("show all", "show all"),
            ("count many", "many"),
            ("open -1", "-1"),
        ] {
            assert!(parse(line).unwrap_err().contains(named), "{line}");
        }
    }
}
