//! Bytes that anybody may have sent, as a delta of every shipped type.
//!
//! What decodes has to be in canonical form, but for the order of grouped entries, to merge into any state
//! by the set algebra and nothing else, and to leave a state that every reader and every editor can work
//! with.
//!
//! An input is a byte that chooses the type, a byte of [`Knobs`], and the bytes to decode.

use crdt_core::codec::Limits;
use crdt_core::{
    BoundedCounter, Delta, Digest, Doc, DwFlag, EwFlag, GCounter, GSet, InsufficientRights, LwwMap,
    LwwRegister, Max, Min, MvRegister, OrMap, OrSet, PnCounter, RankedRegister, Replica, ReplicaId,
    ResolvedRegister, RwSet,
};

use crate::envelope::Envelope;
use crate::shapes::{Mixed, Note, OldShop, Shape, Shop};
use crate::{contexts, history};

/// Runs one input.
///
/// # Panics
/// When a promise is broken.
pub fn run(input: &[u8]) {
    let [kind, knobs, bytes @ ..] = input else { return };
    let knobs = Knobs(*knobs);
    match kind % KINDS {
        STRUCTS => structs(bytes, knobs),
        CONTEXTS => contexts::run(bytes),
        WALK => contexts::walk(bytes, knobs.0),
        BOUNDED => bounded(bytes, knobs),
        DIGEST => digest(bytes, knobs),
        kind => {
            with_type(kind, Check { bytes, knobs });
        }
    }
}

/// How many kinds of input there are. Those without a name here are of [`with_type`].
pub const KINDS: u8 = 28;
/// A struct, read by a newer and an older build.
pub const STRUCTS: u8 = 13;
/// Two sets of dots.
pub const CONTEXTS: u8 = 14;
/// A set of dots, as the receiver of a walk.
pub const WALK: u8 = 15;
/// A counter with rights, which has no reset.
pub const BOUNDED: u8 = 26;
/// What a document says of itself.
pub const DIGEST: u8 = 27;

/// Something to do with a type that is known only at run time.
pub trait Visit {
    /// What it gives.
    type Output;

    /// Does it.
    fn visit<T: Shape>(self, form: Form) -> Self::Output;
}

/// Whether the entries of a type have one form only, so that equal bytes can be asked for.
///
/// The envelope has one; in MessagePack one value has several, of which the encoder writes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Each entry is one string of bytes.
    One,
    /// Not so.
    Several,
}

/// Visits the type with this number, if there is one.
pub fn with_type<V: Visit>(kind: u8, visit: V) -> Option<V::Output> {
    Some(match kind {
        0 => visit.visit::<GCounter>(Form::One),
        1 => visit.visit::<PnCounter>(Form::One),
        2 => visit.visit::<OrSet<bool>>(Form::One),
        3 => visit.visit::<OrMap<bool, PnCounter>>(Form::One),
        4 => visit.visit::<LwwRegister<String>>(Form::Several),
        5 => visit.visit::<LwwRegister<Note>>(Form::Several),
        6 => visit.visit::<OrSet<String>>(Form::Several),
        7 => visit.visit::<LwwMap<String, String>>(Form::Several),
        8 => visit.visit::<LwwMap<u8, f64>>(Form::Several),
        9 => visit.visit::<OrMap<String, OrSet<String>>>(Form::Several),
        10 => visit.visit::<OrMap<u8, OrMap<bool, LwwRegister<u8>>>>(Form::Several),
        11 => visit.visit::<OrMap<String, LwwMap<u8, bool>>>(Form::Several),
        12 | STRUCTS => visit.visit::<Shop>(Form::Several),
        16 => visit.visit::<EwFlag>(Form::Several),
        17 => visit.visit::<DwFlag>(Form::One),
        18 => visit.visit::<MvRegister<bool>>(Form::One),
        19 => visit.visit::<MvRegister<Note>>(Form::Several),
        20 => visit.visit::<RankedRegister<(u8, bool)>>(Form::Several),
        21 => visit.visit::<ResolvedRegister<u8, Mixed>>(Form::Several),
        22 => visit.visit::<Max<u8>>(Form::Several),
        23 => visit.visit::<Min<u8>>(Form::Several),
        24 => visit.visit::<OrMap<bool, GSet<String>>>(Form::Several),
        25 => visit.visit::<RwSet<String>>(Form::Several),
        _ => return None,
    })
}

struct Check<'a> {
    bytes: &'a [u8],
    knobs: Knobs,
}

impl Visit for Check<'_> {
    type Output = ();

    fn visit<T: Shape>(self, form: Form) {
        delta::<T>(self.bytes, self.knobs, form);
    }
}

/// What an input chooses beside its bytes.
#[derive(Clone, Copy, Debug)]
struct Knobs(u8);

impl Knobs {
    fn limits(self) -> Limits {
        let tight = Limits { max_bytes: 256, max_entries: 4, max_replicas: 3, max_depth: 3 };
        [Limits::default(), Limits::TRUSTED, tight, Limits { max_entries: 16, ..Limits::default() }]
            [usize::from(self.0 % 4)]
    }

    /// The entries of one chunk.
    fn chunk(self) -> usize {
        usize::from(self.0 / 4 % 4) + 1
    }

    /// What is written on top.
    fn salt(self) -> u8 {
        self.0 / 16
    }
}

/// What is accepted has one form, and is answered with what it lacks and nothing else.
fn digest(bytes: &[u8], knobs: Knobs) {
    // A few bytes that are trusted may claim more than there is memory.
    let limits = knobs.limits();
    let limits = Limits { max_entries: limits.max_entries.min(1 << 20), ..limits };
    let Ok(digest) = Digest::decode(bytes, &limits) else { return };
    assert_eq!(digest.encode(), bytes, "equal digests have equal bytes");
    let (doc, seen) = (history::doc::<OrSet<u8>>(), digest.context());
    let answer = doc.delta_since(&digest);
    assert!(answer.entries().iter().all(|(dot, _)| doc.is_live(*dot) && !seen.contains(*dot)));
    let mut context = seen;
    context.union_with(&answer.context());
    assert!(context.is_superset(&doc.context()));
}

fn delta<T: Shape>(bytes: &[u8], knobs: Knobs, form: Form) {
    let limits = knobs.limits();
    let Ok(delta) = Delta::<T>::decode(bytes, &limits) else { return };
    assert!(bytes.len() <= limits.max_bytes && delta.entries().len() <= limits.max_entries);
    assert!(delta.context().replicas() <= limits.max_replicas);

    let envelope = Envelope::read(bytes).expect("what is decoded keeps the rules of the envelope");
    let canonical = [delta.encode(), delta.encode_compact()];
    let canonical = canonical.map(|bytes| bytes.expect("what was decoded has bytes"));
    let [plain, compact] = &canonical;
    let own = if bytes[0] == 2 { compact } else { plain };
    assert_eq!(own[1..envelope.head], bytes[1..envelope.head], "an envelope has one form");
    // Grouped entries come in any order, and only documents write them so.
    let has_forms = form == Form::Several || bytes[0] == 3;
    assert!(has_forms || own == bytes, "equal deltas have equal bytes");
    assert!(plain[1..envelope.head] == compact[1..envelope.head], "versions differ in the entries");

    alone(&delta, &envelope, bytes, knobs);
    let base = history::doc::<T>();
    joined(&delta, &envelope, &base);
    walked(&delta, &base, knobs);
    let bytes = if bytes[0] == 1 { bytes } else { plain };
    edited(&delta, bytes, base, knobs.salt());
}

/// Into a state that knows nothing.
fn alone<T: Shape>(delta: &Delta<T>, envelope: &Envelope, bytes: &[u8], knobs: Knobs) {
    let mut doc = Doc::<T>::default();
    assert_eq!(doc.merge(delta.clone()), !delta.is_empty());
    assert!(!doc.merge(delta.clone()), "merging again changes nothing");
    assert_eq!(doc.live_len() as u64, envelope.live_len());
    assert_eq!(doc.context(), delta.context());
    assert!(delta.entries().iter().all(|(dot, _)| doc.is_live(*dot)));
    assert_eq!(&doc.to_delta(), delta, "a view gives back what it took in");
    let whole = [doc.encode(), doc.encode_compact()].map(|bytes| bytes.expect("it has bytes"));
    let parts = [delta.encode(), delta.encode_compact()].map(|bytes| bytes.expect("it has bytes"));
    let (reading, fingerprint) = (doc.reading(), doc.fingerprint());
    for bytes in whole.iter().chain(&parts).map(Vec::as_slice).chain([bytes]) {
        assert_eq!(Delta::decode(bytes, &Limits::TRUSTED).as_ref(), Ok(delta));
        let back = Doc::<T>::decode(bytes, &Limits::TRUSTED).expect("what is a delta is a document");
        assert!(back == doc && back.fingerprint() == fingerprint);
        assert!(doc.difference(&back).is_empty() && doc.delta_since(&doc.digest()).is_empty());
        assert_eq!(back.reading(), reading);
        assert_eq!(back.encode().as_ref(), Ok(&whole[0]), "equal documents have equal bytes");
    }
    let mut backwards = Doc::<T>::default();
    for chunk in history::chunks(&doc, &backwards.context(), knobs.chunk()).into_iter().rev() {
        backwards.merge(chunk);
    }
    assert_eq!(backwards.encode().as_ref(), Ok(&whole[0]), "equal documents have equal bytes");
    assert_eq!(backwards.reading(), reading, "a view is a function of its entries");
}

/// Into a state with a past, by set algebra.
fn joined<T: Shape>(delta: &Delta<T>, envelope: &Envelope, base: &Doc<T>) {
    let mut doc = base.clone();
    let changed = doc.merge(delta.clone());
    assert_eq!(changed, doc.fingerprint() != base.fingerprint());
    assert!(!doc.merge(delta.clone()) && !doc.merge_from(base), "merging again changes nothing");

    let bytes = doc.encode().expect("it has bytes");
    let past = Envelope::read(&base.encode().expect("it has bytes")).expect("own bytes keep the rules");
    let expected = past.join(envelope);
    let found = Envelope::read(&bytes).expect("own bytes keep the rules");
    assert_eq!((&found.live, &found.dead), (&expected.live, &expected.dead));

    let mut other = Doc::from(delta.clone());
    other.merge_from(base);
    assert!(other == doc && other.fingerprint() == doc.fingerprint(), "merging commutes");
    let mut group = base.to_delta();
    group.merge(delta.clone());
    assert!(Doc::from(group) == doc, "a group says what its parts say");

    let news = doc.difference(base);
    assert_eq!(news.is_empty(), !changed);
    assert!(delta.context().is_superset(&news.context()), "a difference holds nothing but news");
    let mut grown = base.clone();
    grown.merge(news);
    assert!(grown == doc, "a difference is complete");
    // One dot with two meanings: the bytes of a liar, for whom only dots are kept in step.
    if !delta.entries().iter().any(|(dot, _)| base.context().contains(*dot)) {
        assert_eq!(other.reading(), doc.reading());
        assert_eq!(grown.encode().expect("it has bytes"), bytes);
    }
}

/// To a receiver in chunks.
fn walked<T: Shape>(delta: &Delta<T>, base: &Doc<T>, knobs: Knobs) {
    let mut donor = base.clone();
    donor.merge(delta.clone());
    for mut receiver in [Doc::<T>::default(), base.clone()] {
        for chunk in history::chunks(&donor, &receiver.context(), knobs.chunk()) {
            receiver.merge(chunk);
        }
        assert!(receiver == donor, "a whole walk transfers a whole state");
    }
}

/// Under the hands of an honest writer.
fn edited<T: Shape>(delta: &Delta<T>, bytes: &[u8], mut doc: Doc<T>, salt: u8) {
    const WRITER: ReplicaId = ReplicaId::from_u128(0xfeed_f00d_dead_beef_0123_4567_89ab_cdef);
    doc.merge(delta.clone());
    let before = doc.clone();
    let mut me = Replica::new(WRITER);
    let written = doc.update(&mut me, |editor| T::scribble(&editor, salt));
    // Who forges the writer's own entries, or sums that nobody lives to count, may hide a write.
    let forged = bytes.windows(16).any(|window| window == WRITER.as_bytes());
    let enormous = bytes.windows(13).any(|window| window.iter().all(|byte| byte & 0x80 != 0));
    assert!(forged || enormous || T::shows(Some(&before), &doc, salt), "one's own write is visible");
    let mut peer = before.clone();
    peer.merge(written.clone());
    assert!(forged || written == doc.difference(&before), "a delta says what the edit did, and no more");
    assert_eq!(peer.reading(), doc.reading());

    let reset = doc.update(&mut me, |editor| T::reset(&editor));
    assert!(doc.is_empty(), "a reset leaves {}", doc.reading());
    peer.merge(reset.clone());
    assert_eq!((peer.fingerprint(), peer.reading()), (doc.fingerprint(), doc.reading()));
    let sent = reset.encode().expect("it has bytes");
    assert!(forged || Delta::<T>::decode(&sent, &Limits::TRUSTED).as_ref() == Ok(&reset));
}

/// Rights, of which nobody can take any away.
fn bounded(bytes: &[u8], knobs: Knobs) {
    let Ok(delta) = Delta::<BoundedCounter>::decode(bytes, &knobs.limits()) else { return };
    let envelope = Envelope::read(bytes).expect("what is decoded keeps the rules of the envelope");
    let own = if bytes[0] == 2 { delta.encode_compact() } else { delta.encode() };
    assert!(bytes[0] == 3 || own.expect("it has bytes") == bytes, "equal deltas have equal bytes");
    let mut doc = Doc::from(delta.clone());
    assert_eq!(doc.live_len() as u64, envelope.live_len());
    let mut me = Replica::new(ReplicaId::from_u128(0x0eed));
    let held = doc.rights(me.id());
    let asked = u64::try_from(held).map_or(u64::MAX, |held| held.saturating_add(1));
    if u128::from(asked) > held {
        let refused = doc.try_update(&mut me, |stock| stock.sub(asked));
        assert_eq!(refused.map(|_| ()), Err(InsufficientRights { asked, held }));
    }
    let sale = doc.try_update(&mut me, |stock| stock.sub(u64::try_from(held).unwrap_or(u64::MAX)));
    let (_, sale) = sale.expect("as many rights are held");
    let mut peer = Doc::<BoundedCounter>::default();
    peer.merge(sale);
    peer.merge(delta);
    assert_eq!((peer.value(), peer.holders()), (doc.value(), doc.holders()));
}

/// A struct, and the same one as an older build knows it.
fn structs(bytes: &[u8], knobs: Knobs) {
    delta::<Shop>(bytes, knobs, Form::Several);
    delta::<OldShop>(bytes, knobs, Form::Several);
    let Ok(new) = Delta::<Shop>::decode(bytes, &Limits::TRUSTED) else { return };
    let old =
        Doc::<OldShop>::decode(bytes, &Limits::TRUSTED).expect("an old build takes what it does not know");
    let relayed = old.encode().expect("it has bytes");
    let back = Delta::<Shop>::decode(&relayed, &Limits::TRUSTED).expect("it was relayed whole");
    assert_eq!(back, new);
    assert_eq!(back.encode(), new.encode(), "an old build relays what it does not know");
    let doc = Doc::from(new);
    assert_eq!(old.fingerprint(), doc.fingerprint());
    let whole = doc.encode().expect("it has bytes");
    let old = Doc::<OldShop>::decode(&whole, &Limits::TRUSTED).expect("an old build takes a whole document");
    let back = Doc::<Shop>::decode(&old.encode().expect("it has bytes"), &Limits::TRUSTED);
    assert_eq!(back.expect("it was relayed whole").encode().as_ref(), Ok(&whole));
}
