//! One shopper, two devices, one cart: nothing added is lost, nothing removed comes back.
//!
//! `cargo run -p crdt-examples --example cart`

use crdt_core::{Doc, OrSet, Replica};

type Cart = OrSet<String>;

fn main() {
    // A device writes under an id of its own; the cart itself is plain data.
    let (mut phone, mut laptop) = (Replica::random(), Replica::random());
    let (mut on_phone, mut on_laptop) = (Doc::<Cart>::default(), Doc::<Cart>::default());

    // Both add while they are apart. An update returns what changed, to be sent.
    let book = on_phone.update(&mut phone, |cart| cart.insert("book".to_owned()));
    let pen = on_laptop.update(&mut laptop, |cart| cart.insert("pen".to_owned()));
    assert!(on_phone.merge(pen.clone()));
    assert!(on_laptop.merge(book.clone()));
    assert_eq!(on_phone.sorted(), ["book", "pen"]);
    println!("both added:                  {:?}", on_laptop.sorted());

    // The network may repeat itself.
    assert!(!on_phone.merge(pen));
    assert!(!on_laptop.merge(book));

    // The phone removes the book while the laptop adds it again: the addition wins, since the removal
    // takes only what the phone had seen.
    let removal = on_phone.update(&mut phone, |cart| cart.remove("book"));
    let addition = on_laptop.update(&mut laptop, |cart| cart.insert("book".to_owned()));
    on_phone.merge(addition);
    on_laptop.merge(removal);
    assert!(on_phone.contains("book") && on_laptop.contains("book"));
    println!("removed and added at once:   {:?}", on_phone.sorted());

    // A removal that has seen all is final, also for a device that was away and sends its whole cart.
    let old_cart = on_laptop.clone();
    let removal = on_phone.update(&mut phone, |cart| cart.remove("pen"));
    on_laptop.merge(removal);
    on_phone.merge_from(&old_cart);
    assert_eq!(on_phone.sorted(), ["book"]);
    println!("an old copy turns up:        {:?}", on_phone.sorted());

    // Remove, and add again later: it is in, as often as one likes.
    for _ in 0..3 {
        let removal = on_phone.update(&mut phone, |cart| cart.remove("book"));
        on_laptop.merge(removal);
        let addition = on_laptop.update(&mut laptop, |cart| cart.insert("book".to_owned()));
        on_phone.merge(addition);
    }
    assert_eq!(on_phone.sorted(), on_laptop.sorted());
    // One entry for one book: removals leave no tombstones.
    assert_eq!(on_phone.live_len(), 1);
    assert_eq!(on_phone.fingerprint(), on_laptop.fingerprint());
    println!("after three rounds more:     {:?}, in {} entry", on_phone.sorted(), on_phone.live_len());
}
