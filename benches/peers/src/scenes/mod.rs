//! The work: every row measured, for one contender, and what it ends with compared with what it
//! should.

mod sizes;
mod times;

use std::fmt;

pub use sizes::sizes;
pub use times::times;

use crate::contender::Contender;
use crate::items::{Items, Shape};
use crate::rows::Row;

/// How much work.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Keys of a state.
    pub keys: usize,
    /// Keys of the small and the large state, between which a one-element merge grows.
    pub growth: (usize, usize),
    /// Keys that come and go while a thousand stay.
    pub churn: usize,
}

/// The numbers of one contender in one repetition.
pub type Sheet = Vec<(Row, f64)>;

/// A contender ended with something else than what was written.
#[derive(Debug)]
pub struct Wrong {
    /// During which row.
    row: Row,
    found: usize,
    expected: usize,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, found, expected } = self;
        write!(f, "{}: the contents are wrong ({found} found, {expected} expected)", row.name())
    }
}

/// A state with these elements; the copies of the keys are made here, too.
fn filled<C: Contender>(replica: u32, items: &Items) -> C {
    let mut state = C::new(replica);
    state.fill(items.take());
    state
}

fn check<C: Contender>(row: Row, state: &C, parts: &[&Items]) -> Result<(), Wrong> {
    let (found, expected) = (state.contents(), Items::contents(parts));
    if found == expected {
        return Ok(());
    }
    Err(Wrong { row, found: found.len(), expected: expected.len() })
}

/// The keys of a state, and as many again that it does not have.
fn items(scale: Scale, shape: Shape) -> (Items, Items) {
    (Items::numbered(0, scale.keys, shape), Items::numbered(scale.keys, scale.keys, shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{self, Column};
    use crate::floor::FloorSet;
    use crate::items::Item;

    const SMALL: Scale = Scale { keys: 1_000, growth: (100, 1_000), churn: 2_000 };

    fn measures_every_row(columns: &[Column], shape: Shape) {
        for column in columns {
            let mut sheet = (column.sizes)(SMALL, shape).unwrap();
            sheet.extend((column.times)(SMALL, shape).unwrap());
            for row in Row::ALL {
                let samples: Vec<_> = sheet.iter().filter(|(at, _)| *at == row).collect();
                assert_eq!(samples.len(), 1, "{}, {row:?}", column.name);
            }
        }
    }

    #[test]
    fn every_contender_does_all_of_the_work_on_sets() {
        measures_every_row(&columns::sets(), Shape::Set);
    }

    #[test]
    fn every_contender_does_all_of_the_work_on_maps() {
        measures_every_row(&columns::maps(), Shape::Map);
    }

    #[test]
    fn every_contender_does_all_of_the_work_on_maps_of_sets() {
        measures_every_row(&columns::carts(), Shape::Carts);
    }

    #[test]
    fn a_contender_that_loses_an_element_is_found_out() {
        let items = Items::numbered(0, 10, Shape::Set);
        let mut state = filled::<FloorSet>(1, &items);
        assert!(check(Row::Insert, &state, &[&items]).is_ok());
        state.put(Item { key: "user:000010".to_owned(), value: String::new() });
        assert!(check(Row::Insert, &state, &[&items]).is_err());
        assert!(check(Row::Insert, &FloorSet::new(1), &[&items]).is_err());
    }
}
