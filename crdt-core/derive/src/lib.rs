//! `#[derive(Crdt)]` for structs whose fields are CRDTs. Documented where it is re-exported, as
//! `crdt_core::Crdt`.

mod expand;
mod parse;
mod wire;

use proc_macro::TokenStream;

/// Makes a struct of replicated fields a replicated type.
///
/// Fields merge one by one: concurrent writes of different fields are both kept, and those of one
/// field merge as its type does. The struct can be the root of a document, a field of another
/// struct, or a value in an `OrMap`.
///
/// ```
/// use crdt_core::{Crdt, Doc, LwwMap, OrMap, OrSet, PnCounter, Replica};
///
/// #[derive(Crdt)]
/// struct Shop {
///     sold: PnCounter,
///     carts: OrMap<String, OrSet<String>>,
///     profile: LwwMap<String, String>,
/// }
///
/// let mut me = Replica::random();
/// let mut shop = Doc::<Shop>::default();
/// let delta = shop.update(&mut me, |shop| {
///     shop.carts.entry("alice").insert("apple".to_owned());
///     shop.sold.add(1);
/// });
/// assert_eq!(delta.entries().len(), 2);
/// assert_eq!(shop.sold.value(), 1);
/// assert!(shop.carts.get("alice").is_some_and(|cart| cart.contains("apple")));
/// ```
///
/// Beside the implementations of `Crdt`, `Default` and, with the feature `codec`, `Wire`, it defines
/// `ShopEditor`, what an update's closure gets, with an editor for each field; `ShopEntry`, what
/// travels under a dot and conflicts are made of, with a variant for each field, as `Sold` for `sold`, and
/// `#[non_exhaustive]`, so that a new field breaks no other crate; and `ShopSlot` and `ShopScratch`, which
/// nobody has to name. So leave `Default` to it; `Debug` and such are yours to derive.
///
/// # What it takes
/// A struct with fields, named or not, each of a replicated type, which may be that of another such struct,
/// or have type parameters. No field may hold the struct itself, not in a map either: paths would
/// have no end. Values without serde's traits are fine where nothing needs bytes; the struct has no
/// `Wire` then. Nor has one with borrowed values, such as `&'static str`, which nothing can read from
/// bytes.
///
/// ```
/// # use crdt_core::{Crdt, Doc, OrMap, PnCounter, Replica, ReplicaId};
/// #[derive(Crdt)]
/// struct Counted<V: Crdt> {
///     by_name: OrMap<String, V>,
///     changes: PnCounter,
/// }
///
/// let mut me = Replica::new(ReplicaId::from_u128(1));
/// let mut stock = Doc::<Counted<PnCounter>>::default();
/// let _ = stock.update(&mut me, |stock| {
///     stock.by_name.entry("apple").add(20);
///     stock.changes.add(1);
/// });
/// assert_eq!(stock.by_name.get("apple").map(PnCounter::value), Some(20));
/// ```
///
/// # Tags
/// In bytes a field is a number: its place in the struct, from 1, or what `#[crdt(tag = 7)]` says. A
/// number stands for its field for ever. New fields take new numbers at the end; once fields are
/// removed or reordered, or one comes and goes with a `#[cfg]`, all need tags. The number of a removed
/// field stays taken: what old builds wrote there would be read as the new field. So does that of a field
/// whose type has changed: it is another field. A build that lacks a field keeps its entries, merges them
/// and passes them on; it shows them as soon as it knows the field. Where it removes the key of a map it takes
/// those entries whole, whatever they are: a counter that others count on at the same time keeps all that it
/// counted, a ban in an `RwSet` is lifted, and rights of a `BoundedCounter`, which nobody else can remove, are
/// lost.
///
/// That holds for the fields of the struct, which the replicas merge, and not for what is inside a value
/// that serde writes, such as the `V` of a register. There an old build reads what it knows: it passes
/// over a new field of a struct, and lacks it where it sends its state; it cannot read a new variant of
/// an enum at all, and takes nothing more from whoever sends one. So let every node know a new field,
/// with `#[serde(default)]` for the values that lack it, or a new variant, before any node writes one.
///
/// # Attributes
/// `#[crdt(tag = N)]` on a field; `#[crdt(crate = path)]` on the struct, where `crdt_core` has
/// another name.
#[proc_macro_derive(Crdt, attributes(crdt))]
pub fn derive_crdt(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    let expanded = parse::Struct::try_from(input).map(|parsed| expand::expand(&parsed));
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
