//! Two clerks edit one profile at once: different fields merge, the same field has a winner, and the
//! losing value can still be read.
//!
//! `cargo run -p crdt-examples --example profile`

use crdt_core::{Crdt, Doc, LwwMap, OrMap, OrSet, Replica};

/// One customer. Fields merge one by one.
#[derive(Crdt)]
struct Customer {
    contact: LwwMap<String, String>,
    interests: OrSet<String>,
    /// Phone numbers by what they are for.
    phones: OrMap<String, OrSet<String>>,
}

fn main() {
    let (mut tokyo, mut london) = (Replica::random(), Replica::random());
    let (mut in_tokyo, mut in_london) = (Doc::<Customer>::default(), Doc::<Customer>::default());

    // All changes of one update travel, and show, together.
    let start = in_tokyo.update(&mut tokyo, |customer| {
        customer.contact.insert("name".to_owned(), "Aoi".to_owned());
        customer.contact.insert("email".to_owned(), "aoi@example.org".to_owned());
        customer.interests.insert("gardens".to_owned());
    });
    in_london.merge(start);

    // Different fields at the same time: both stay. This is no whole-record overwrite.
    let ours = in_tokyo.update(&mut tokyo, |customer| {
        customer.contact.insert("city".to_owned(), "Osaka".to_owned());
        customer.interests.insert("tea".to_owned());
    });
    let theirs =
        in_london.update(&mut london, |customer| customer.phones.entry("work").insert("555-9999".to_owned()));
    in_tokyo.merge(theirs);
    in_london.merge(ours);
    for customer in [&in_tokyo, &in_london] {
        assert_eq!(customer.contact.get("city").map(String::as_str), Some("Osaka"));
        assert!(customer.phones.get("work").is_some_and(|numbers| numbers.contains("555-9999")));
        assert_eq!(customer.interests.sorted(), ["gardens", "tea"]);
    }
    println!("different fields:  {:?}", in_london.contact.sorted());

    // The same field at the same time: everywhere the same one shows, and nobody has to guess which
    // value it was that lost.
    let set = |email: &'static str| {
        move |customer: CustomerEditor<'_>| customer.contact.insert("email".to_owned(), email.to_owned())
    };
    let ours = in_tokyo.update(&mut tokyo, set("aoi@tokyo.example.org"));
    let theirs = in_london.update(&mut london, set("aoi@london.example.org"));
    in_tokyo.merge(theirs);
    in_london.merge(ours);
    let emails =
        |customer: &Customer| customer.contact.siblings("email").flatten().cloned().collect::<Vec<_>>();
    assert_eq!(emails(&in_tokyo), emails(&in_london));
    assert_eq!(emails(&in_tokyo).len(), 2);
    println!("the same field:    {} shows, {} lost", emails(&in_tokyo)[0], emails(&in_tokyo)[1]);

    // A clerk who sees both settles it: a write supersedes all that it saw.
    let settled = in_london.update(&mut london, set("aoi@example.org"));
    in_tokyo.merge(settled);
    assert_eq!(emails(&in_tokyo), ["aoi@example.org"]);
    assert_eq!(in_tokyo.contact.conflicts().count(), 0);
    assert_eq!(in_tokyo.fingerprint(), in_london.fingerprint());
    println!("settled:           {}", emails(&in_london)[0]);
}
