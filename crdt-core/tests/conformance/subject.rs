//! What a case may do to each type, and how the type reads as JSON.

use std::collections::BTreeMap;

use crdt_core::codec::Wire;
use crdt_core::view::Reset;
use crdt_core::{
    BoundedCounter, Crdt, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister, OrMap,
    OrMapEditor, OrSet, PnCounter, RankedRegister, ReplicaId, Resolve, ResolvedRegister, RwSet,
};
use serde_json::{Value, json};

/// Why an operation did not happen.
#[derive(Debug)]
pub(crate) enum Fail {
    /// The type refuses it, as a case may expect.
    Refused,
    /// The case is wrong: the type has no such operation.
    Unknown,
}

type Done = Result<(), Fail>;
pub(crate) type Ids = BTreeMap<String, ReplicaId>;

pub(crate) trait Subject: Wire + Clone {
    /// `call` is the operation and its arguments.
    fn apply(editor: &Self::Editor<'_>, call: &[Value], ids: &Ids) -> Done;
    fn read(&self) -> Value;
    /// What is readable beside the winner, winner first.
    fn listed(&self) -> Option<Value> {
        None
    }
}

/// What a call may look like: the operation, then a text or a number for each argument. `try` marks what
/// can be refused.
macro_rules! calls {
    ($call:ident: $($op:literal ($($arg:ident: $kind:ident),*) $(try $may:expr)? $(=> $do:expr)?),+ $(,)?) => {
        match $call {
            $([Value::String(op), $(calls!(@pattern $arg $kind)),*] if op == $op => {
                $(let $arg = calls!(@take $arg $kind);)*
                $($may)?
                $($do; Ok(()))?
            })+
            _ => Err(Fail::Unknown),
        }
    };
    (@pattern $arg:ident text) => { Value::String($arg) };
    (@pattern $arg:ident number) => { Value::Number($arg) };
    (@take $arg:ident text) => { $arg.as_str() };
    (@take $arg:ident number) => { $arg.as_u64().ok_or(Fail::Unknown)? };
}

impl Subject for GCounter {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "add"(n: number) => editor.add(n), "reset"() => editor.reset())
    }

    fn read(&self) -> Value {
        json!(self.value() as u64)
    }
}

impl Subject for PnCounter {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call:
            "add"(n: number) => editor.add(n),
            "sub"(n: number) => editor.sub(n),
            "reset"() => editor.reset(),
        )
    }

    fn read(&self) -> Value {
        json!(self.value() as i64)
    }
}

impl Subject for BoundedCounter {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], ids: &Ids) -> Done {
        calls!(call:
            "add"(n: number) => editor.add(n),
            "sub"(n: number) try editor.sub(n).map_err(|_| Fail::Refused),
            "transfer"(to: text, n: number) try {
                let to = ids.get(to).ok_or(Fail::Unknown)?;
                editor.transfer(*to, n).map_err(|_| Fail::Refused)
            },
        )
    }

    fn read(&self) -> Value {
        json!(self.value() as u64)
    }

    /// The rights of all holders, ascending, since ids differ between runs.
    fn listed(&self) -> Option<Value> {
        let mut held: Vec<u64> = self.holders().iter().map(|(_, held)| *held as u64).collect();
        held.sort_unstable();
        Some(json!(held))
    }
}

impl Subject for Max<u64> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "raise"(n: number) => editor.raise(n), "reset"() => editor.reset())
    }

    fn read(&self) -> Value {
        json!(self.get())
    }
}

impl Subject for Min<u64> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "lower"(n: number) => editor.lower(n), "reset"() => editor.reset())
    }

    fn read(&self) -> Value {
        json!(self.get())
    }
}

impl Subject for EwFlag {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "enable"() => editor.enable(), "disable"() => editor.disable())
    }

    fn read(&self) -> Value {
        json!(self.is_enabled())
    }
}

impl Subject for DwFlag {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "enable"() => editor.enable(), "disable"() => editor.disable())
    }

    fn read(&self) -> Value {
        json!(self.is_enabled())
    }
}

impl Subject for LwwRegister<String> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "set"(x: text) => editor.set(x.to_owned()), "clear"() => editor.clear())
    }

    fn read(&self) -> Value {
        json!(self.get())
    }

    fn listed(&self) -> Option<Value> {
        Some(json!(self.siblings().collect::<Vec<_>>()))
    }
}

impl Subject for MvRegister<String> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call:
            "set"(x: text) => editor.set(x.to_owned()),
            "resolve"(x: text) => editor.resolve(|_| x.to_owned()),
            "clear"() => editor.clear(),
        )
    }

    fn read(&self) -> Value {
        json!(sorted(self.values()))
    }

    fn listed(&self) -> Option<Value> {
        Some(json!(sorted(self.siblings().collect())))
    }
}

impl Subject for RankedRegister<(u64, String)> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call:
            "set"(rank: number, x: text) => editor.set((rank, x.to_owned())),
            "clear"() => editor.clear(),
        )
    }

    fn read(&self) -> Value {
        json!(self.get())
    }

    fn listed(&self) -> Option<Value> {
        Some(json!(self.siblings().collect::<Vec<_>>()))
    }
}

/// Adds up what was written at the same time: no merge could do that, since it counts once more what
/// arrives once more.
#[derive(Clone)]
pub(crate) struct Sum;

impl Resolve<u64> for Sum {
    fn resolve(siblings: &[&u64]) -> u64 {
        siblings.iter().copied().sum()
    }
}

impl Subject for ResolvedRegister<u64, Sum> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "set"(n: number) => editor.set(n), "clear"() => editor.clear())
    }

    fn read(&self) -> Value {
        json!(self.get())
    }

    fn listed(&self) -> Option<Value> {
        Some(json!(sorted(self.siblings().collect())))
    }
}

/// Sets whose elements can be removed.
macro_rules! sets {
    ($($set:ident),+) => {$(
        impl Subject for $set<String> {
            fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
                calls!(call:
                    "insert"(x: text) => editor.insert(x.to_owned()),
                    "remove"(x: text) => editor.remove(x),
                    "clear"() => editor.clear(),
                )
            }

            fn read(&self) -> Value {
                json!(self.sorted())
            }
        }
    )+};
}

sets!(OrSet, RwSet);

impl Subject for GSet<String> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call: "insert"(x: text) => editor.insert(x.to_owned()))
    }

    fn read(&self) -> Value {
        json!(self.sorted())
    }
}

impl Subject for LwwMap<String, String> {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        calls!(call:
            "insert"(k: text, x: text) => editor.insert(k.to_owned(), x.to_owned()),
            "remove"(k: text) => editor.remove(k),
            "clear"() => editor.clear(),
        )
    }

    fn read(&self) -> Value {
        json!(self.iter().collect::<BTreeMap<_, _>>())
    }

    /// Of every key that has lost writes.
    fn listed(&self) -> Option<Value> {
        let contested = self.conflicts().map(|(key, _)| (key, self.siblings(key).collect::<Vec<_>>()));
        Some(json!(contested.collect::<BTreeMap<_, _>>()))
    }
}

impl<V> Subject for OrMap<String, V>
where
    V: Subject + Reset,
    Self: Wire + Clone + for<'a> Crdt<Editor<'a> = OrMapEditor<'a, String, V>>,
{
    fn apply(editor: &Self::Editor<'_>, call: &[Value], ids: &Ids) -> Done {
        match call {
            [op] if op == "clear" => {
                editor.clear();
                Ok(())
            }
            [op, Value::String(key)] if op == "remove" => {
                editor.remove(key.as_str());
                Ok(())
            }
            [op, Value::String(key), inner @ ..] if op == "entry" => {
                V::apply(&editor.entry(key.as_str()), inner, ids)
            }
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.iter().map(|(key, value)| (key, value.read())).collect::<BTreeMap<_, _>>())
    }
}

/// A struct, with a field of each kind that people put under a key.
#[derive(Crdt, Clone)]
pub(crate) struct Profile {
    name: LwwRegister<String>,
    email: MvRegister<String>,
    tags: OrSet<String>,
    visits: PnCounter,
    active: EwFlag,
}

impl Subject for Profile {
    fn apply(editor: &Self::Editor<'_>, call: &[Value], ids: &Ids) -> Done {
        let [Value::String(op), Value::String(field), inner @ ..] = call else { return Err(Fail::Unknown) };
        match (op.as_str(), field.as_str()) {
            ("field", "name") => LwwRegister::apply(&editor.name, inner, ids),
            ("field", "email") => MvRegister::apply(&editor.email, inner, ids),
            ("field", "tags") => OrSet::apply(&editor.tags, inner, ids),
            ("field", "visits") => PnCounter::apply(&editor.visits, inner, ids),
            ("field", "active") => EwFlag::apply(&editor.active, inner, ids),
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!({
            "name": self.name.read(),
            "email": self.email.read(),
            "tags": self.tags.read(),
            "visits": self.visits.read(),
            "active": self.active.read(),
        })
    }
}

fn sorted<V: Ord>(mut values: Vec<V>) -> Vec<V> {
    values.sort();
    values
}
