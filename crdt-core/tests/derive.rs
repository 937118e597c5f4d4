//! Structs of replicated fields, and builds that know different fields.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::hash::Hash;

use crdt_core::clock::Stamp;
use crdt_core::codec::Limits;
use crdt_core::{
    Crdt, Delta, Doc, GCounter, LwwMap, LwwRegister, MvRegister, OrMap, OrSet, PnCounter, Replica, ReplicaId,
};

#[derive(Crdt, Debug)]
struct Shop {
    sold: PnCounter,
    carts: OrMap<String, OrSet<String>>,
    profile: LwwMap<String, String>,
}

#[derive(Crdt, Debug)]
struct User {
    #[crdt(tag = 2)]
    name: LwwRegister<String>,
    #[crdt(tag = 1)]
    tags: OrSet<String>,
    address: Address,
}

#[derive(Crdt, Debug)]
struct Address {
    city: LwwRegister<String>,
    r#type: LwwRegister<u8>,
}

/// The same struct as an older build knows it.
#[derive(Crdt, Debug)]
struct OldUser {
    #[crdt(tag = 1)]
    tags: OrSet<String>,
}

#[derive(Crdt, Debug)]
struct Shelf<V>
where
    V: Crdt,
{
    items: OrMap<String, V>,
    count: PnCounter,
}

fn replicas() -> (Replica, Replica) {
    (Replica::new(ReplicaId::from_u128(1)), Replica::new(ReplicaId::from_u128(2)))
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn an_update_of_several_fields_is_one_delta() {
    let (mut me, _) = replicas();
    let (mut here, mut there) = (Doc::<Shop>::default(), Doc::<Shop>::default());
    let delta = here.update(&mut me, |shop| {
        shop.sold.add(3);
        shop.carts.entry("alice").insert(text("apple"));
        shop.profile.insert(text("name"), text("corner"));
    });
    assert_eq!(delta.entries().len(), 3);
    there.merge(delta);
    assert_eq!(there.sold.value(), 3);
    assert!(there.carts.get("alice").unwrap().contains("apple"));
    assert_eq!(there.profile.get("name"), Some(&text("corner")));
}

#[test]
fn fields_merge_one_by_one() {
    let (mut a, mut b) = replicas();
    let (mut here, mut there) = (Doc::<User>::default(), Doc::<User>::default());
    let ours = here.update(&mut a, |user| {
        user.name.set(text("ann"));
        user.address.city.set(text("Tokyo"));
    });
    let theirs = there.update(&mut b, |user| {
        user.tags.insert(text("vip"));
        user.address.r#type.set(7);
        user.address.city.set(text("London"));
    });
    here.merge(theirs);
    there.merge(ours);
    for user in [&here, &there] {
        assert_eq!(user.name.get(), Some(&text("ann")));
        assert!(user.tags.contains("vip"));
        assert_eq!(user.address.city.get(), Some(&text("London")), "the larger id wins the tie");
        assert_eq!(user.address.city.siblings().count(), 2);
        assert_eq!(user.address.r#type.get(), Some(&7));
    }
    assert_eq!(here, there);
}

#[test]
fn an_error_leaves_every_field_as_it_was() {
    let (mut me, _) = replicas();
    let mut shop = Doc::<Shop>::default();
    let _ = shop.update(&mut me, |shop| shop.sold.add(1));
    let refused = shop.try_update(&mut me, |shop| {
        shop.sold.add(5);
        shop.carts.entry("alice").insert(text("apple"));
        shop.carts.entry("alice").remove("apple");
        Err::<(), _>("closed")
    });
    assert_eq!(refused.unwrap_err(), "closed");
    assert_eq!((shop.sold.value(), shop.carts.len()), (1, 0));
}

#[test]
fn structs_are_values_of_maps_and_vanish_when_removed() {
    let (mut a, mut b) = replicas();
    type Users = OrMap<String, User>;
    let (mut here, mut there) = (Doc::<Users>::default(), Doc::<Users>::default());
    there.merge(here.update(&mut a, |users| {
        let ann = users.entry("ann");
        ann.name.set(text("Ann"));
        ann.address.city.set(text("Tokyo"));
        users.entry("bob").name.set(text("Bob"));
    }));
    let removal = here.update(&mut a, |users| {
        users.remove("ann");
        users.remove("bob");
    });
    assert!(here.is_empty());
    let edit = there.update(&mut b, |users| users.entry("ann").tags.insert(text("vip")));
    here.merge(edit);
    there.merge(removal);
    assert_eq!(here, there);
    let ann = here.get("ann").expect("the edit that the removal had not seen");
    assert!(ann.tags.contains("vip") && ann.name.is_empty() && ann.address.city.is_empty());
    assert!(!here.contains_key("bob"));
}

#[test]
fn a_generic_struct_nests_what_it_is_given() {
    let (mut me, _) = replicas();
    let mut shelf = Doc::<Shelf<Shelf<OrSet<u8>>>>::default();
    let _ = shelf.update(&mut me, |shelf| {
        shelf.count.add(1);
        shelf.items.entry("top").items.entry("left").insert(5);
    });
    let back = Doc::<Shelf<Shelf<OrSet<u8>>>>::decode(&shelf.encode().unwrap(), &Limits::default()).unwrap();
    assert!(back.items.get("top").unwrap().items.get("left").unwrap().contains(&5));
    assert_eq!(back.count.value(), 1);
}

type New = OrMap<String, User>;
type Old = OrMap<String, OldUser>;

/// Through bytes, as between two builds.
fn pass<A: crdt_core::codec::Wire, B: crdt_core::codec::Wire>(delta: &Delta<A>) -> Delta<B> {
    Delta::decode(&delta.encode().unwrap(), &Limits::default()).unwrap()
}

#[test]
fn an_older_build_keeps_and_passes_on_what_it_does_not_know() {
    let (mut me, _) = replicas();
    let mut new = Doc::<New>::default();
    let delta = new.update(&mut me, |users| {
        users.entry("ann").name.set(text("Ann"));
        users.entry("ann").address.city.set(text("Tokyo"));
        users.entry("bob").tags.insert(text("vip"));
    });
    let mut old = Doc::<Old>::default();
    old.merge(pass(&delta));
    assert_eq!(old.fingerprint(), new.fingerprint());
    assert_eq!(old.encode().unwrap(), new.encode().unwrap(), "byte by byte");
    assert!(old.contains_key("ann"), "there is something under the key");
    assert_eq!(old.len(), 2);

    let upgraded = Doc::<New>::decode(&old.encode().unwrap(), &Limits::default()).unwrap();
    assert_eq!(upgraded.get("ann").unwrap().address.city.get(), Some(&text("Tokyo")));
    assert_eq!(upgraded.get("ann").unwrap().name.get(), Some(&text("Ann")));
}

#[test]
fn an_older_build_removes_what_it_saw_of_unknown_fields_and_no_more() {
    let (mut a, mut b) = replicas();
    let mut new = Doc::<New>::default();
    let first = new.update(&mut a, |users| {
        users.entry("ann").name.set(text("Ann"));
        users.entry("ann").address.city.set(text("Tokyo"));
    });
    let mut old = Doc::<Old>::default();
    old.merge(pass(&first));
    let removal = old.update(&mut b, |users| assert!(users.remove("ann")));
    assert!(!old.contains_key("ann"));
    assert_eq!(removal.dead().len(), 2);

    let later = new.update(&mut a, |users| users.entry("ann").name.set(text("Anna")));
    new.merge(pass(&removal));
    old.merge(pass(&later));
    assert_eq!(new.get("ann").unwrap().name.get(), Some(&text("Anna")));
    assert!(new.get("ann").unwrap().address.city.is_empty());
    assert!(old.contains_key("ann"));
    assert_eq!(old.fingerprint(), new.fingerprint());
    let _ = old.update(&mut b, |users| users.remove("ann"));
    assert!(old.is_empty());
}

/// It cannot know that a run of increments is one: what it does not know goes whole or not at all.
#[test]
fn a_counter_that_an_older_build_removes_while_it_is_counted_on_keeps_all_that_it_counted() {
    #[derive(Crdt)]
    struct Player {
        tags: OrSet<String>,
        score: PnCounter,
    }
    let (mut a, mut b) = replicas();
    let mut new = Doc::<OrMap<String, Player>>::default();
    let mut old = Doc::<Old>::default();
    old.merge(pass(&new.update(&mut a, |players| {
        players.entry("ann").score.add(5);
        players.entry("bob").score.add(5);
    })));
    let removal = old.update(&mut b, |players| players.clear());
    assert!(old.is_empty());
    let later = new.update(&mut a, |players| players.entry("ann").score.add(1));
    new.merge(pass(&removal));
    old.merge(pass(&later));
    assert_eq!(new.get("ann").map(|player| player.score.value()), Some(6));
    assert!(!new.contains_key("bob"));
    assert_eq!(old.fingerprint(), new.fingerprint());
}

#[test]
fn documents_of_an_older_build_merge_with_what_it_does_not_know() {
    let (mut a, mut b) = replicas();
    let mut new = Doc::<New>::default();
    let first = new.update(&mut a, |users| {
        users.entry("ann").name.set(text("Ann"));
        users.entry("ann").address.city.set(text("Tokyo"));
        users.entry("bob").tags.insert(text("vip"));
    });
    let (mut here, mut there) = (Doc::<Old>::default(), Doc::<Old>::default());
    there.merge(pass(&first));
    // One that has met the replicas in another order.
    new.merge(pass(&here.update(&mut b, |users| users.entry("bob").tags.insert(text("old")))));
    assert!(here.merge_from(&there));
    assert_eq!(here.encode().unwrap(), new.encode().unwrap());
    assert!(here.get("bob").is_some_and(|bob| bob.tags.contains("vip") && bob.tags.contains("old")));
    assert!(!here.merge_from(&there), "it has all of it");
}

#[test]
fn unknown_fields_at_the_root_are_kept_too() {
    let (mut me, mut other) = replicas();
    let mut new = Doc::<User>::default();
    let delta = new.update(&mut me, |user| {
        user.name.set(text("Ann"));
        user.tags.insert(text("vip"));
    });
    let mut old = Doc::<OldUser>::default();
    old.merge(pass(&delta));
    assert!(old.tags.contains("vip"));
    let _ = old.update(&mut other, |user| user.tags.insert(text("new")));
    new.merge(pass(&old.to_delta()));
    assert_eq!(new.name.get(), Some(&text("Ann")));
    assert!(new.tags.contains("new"));
    assert_eq!(new.fingerprint(), old.fingerprint());
    // The newer build changes the field that the older one cannot read.
    old.merge(pass(&new.update(&mut me, |user| user.name.set(text("Anna")))));
    assert_eq!(old.encode().unwrap(), new.encode().unwrap());
}

#[test]
fn a_known_field_with_bytes_left_over_is_refused() {
    let (mut me, _) = replicas();
    let delta = Doc::<OldUser>::default().update(&mut me, |user| user.tags.insert(text("x")));
    let mut bytes = delta.encode().unwrap();
    let value = bytes.split_off(bytes.len() - 4); // tag, length, string of one letter
    assert_eq!(value[..2], [1, 2]);
    bytes.extend([1, 3, value[2], value[3], 0]);
    assert!(Delta::<OldUser>::decode(&bytes, &Limits::default()).is_err());
}

/// What a build from before cities and names has.
#[derive(Crdt, Debug)]
struct OldPerson {
    #[crdt(tag = 3)]
    address: OldAddress,
}

#[derive(Crdt, Debug)]
struct OldAddress {
    #[crdt(tag = 2)]
    kind: LwwRegister<u8>,
}

#[test]
fn what_an_older_build_does_not_know_deep_inside_is_kept_and_removed_with_its_key() {
    let (mut a, mut b) = replicas();
    let mut new = Doc::<OrMap<String, OrMap<String, User>>>::default();
    let mut old = Doc::<OrMap<String, OrMap<String, OldPerson>>>::default();
    let first = new.update(&mut a, |teams| {
        teams.entry("red").entry("ann").address.city.set(text("Tokyo"));
        teams.entry("red").entry("bob").address.r#type.set(7);
        teams.entry("red").entry("bob").name.set(text("Bob"));
        teams.entry("blue").entry("cid").address.city.set(text("Oslo"));
    });
    old.merge(pass(&first));
    assert_eq!(old.get("red").unwrap().get("bob").unwrap().address.kind.get(), Some(&7));
    assert_eq!(old.to_delta().encode().unwrap(), new.to_delta().encode().unwrap());
    for bytes in [old.encode().unwrap(), new.encode().unwrap()] {
        assert!(old == Doc::decode(&bytes, &Limits::default()).unwrap());
        assert!(new == Doc::decode(&bytes, &Limits::default()).unwrap());
    }

    let removal = old.update(&mut b, |teams| teams.remove("red"));
    assert_eq!(removal.dead().len(), 3, "a city of a known field, a number, a name");
    assert_eq!(old.keys().collect::<Vec<_>>(), ["blue"]);
    let later = new.update(&mut a, |teams| {
        teams.entry("red").entry("ann").address.city.set(text("Kyoto"));
    });
    new.merge(pass(&removal));
    old.merge(pass(&later));
    assert_eq!(new.get("red").unwrap().get("ann").unwrap().address.city.get(), Some(&text("Kyoto")));
    assert!(!new.get("red").unwrap().contains_key("bob"));
    assert_eq!((new.live_len(), old.live_len()), (2, 2));
    assert_eq!(old.fingerprint(), new.fingerprint());
    assert_eq!(old.encode().unwrap(), new.encode().unwrap());
}

/// No serde, so no bytes; two names that differ in an underscore; parameters of all kinds.
#[derive(Crdt, Debug)]
struct Form<K: Hash + Eq + Clone, V, const LINES: usize = 2>
where
    V: Crdt,
{
    line_1: LwwRegister<[Plain; LINES]>,
    line1: LwwRegister<Plain>,
    keys: OrSet<K>,
    value: V,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Plain(u8);

#[derive(Crdt, Debug)]
struct Desk {
    forms: OrMap<u8, Form<&'static str, PnCounter>>,
    top: LwwRegister<Plain>,
}

#[test]
fn values_without_bytes_are_replicated_all_the_same() {
    let (mut me, _) = replicas();
    let (mut here, mut there) = (Doc::<Desk>::default(), Doc::<Desk>::default());
    there.merge(here.update(&mut me, |desk| {
        let form = desk.forms.entry(&1);
        form.line_1.set([Plain(1), Plain(2)]);
        form.line1.set(Plain(3));
        form.keys.insert("k");
        form.value.add(4);
        desk.top.set(Plain(5));
    }));
    let form = there.forms.get(&1).unwrap();
    assert_eq!(form.line_1.get(), Some(&[Plain(1), Plain(2)]));
    assert_eq!((form.line1.get(), there.top.get()), (Some(&Plain(3)), Some(&Plain(5))));
    assert!(form.keys.contains("k"));
    assert_eq!(form.value.value(), 4);
}

mod facade {
    pub(crate) use crdt_core as data;
}

#[test]
fn the_crate_may_have_another_name() {
    #[derive(facade::data::Crdt)]
    #[crdt(crate = crate::facade::data)]
    struct Renamed {
        value: LwwRegister<u8>,
    }

    let (mut me, _) = replicas();
    let mut here = Doc::<Renamed>::default();
    let delta = here.update(&mut me, |renamed| renamed.value.set(9));
    assert_eq!(pass::<_, Renamed>(&delta), delta);
    assert_eq!(here.value.get(), Some(&9));
}

/// A field of every kind, one of them a struct.
#[derive(Crdt, Debug)]
struct Member {
    visits: GCounter,
    points: PnCounter,
    name: LwwRegister<u8>,
    tags: OrSet<u8>,
    settings: LwwMap<u8, u8>,
    carts: OrMap<u8, OrSet<u8>>,
    address: Address,
}

fn write_every_field(member: &<Member as Crdt>::Editor<'_>, value: u8) {
    member.visits.add(value.into());
    member.points.sub(value.into());
    member.name.set(value);
    member.tags.insert(value);
    member.settings.insert(value, value);
    member.carts.entry(&value).insert(value);
    member.address.r#type.set(value);
}

#[test]
fn removing_a_struct_resets_every_field_and_leaves_what_it_did_not_see() {
    let (mut a, mut b) = replicas();
    let (mut here, mut there) = (Doc::<OrMap<u8, Member>>::default(), Doc::<OrMap<u8, Member>>::default());
    there.merge(here.update(&mut a, |members| write_every_field(&members.entry(&1), 1)));
    let later = here.update(&mut a, |members| write_every_field(&members.entry(&1), 2));
    let removal = there.update(&mut b, |members| {
        assert!(members.remove(&1) && !members.contains_key(&1));
    });
    assert!(there.is_empty());
    assert_eq!(removal.dead().len(), 7, "an entry of each field");
    assert_eq!(removal.entries().len(), 2, "what is taken from each counter");
    here.merge(removal);
    there.merge(later);
    assert_eq!(here, there);
    let member = here.get(&1).unwrap();
    assert_eq!((member.visits.value(), member.points.value(), member.name.get()), (2, -2, Some(&2)));
    assert_eq!((member.tags.sorted(), member.settings.sorted()), (vec![&2], vec![(&2, &2)]));
    assert_eq!(member.carts.keys().collect::<Vec<_>>(), [&2]);
    assert_eq!(member.address.r#type.siblings().collect::<Vec<_>>(), [&2]);
}

#[test]
fn the_stamps_of_fields_are_those_of_the_struct() {
    let (mut me, mut other) = replicas();
    me.observe(Stamp::from_bits(1_000));
    let mut here = Doc::<OrMap<u8, Member>>::default();
    let delta = here.update(&mut me, |members| write_every_field(&members.entry(&1), 1));
    assert_eq!(delta.stamps().collect::<Vec<_>>(), [1_001, 1_002, 1_003].map(Stamp::from_bits));
    delta.stamps().for_each(|stamp| other.observe(stamp));
    let next = here.update(&mut other, |members| members.entry(&2).address.r#type.set(1));
    assert_eq!(next.stamps().collect::<Vec<_>>(), [Stamp::from_bits(1_004)]);
}

/// A walk sends the entries of one path together, and asks the struct which these are.
#[test]
fn concurrent_writes_of_one_field_travel_together_and_those_of_others_do_not() {
    let (mut a, mut b) = replicas();
    let (mut here, mut there) = (Doc::<OrMap<u8, Member>>::default(), Doc::<OrMap<u8, Member>>::default());
    let _ = here.update(&mut a, |members| write_every_field(&members.entry(&1), 1));
    let theirs = there.update(&mut b, |members| write_every_field(&members.entry(&1), 1));
    here.merge(theirs);
    let mut walk = here.walk(&Doc::<OrMap<u8, Member>>::default().context(), 0);
    let chunks = core::iter::from_fn(|| walk.next_chunk(&here, 1, usize::MAX, |_| 0));
    let together: Vec<_> = chunks.map(|chunk| chunk.entries().len()).collect();
    assert_eq!(together, [2; 7], "each field of both");
}

#[test]
fn an_older_build_clears_what_it_saw_of_unknown_fields() {
    let (mut a, mut b) = replicas();
    let (mut new, mut old) = (Doc::<OrMap<u8, New>>::default(), Doc::<OrMap<u8, Old>>::default());
    let first = new.update(&mut a, |teams| {
        teams.entry(&1).entry("ann").name.set(text("Ann"));
        teams.entry(&1).entry("bob").address.city.set(text("Tokyo"));
    });
    old.merge(pass(&first));
    let cleared = old.update(&mut b, |teams| teams.entry(&1).clear());
    assert_eq!((cleared.entries().len(), cleared.dead().len()), (0, 2));
    assert!(old.is_empty() && old.live_len() == 0);
    let later = new.update(&mut a, |teams| teams.entry(&1).entry("ann").name.set(text("Anna")));
    new.merge(pass(&cleared));
    old.merge(pass(&later));
    assert_eq!(new.get(&1).unwrap().keys().collect::<Vec<_>>(), ["ann"]);
    assert_eq!((old.len(), old.fingerprint()), (1, new.fingerprint()));
}

#[derive(Crdt, Debug)]
struct Pair<V: Crdt>(pub OrSet<u8>, #[crdt(tag = 9)] V);

#[test]
fn tuple_structs_nest_and_travel_like_named_ones() {
    let (mut a, mut b) = replicas();
    type Pairs = OrMap<u8, Pair<PnCounter>>;
    let (mut here, mut there) = (Doc::<Pairs>::default(), Doc::<Pairs>::default());
    there.merge(here.update(&mut a, |pairs| pairs.entry(&1).0.insert(7)));
    let removal = here.update(&mut a, |pairs| pairs.remove(&1));
    let write = there.update(&mut b, |pairs| pairs.entry(&1).1.add(5));
    for (doc, delta) in [(&mut here, write), (&mut there, removal)] {
        let bytes = delta.encode().unwrap();
        doc.merge(Delta::decode(&bytes, &Limits::default()).unwrap());
        let pair = doc.get(&1).unwrap();
        assert_eq!((pair.0.len(), pair.1.value()), (0, 5));
    }
    assert_eq!(here, there);
}

/// The tag of a field is what counts in bytes, not its name or whether it has one.
#[test]
fn a_tuple_struct_reads_what_a_named_one_with_the_same_tags_wrote() {
    #[derive(Crdt)]
    struct Named {
        #[crdt(tag = 9)]
        renamed: PnCounter,
        #[crdt(tag = 1)]
        elements: OrSet<u8>,
    }

    let (mut me, _) = replicas();
    let mut named = Doc::<Named>::default();
    let _ = named.update(&mut me, |named| {
        named.elements.insert(3);
        named.renamed.sub(2);
    });
    let pair = Doc::<Pair<PnCounter>>::decode(&named.encode().unwrap(), &Limits::default()).unwrap();
    assert_eq!((pair.0.sorted(), pair.1.value()), (vec![&3], -2));
}

/// What `find_conflicts` gives, and what a person reads of it.
#[test]
fn entries_say_which_field_they_are_of() {
    let (mut a, mut b) = replicas();
    let (mut here, mut there) = (Doc::<User>::default(), Doc::<User>::default());
    let _ = here.update(&mut a, |user| user.address.city.set(text("Tokyo")));
    let theirs = there.update(&mut b, |user| user.address.city.set(text("Kyoto")));
    here.merge(theirs);
    let conflicts = here.find_conflicts();
    let (_, shown) = &conflicts[0].shown;
    assert!(matches!(shown, UserEntry::Address(AddressEntry::City(written)) if written.value == "Kyoto"));
    let printed = format!("{shown:?}");
    assert!(printed.starts_with("User { address: Address { city: Stamped {"), "{printed}");
    assert!(printed.ends_with("value: \"Kyoto\" } } }"), "{printed}");

    let mut old = Doc::<OldUser>::default();
    old.merge(pass(&here.to_delta()));
    let unread = old.to_delta();
    let printed = format!("{:?}", unread.entries()[0].1);
    assert!(printed.starts_with("OldUser { unknown: Opaque { tag: 3, bytes: "), "{printed}");
}

/// Nothing can read a `&'static str` from bytes, so a struct that holds one has none; nothing else.
#[derive(Crdt, Debug)]
struct Labels {
    color: MvRegister<&'static str>,
    by_name: OrMap<&'static str, LwwMap<u8, Option<&'static str>>>,
}

#[test]
fn structs_of_borrowed_values_are_replicated_without_bytes() {
    let (mut a, mut b) = replicas();
    let (mut here, mut there) = (Doc::<Labels>::default(), Doc::<Labels>::default());
    there.merge(here.update(&mut a, |labels| labels.color.set("red")));
    let _ = there.update(&mut b, |labels| labels.by_name.entry(&"x").insert(1, Some("one")));
    assert_eq!(there.color.get(), Some(&"red"));
    here.merge(there.to_delta());
    assert_eq!(here.by_name.get("x").and_then(|inner| inner.get(&1)), Some(&Some("one")));
}
