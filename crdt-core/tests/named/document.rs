//! C1: one document in place of a context for each field.

use std::collections::BTreeMap;

use crdt_core::clock::CausalContext;
use crdt_core::{Crdt, Doc, Dot, LwwRegister, OrMap, OrSet, OrSetEditor, PnCounter, ReplicaId};

use crate::sites::{Site, both_orders, same, settled};

#[derive(Crdt, Debug)]
struct Page {
    title: LwwRegister<String>,
    tags: OrSet<u8>,
    visits: PnCounter,
}

/// C1: a struct as the product of its fields' lattices, with one sequence of dots. The context of every
/// field gets as many runs as it has dots, so that states that are equal cost all that was ever written.
#[test]
fn fields_written_in_turn_leave_one_run() {
    let me = ReplicaId::from_u128(1);
    let mut of_fields = [(); 3].map(|()| CausalContext::default());
    (1..=300).for_each(|seq| assert!(of_fields[seq as usize % 3].insert(Dot::new(me, seq))));
    assert_eq!(of_fields.map(|context| context.runs()), [100; 3], "the wrong contexts");

    let mut site = Site::<Page>::new(1);
    for round in 0..100 {
        let _ = site.edit(|page| page.title.set(format!("draft {round}")));
        let _ = site.edit(|page| page.tags.insert(round));
        let _ = site.edit(|page| page.visits.add(1));
    }
    assert_eq!((site.doc.context().runs(), site.doc.context().len()), (1, 300));
    assert!(Doc::from(site.doc.to_delta()).difference(&site.doc).is_empty());
    assert_eq!((site.doc.tags.len(), site.doc.visits.value()), (100, 100));
    assert_eq!(site.doc.title.get().map(String::as_str), Some("draft 99"));
}

/// C1: a set that owns its context at the root, and must not own one in a map, is two types of one name.
#[test]
fn a_set_is_one_type_at_the_root_and_under_a_key() {
    let fill = |set: OrSetEditor<'_, u8>| set.extend([3, 1, 2]);
    let (mut root, mut map) = (Site::<OrSet<u8>>::new(1), Site::<OrMap<u8, OrSet<u8>>>::new(1));
    let _ = root.edit(fill);
    let _ = map.edit(|map| fill(map.entry(&9)));
    assert_eq!(root.doc.sorted(), [&1, &2, &3]);
    assert_eq!(map.doc.get(&9).unwrap().sorted(), root.doc.sorted());
    assert_eq!(map.doc.context(), root.doc.context());
    assert_eq!(map.doc.fingerprint(), root.doc.fingerprint(), "the dots are the same, and it knows no paths");
}

/// C1: a product of lattices is no store of dots, so a struct cannot be the value of a map.
#[test]
fn a_struct_is_the_value_of_a_map_and_goes_with_its_key() {
    both_orders::<OrMap<u8, Page>>(|mut a, mut b| {
        let written = a.edit(|pages| {
            pages.entry(&1).title.set("home".to_owned());
            pages.entry(&1).tags.insert(7);
            pages.entry(&1).visits.add(2);
        });
        b.hear(&written);
        let removal = b.edit(|pages| pages.remove(&1));
        assert_eq!(removal.dead().len(), 3, "all that was under the key");
        let visit = a.edit(|pages| pages.entry(&1).visits.add(1));
        assert_eq!(visit.entries().len(), 1);
        let both = settled(&[&a, &b]);
        let page = both.get(&1).unwrap();
        assert!(page.title.is_empty() && page.tags.is_empty());
        assert_eq!(page.visits.value(), 1, "the visit that the removal had not seen");
    });
}

/// C1: a removal is a dot and names no path. Without an index at the root each level has to search for
/// it, or to keep an index of its own.
#[test]
fn a_removal_deep_inside_is_one_dot_and_finds_its_place() {
    both_orders::<OrMap<u8, OrMap<u8, Page>>>(|mut a, mut b| {
        let written = a.edit(|sites| {
            (0..20).for_each(|tag| sites.entry(&1).entry(&2).tags.insert(tag));
            sites.entry(&1).entry(&3).tags.insert(5);
            sites.entry(&2).entry(&2).tags.insert(5);
        });
        b.hear(&written);
        let removal = b.edit(|sites| sites.entry(&1).entry(&2).tags.remove(&5));
        assert!(removal.entries().is_empty());
        assert_eq!(removal.dead().iter().map(|(_, seqs)| seqs.len()).collect::<Vec<_>>(), [1]);
        assert!(removal.encode().unwrap().len() <= 24, "an id, a run, and the frame of both");
        a.hear(&removal);
        same(&a.doc, &b.doc, "after the removal");
        let tags = |site: u8, page: u8| a.doc.get(&site).unwrap().get(&page).unwrap().tags.len();
        assert_eq!((tags(1, 2), tags(1, 3), tags(2, 2)), (19, 1, 1));
    });
}

/// C1, B35: a merge that joins the payloads of a dot that both sides hold contradicts the fast path,
/// which reads none. Other libraries panic on the two meanings of one dot, or lose both. It takes two
/// writers of one id to make them, and the merge neither looks nor fails.
#[test]
fn a_dot_with_two_payloads_is_left_as_it_is_on_either_side() {
    let joining = |left: &BTreeMap<Dot, u8>, right: &BTreeMap<Dot, u8>| {
        let mut joined = left.clone();
        right.iter().for_each(|(dot, payload)| {
            joined.entry(*dot).and_modify(|mine| *mine = (*mine).max(*payload)).or_insert(*payload);
        });
        joined
    };
    let dot = Dot::new(ReplicaId::from_u128(1), 1);
    let (left, right) = (BTreeMap::from([(dot, 1)]), BTreeMap::from([(dot, 2)]));
    assert!(left.keys().eq(right.keys()), "the fast path sees no difference");
    assert_ne!(joining(&left, &right), left, "and the wrong merge makes one");

    let (mut here, mut there) = (Site::<OrSet<u8>>::new(1), Site::<OrSet<u8>>::new(1));
    let (one, two) = (here.edit(|set| set.insert(1)), there.edit(|set| set.insert(2)));
    assert!(!here.hear(&two) && !there.hear(&one) && !here.hear_all(&there));
    assert_eq!((here.doc.sorted(), there.doc.sorted()), (vec![&1], vec![&2]));
    assert_eq!(here.doc.fingerprint(), there.doc.fingerprint());
    assert!(here.doc.difference(&there.doc).is_empty());
    // Whoever removes it removes it everywhere, and all is well again.
    let removal = here.edit(|set| set.remove(&1));
    there.hear(&removal);
    assert!(here.doc.is_empty() && there.doc.is_empty());
    same(&here.doc, &there.doc, "after the removal");
}
