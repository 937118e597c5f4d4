//! The document of the demo: a shop that is open in every region at once.

use std::collections::{BTreeMap, BTreeSet};

use crdt_core::{Crdt, LwwMap, OrMap, OrSet, PnCounter};
use serde::{Deserialize, Serialize};

/// What every region holds and may write at any time.
#[derive(Crdt)]
pub struct Shop {
    /// Concurrent increments add up.
    pub likes: PnCounter,
    /// The items in each customer's cart. An addition wins over a removal that has not seen it.
    pub carts: OrMap<String, OrSet<String>>,
    /// One customer's profile, merged field by field. Of concurrent values the latest shows, and the
    /// others stay readable until the field is written again.
    pub profile: LwwMap<String, String>,
    /// Numbers of the open orders.
    pub orders: OrSet<u64>,
}

/// Where an entry of the shop belongs, and what it says, for people.
#[must_use]
pub fn place(entry: &ShopEntry) -> String {
    match entry {
        ShopEntry::Likes(_) => "a count of likes".to_owned(),
        ShopEntry::Carts((cart, item)) => format!("{item:?} in the cart of {cart:?}"),
        ShopEntry::Profile((field, written)) => match &written.value {
            Some(value) => format!("{value:?} as {field:?} of the profile"),
            None => format!("the removal of {field:?} from the profile"),
        },
        ShopEntry::Orders(order) => format!("order {order}"),
        _ => "an entry of a field that this program does not know".to_owned(),
    }
}

/// One thing that somebody does in one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Adds likes, or takes some back.
    Count(i64),
    /// Puts an item into a cart.
    Add {
        /// Whose cart.
        cart: String,
        /// Which item.
        item: String,
    },
    /// Takes an item out of a cart.
    Remove {
        /// Whose cart.
        cart: String,
        /// Which item.
        item: String,
    },
    /// Writes a field of the profile.
    Set {
        /// Which field.
        field: String,
        /// Its new value.
        value: String,
    },
    /// Opens an order.
    Open(u64),
    /// Closes an order.
    Close(u64),
}

impl Change {
    /// A change that puts an item into a cart.
    #[must_use]
    pub fn add(cart: &str, item: &str) -> Self {
        Self::Add { cart: cart.to_owned(), item: item.to_owned() }
    }

    /// A change that takes an item out of a cart.
    #[must_use]
    pub fn remove(cart: &str, item: &str) -> Self {
        Self::Remove { cart: cart.to_owned(), item: item.to_owned() }
    }

    /// A change that writes a field of the profile.
    #[must_use]
    pub fn set(field: &str, value: &str) -> Self {
        Self::Set { field: field.to_owned(), value: value.to_owned() }
    }

    /// Does it, as part of an update.
    pub fn apply(&self, shop: &ShopEditor<'_>) {
        match self {
            Self::Count(amount) if *amount < 0 => shop.likes.sub(amount.unsigned_abs()),
            Self::Count(amount) => shop.likes.add(amount.unsigned_abs()),
            Self::Add { cart, item } => shop.carts.entry(cart).insert(item.clone()),
            Self::Remove { cart, item } => {
                shop.carts.entry(cart).remove(item);
            }
            Self::Set { field, value } => shop.profile.insert(field.clone(), value.clone()),
            Self::Open(order) => shop.orders.insert(*order),
            Self::Close(order) => {
                shop.orders.remove(order);
            }
        }
    }
}

/// What a region shows: the document in plain collections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The sum.
    pub likes: i128,
    /// The carts that are not empty.
    pub carts: BTreeMap<String, BTreeSet<String>>,
    /// Of each field the value that shows, then those that lost against it.
    pub profile: BTreeMap<String, Vec<String>>,
    /// The open orders.
    pub orders: BTreeSet<u64>,
}

impl From<&Shop> for View {
    fn from(shop: &Shop) -> Self {
        let cart = |(name, items): (&String, &OrSet<String>)| (name.clone(), items.iter().cloned().collect());
        let field = |name: &String| {
            let values = shop.profile.siblings(name).flatten().cloned();
            (name.clone(), values.collect())
        };
        Self {
            likes: shop.likes.value(),
            carts: shop.carts.iter().map(cart).collect(),
            profile: shop.profile.keys().map(field).collect(),
            orders: shop.orders.iter().copied().collect(),
        }
    }
}

impl View {
    /// The same as sentences, each of which is true or not: what to print, and to compare.
    #[must_use]
    pub fn facts(&self) -> BTreeSet<String> {
        let mut facts: BTreeSet<String> = self.orders.iter().map(|order| format!("order {order}")).collect();
        if self.likes != 0 {
            facts.insert(format!("likes {}", self.likes));
        }
        for (cart, items) in &self.carts {
            facts.extend(items.iter().map(|item| format!("cart {cart}: {item}")));
        }
        for (field, values) in &self.profile {
            let lost = values.iter().skip(1).map(|value| format!("profile {field}, overruled: {value}"));
            facts.extend(lost);
            facts.extend(values.first().map(|value| format!("profile {field}: {value}")));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use crdt_core::{Doc, Replica, ReplicaId};

    use super::*;

    #[test]
    fn a_view_shows_what_the_changes_did() {
        let (mut me, mut shop) = (Replica::new(ReplicaId::from_u128(1)), Doc::<Shop>::default());
        let changes = [
            Change::Count(7),
            Change::Count(-2),
            Change::add("alice", "apple"),
            Change::add("alice", "pear"),
            Change::add("bob", "pen"),
            Change::remove("alice", "apple"),
            Change::remove("bob", "pen"),
            Change::set("email", "alice@example.org"),
            Change::Open(1),
            Change::Open(2),
            Change::Close(1),
        ];
        for change in changes {
            let _ = shop.update(&mut me, |shop| change.apply(&shop));
        }
        let facts = View::from(&*shop).facts();
        let shown: Vec<&str> = facts.iter().map(String::as_str).collect();
        assert_eq!(shown, ["cart alice: pear", "likes 5", "order 2", "profile email: alice@example.org"]);
    }

    #[test]
    fn an_overruled_value_is_a_fact_of_its_own() {
        let (mut a, mut b) = (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)));
        let (mut here, mut there) = (Doc::<Shop>::default(), Doc::<Shop>::default());
        let _ = here.update(&mut a, |shop| Change::set("email", "a").apply(&shop));
        let _ = there.update(&mut b, |shop| Change::set("email", "b").apply(&shop));
        here.merge_from(&there);
        let facts = View::from(&*here).facts();
        assert!(facts.contains("profile email: b") && facts.contains("profile email, overruled: a"));
    }
}
