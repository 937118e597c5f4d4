//! What a case may do to each type, and how the type reads as JSON.

use std::collections::BTreeMap;

use crdt_core::codec::Wire;
use crdt_core::{
    BoundedCounter, DwFlag, EwFlag, GCounter, GSet, LwwMap, LwwRegister, Max, Min, MvRegister, OrMap, OrSet,
    PnCounter, RankedRegister, ReplicaId, RwSet,
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
    fn apply(editor: Self::Editor<'_>, call: &[Value], ids: &Ids) -> Done;
    fn read(&self) -> Value;
    /// What is readable beside the winner, winner first.
    fn listed(&self) -> Option<Value> {
        None
    }
}

/// The operation, its text arguments, and its last argument as a number.
fn parts(call: &[Value]) -> (Vec<&str>, Option<u64>) {
    (call.iter().filter_map(Value::as_str).collect(), call.last().and_then(Value::as_u64))
}

fn done<R>(_: R) -> Done {
    Ok(())
}

impl Subject for GCounter {
    fn apply(editor: Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        match (parts(call), call.len()) {
            ((op, Some(n)), 2) if op == ["add"] => {
                editor.add(n);
                Ok(())
            }
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.value() as u64)
    }
}

impl Subject for PnCounter {
    fn apply(editor: Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        match (parts(call), call.len()) {
            ((op, Some(n)), 2) if op == ["add"] => {
                editor.add(n);
                Ok(())
            }
            ((op, Some(n)), 2) if op == ["sub"] => {
                editor.sub(n);
                Ok(())
            }
            ((op, None), 1) if op == ["reset"] => {
                editor.reset();
                Ok(())
            }
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.value() as i64)
    }
}

impl Subject for BoundedCounter {
    fn apply(editor: Self::Editor<'_>, call: &[Value], ids: &Ids) -> Done {
        match (parts(call).0.as_slice(), parts(call).1, call.len()) {
            (["add"], Some(n), 2) => {
                editor.add(n);
                Ok(())
            }
            (["sub"], Some(n), 2) => editor.sub(n).map_err(|_| Fail::Refused),
            (["transfer", to], Some(n), 3) => {
                let to = ids.get(*to).ok_or(Fail::Unknown)?;
                editor.transfer(*to, n).map_err(|_| Fail::Refused)
            }
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.value() as u64)
    }
}

impl Subject for Max<u64> {
    fn apply(editor: Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        match (parts(call), call.len()) {
            ((op, Some(n)), 2) if op == ["raise"] => done(editor.raise(n)),
            ((op, None), 1) if op == ["reset"] => {
                editor.reset();
                Ok(())
            }
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.get())
    }
}

impl Subject for Min<u64> {
    fn apply(editor: Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        match (parts(call), call.len()) {
            ((op, Some(n)), 2) if op == ["lower"] => done(editor.lower(n)),
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.get())
    }
}

impl Subject for RankedRegister<(u64, String)> {
    fn apply(editor: Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
        match call {
            [op, Value::Number(rank), Value::String(text)] if op == "set" => {
                let rank = rank.as_u64().ok_or(Fail::Unknown)?;
                editor.set((rank, text.clone()));
                Ok(())
            }
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.get())
    }

    fn listed(&self) -> Option<Value> {
        Some(json!(self.siblings().collect::<Vec<_>>()))
    }
}

/// Types whose operations take text alone, and cannot be refused.
macro_rules! texts {
    ($($type:ty, |$editor:ident, $view:ident| { $($call:pat => $do:expr),* }, $read:expr, $siblings:expr;)*) => {$(
        impl Subject for $type {
            fn apply($editor: Self::Editor<'_>, call: &[Value], _: &Ids) -> Done {
                let (texts, _) = parts(call);
                if texts.len() != call.len() {
                    return Err(Fail::Unknown);
                }
                match texts.as_slice() {
                    $($call => done($do),)*
                    _ => Err(Fail::Unknown),
                }
            }

            fn read(&self) -> Value {
                let $view = self;
                json!($read)
            }

            fn listed(&self) -> Option<Value> {
                let $view = self;
                $siblings
            }
        }
    )*};
}

texts! {
    EwFlag, |e, v| { ["enable"] => e.enable(), ["disable"] => e.disable() }, v.is_enabled(), { let _ = v; None };
    DwFlag, |e, v| { ["enable"] => e.enable(), ["disable"] => e.disable() }, v.is_enabled(), { let _ = v; None };
    LwwRegister<String>, |e, v| { ["set", x] => e.set((*x).to_owned()), ["clear"] => e.clear() },
        v.get(), Some(json!(v.siblings().collect::<Vec<_>>()));
    MvRegister<String>, |e, v| { ["set", x] => e.set((*x).to_owned()), ["clear"] => e.clear() },
        sorted(v.values()), Some(json!(sorted(v.siblings().collect())));
    OrSet<String>, |e, v| { ["insert", x] => e.insert((*x).to_owned()), ["remove", x] => e.remove(*x), ["clear"] => e.clear() },
        v.sorted(), { let _ = v; None };
    RwSet<String>, |e, v| { ["insert", x] => e.insert((*x).to_owned()), ["remove", x] => e.remove(*x) },
        v.sorted(), { let _ = v; None };
    GSet<String>, |e, v| { ["insert", x] => e.insert((*x).to_owned()) }, v.sorted(), { let _ = v; None };
    LwwMap<String, String>, |e, v| { ["insert", k, x] => e.insert((*k).to_owned(), (*x).to_owned()), ["remove", k] => e.remove(*k) },
        v.iter().collect::<BTreeMap<_, _>>(), { let _ = v; None };
}

fn sorted(mut values: Vec<&String>) -> Vec<&String> {
    values.sort();
    values
}

impl<V> Subject for OrMap<String, V>
where
    V: Subject + crdt_core::view::Reset,
    Self: Wire + Clone + for<'a> crdt_core::Crdt<Editor<'a> = crdt_core::OrMapEditor<'a, String, V>>,
{
    fn apply(editor: Self::Editor<'_>, call: &[Value], ids: &Ids) -> Done {
        match call {
            [op, Value::String(key)] if op == "remove" => done(editor.remove(key.as_str())),
            [op, Value::String(key), inner @ ..] if op == "entry" => {
                V::apply(editor.entry(key.as_str()), inner, ids)
            }
            _ => Err(Fail::Unknown),
        }
    }

    fn read(&self) -> Value {
        json!(self.iter().map(|(key, value)| (key, value.read())).collect::<BTreeMap<_, _>>())
    }
}
