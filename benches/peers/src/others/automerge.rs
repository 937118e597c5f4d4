//! The crate `automerge`: the root map of a document, with one change a write, or one for many.
//!
//! Its nested maps are made by whoever writes first: of two that are made at the same time for one
//! key, only one shows. So it has no map of sets.

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, Change, ROOT, ReadDoc, ScalarValue, Value};

use crate::contender::Contender;
use crate::items::{Contents, Item, id};

/// A map of strings, or of `true` for the elements of a set.
pub struct AutomergeMap<const VALUED: bool>(Automerge);

impl<const VALUED: bool> AutomergeMap<VALUED> {
    fn write(&mut self, items: impl IntoIterator<Item = Item>) {
        let mut transaction = self.0.transaction();
        for item in items {
            let value = if VALUED { ScalarValue::from(item.value) } else { ScalarValue::Boolean(true) };
            transaction.put(ROOT, item.key, value).expect("the root is a map");
        }
        transaction.commit();
    }
}

fn actor(replica: u32) -> ActorId {
    ActorId::from(&id(replica).to_be_bytes()[..])
}

impl<const VALUED: bool> Contender for AutomergeMap<VALUED> {
    type Delta = Change;

    /// To join one change takes as long as the document is large.
    const WRITES: usize = 50;
    const REPETITIONS: usize = 1;

    fn new(replica: u32) -> Self {
        Self(Automerge::new().with_actor(actor(replica)))
    }

    fn fork(&self, replica: u32) -> Self {
        Self(self.0.fork().with_actor(actor(replica)))
    }

    fn put(&mut self, item: Item) -> Change {
        self.write([item]);
        self.0.get_last_local_change().expect("it has just been made")
    }

    fn fill(&mut self, items: Vec<Item>) {
        self.write(items);
    }

    fn remove(&mut self, keys: &[String]) {
        let mut transaction = self.0.transaction();
        for key in keys {
            transaction.delete(ROOT, key.as_str()).expect("the key is in");
        }
        transaction.commit();
    }

    fn has(&self, key: &String) -> bool {
        self.0.get(ROOT, key.as_str()).expect("the root is a map").is_some()
    }

    fn merge(&mut self, other: &Self) {
        let changes = self.0.get_changes_added(&other.0);
        self.0.apply_changes(changes).expect("the changes are its own");
    }

    fn merge_delta(&mut self, delta: Change) {
        self.0.apply_changes([delta]).expect("the change is its own");
    }

    fn encode(&self) -> Vec<u8> {
        self.0.save()
    }

    fn decode(bytes: &[u8], replica: u32) -> Self {
        Self(Automerge::load(bytes).expect("the bytes are its own").with_actor(actor(replica)))
    }

    fn encode_delta(delta: Change) -> Vec<u8> {
        delta.raw_bytes().to_vec()
    }

    fn decode_delta(bytes: &[u8]) -> Change {
        Change::from_bytes(bytes.to_vec()).expect("the bytes are its own")
    }

    fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for key in self.0.keys(ROOT) {
            let held = self.0.get(ROOT, key.as_str()).expect("the root is a map");
            let value = match held {
                Some((Value::Scalar(scalar), _)) => scalar.as_str().unwrap_or_default().to_owned(),
                _ => String::new(),
            };
            contents.insert((key, value));
        }
        contents
    }
}
