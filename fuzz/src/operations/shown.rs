//! What a shop shows, place by place.

use std::collections::BTreeMap;

use super::step::{KEYS, VALUES};
use crate::shapes::{Shape, Shop};

/// Where an entry that is no counter's lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An element of the set.
    Tag(u8),
    /// The register.
    Name,
    /// A key of the map of registers.
    Profile(u8),
    /// An element of a set under a key.
    Cart(u8, u8),
    /// A key of the map in a struct under a key.
    Label(u8, bool),
}

/// Where a counter lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// The counter.
    Sold,
    /// The counter under a key.
    Stock(u8),
    /// The growing counter in a struct under a key.
    Visits(u8),
}

/// The values at every place, the winner first; `None` is a removal that is a write.
pub type Cells = BTreeMap<Place, Vec<Option<u8>>>;
/// The values of the counters that show anything.
pub type Counts = BTreeMap<Count, i128>;

/// What an element of a set has for a value.
pub const PRESENT: Option<u8> = Some(0);

/// Reads every place by its key.
pub fn cells(shop: &Shop) -> Cells {
    let mut cells = Cells::new();
    let mut put = |place, values: Vec<Option<u8>>| {
        if !values.is_empty() {
            cells.insert(place, values);
        }
    };
    let present = |present: bool| if present { vec![PRESENT] } else { Vec::new() };
    put(Place::Name, shop.name.siblings().copied().map(Some).collect());
    for value in 0..VALUES {
        put(Place::Tag(value), present(shop.tags.contains(&value)));
    }
    for key in 0..KEYS {
        put(Place::Profile(key), shop.profile.siblings(&key).map(Option::<&u8>::copied).collect());
        for value in 0..VALUES {
            let cart = shop.carts.get(&key);
            put(Place::Cart(key, value), present(cart.is_some_and(|cart| cart.contains(&value))));
        }
        for side in [false, true] {
            let label = shop.shelves.get(&key).and_then(|shelf| shelf.labels.get(&side));
            let values = label.into_iter().flat_map(|label| label.siblings());
            put(Place::Label(key, side), values.copied().map(Some).collect());
        }
    }
    cells
}

/// Reads every counter that shows anything.
pub fn counts(shop: &Shop) -> Counts {
    let mut counts = Counts::new();
    let mut put = |place, empty: bool, value| {
        if !empty {
            counts.insert(place, value);
        }
    };
    put(Count::Sold, shop.sold.is_empty(), shop.sold.value());
    for key in 0..KEYS {
        if let Some(stock) = shop.stock.get(&key) {
            put(Count::Stock(key), stock.is_empty(), stock.value());
        }
        if let Some(shelf) = shop.shelves.get(&key) {
            let visits = i128::try_from(shelf.visits.value()).expect("visits are few");
            put(Count::Visits(key), shelf.visits.is_empty(), visits);
        }
    }
    counts
}

/// The ways to read one thing agree, and the maps have just the keys under which anything shows.
pub fn check_lengths(shop: &Shop, cells: &Cells, counts: &Counts) {
    let _ = shop.reading();
    let keys = |of: &dyn Fn(u8) -> bool| (0..KEYS).filter(|key| of(*key)).count();
    let cell = |of: fn(u8, &Place) -> bool| keys(&|key| cells.keys().any(|place| of(key, place)));
    assert_eq!(shop.tags.len(), cells.keys().filter(|place| matches!(place, Place::Tag(_))).count());
    assert_eq!(shop.carts.len(), cell(|key, place| matches!(place, Place::Cart(at, _) if *at == key)));
    assert_eq!(shop.stock.len(), keys(&|key| counts.contains_key(&Count::Stock(key))));
    let labelled = |key: u8| cells.keys().any(|place| matches!(place, Place::Label(at, _) if *at == key));
    let shelves = keys(&|key| labelled(key) || counts.contains_key(&Count::Visits(key)));
    assert_eq!(shop.shelves.len(), shelves);
    let values =
        cells.iter().filter(|(place, values)| matches!(place, Place::Profile(_)) && values[0].is_some());
    assert_eq!(shop.profile.len(), values.count());
}
