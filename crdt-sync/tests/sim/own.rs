//! The simulator with a struct of one's own.

#![allow(unreachable_pub, reason = "the derive's items follow the visibility of the struct")]

use crdt_core::{Crdt, LwwMap, OrMap, OrSet, PnCounter};
use crdt_sync::sim::{Plan, SimConfig, SimRng, explore};
use rand::RngExt;

#[derive(Crdt)]
pub(crate) struct Shop {
    sold: PnCounter,
    carts: OrMap<u8, OrSet<u8>>,
    profile: LwwMap<u8, u64>,
}

fn write(shop: ShopEditor<'_>, rng: &mut SimRng) {
    let (cart, item) = (rng.random_range(0..3u8), rng.random_range(0..5u8));
    match rng.random_range(0..5u8) {
        0 => shop.sold.add(1),
        1 => {
            shop.carts.remove(&cart);
        }
        2 => shop.profile.insert(cart, rng.random()),
        _ => shop.carts.entry(&cart).insert(item),
    }
}

/// Sales only grow, carts hold what is for sale, and an empty cart is no cart.
fn plausible(shop: &Shop) -> Result<(), String> {
    if shop.sold.value() < 0 {
        return Err(format!("{} sold", shop.sold.value()));
    }
    let carts = shop.carts.iter();
    match carts.map(|(_, items)| items).find(|items| items.is_empty() || items.iter().any(|item| *item >= 5))
    {
        Some(items) => Err(format!("a cart of {items:?}")),
        None => Ok(()),
    }
}

#[test]
fn a_struct_of_ones_own_converges_in_hostile_networks() {
    let mut config = SimConfig::hostile(3);
    (config.engine.max_update_bytes, config.engine.log_bytes) = (1024, 1024);
    let report = explore::<Shop>(&config, &Plan::default(), 0..100, write, plausible);
    let report = report.unwrap_or_else(|failure| unreachable!("{failure}"));
    assert_eq!(report.runs, 100);
    assert!(report.writes > 1_500 && report.walks > 20 && report.duplicates > 500, "{report:?}");
}

/// An invariant that does not hold is reported with the seed that shows it.
#[test]
fn a_broken_invariant_is_reported_with_its_seed() {
    let never_sold = |shop: &Shop| if shop.sold.value() == 0 { Ok(()) } else { Err("sold".to_owned()) };
    let run = || explore::<Shop>(&SimConfig::quic(3), &Plan::default(), 5..6, write, never_sold);
    let failure = run().expect_err("something is sold");
    assert_eq!(failure.seed, 5);
    assert!(failure.to_string().starts_with("seed 5: at "), "{failure}");
    assert_eq!(run(), Err(failure), "and the seed shows it again");
}
