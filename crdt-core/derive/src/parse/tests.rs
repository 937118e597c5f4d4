//! What is refused, why, and where the compiler points.

use quote::ToTokens;

use super::Struct;

fn parse(source: &str) -> Result<Struct, syn::Error> {
    Struct::try_from(syn::parse_str::<syn::DeriveInput>(source).unwrap())
}

/// The message, and the piece of the source that it is about.
fn refused(source: &str) -> (String, String) {
    let error = parse(source).err().expect("it is refused");
    (error.to_string(), error.span().source_text().unwrap())
}

#[track_caller]
fn assert_refused(source: &str, message: &str, at: &str) {
    assert_eq!(refused(source), (message.to_owned(), at.to_owned()));
}

#[test]
fn what_is_no_struct_with_fields_is_refused() {
    let winner = "only structs can derive Crdt: of two variants written at once, which would win?";
    assert_refused("pub enum Pick { A(OrSet<u8>) }", winner, "enum");
    assert_refused("union Both { a: u8 }", "only structs can derive Crdt", "union");
    let nothing = "a struct without fields has nothing to replicate";
    assert_refused("struct Unit;", nothing, "Unit");
    assert_refused("struct Braces {}", nothing, "Braces");
    assert_refused("struct Tuple();", nothing, "Tuple");
    let borrows = "a replicated type owns its data and borrows nothing";
    assert_refused("struct Shelf<'a, V> { a: LwwRegister<&'a V> }", borrows, "'a");
}

#[test]
fn a_struct_that_holds_itself_is_refused_where_it_does() {
    let end = "a replicated type cannot hold itself, not in a map either: paths would have no end; keep all of \
               them in one map, and let each name the key of its parent";
    assert_refused("struct Dir { name: A, below: OrMap<String, Dir> }", end, "Dir");
    assert_refused("struct Dir(OrMap<String, (A, Self)>);", end, "Self");
    assert!(parse("struct Dir { a: LwwRegister<disk::Dir>, dir: A, b: LwwRegister<Dirs> }").is_ok());
}

#[test]
fn tags_that_are_no_numbers_from_1_are_refused() {
    let range = "a tag is a number from 1 to 4294967295";
    for tag in ["0", "-1", "4294967296"] {
        assert_refused(&format!("struct S {{ #[crdt(tag = {tag})] a: A }}"), range, tag);
    }
    assert_refused("struct S { #[crdt(tag = \"7\")] a: A }", "expected integer literal", "\"7\"");
}

#[test]
fn two_fields_with_one_tag_are_refused_at_the_one_that_was_written() {
    let by_place = "tag 1 is already that of `type`, by its place";
    assert_refused("struct S { r#type: A, #[crdt(tag = 0x1)] b: B }", by_place, "0x1");
    let by_place = "tag 2 is already that of `b`, by its place";
    assert_refused("struct S { #[crdt(tag = 2)] a: A, b: B }", by_place, "2");
    let by_place = "tag 1 is already that of `0`, by its place";
    assert_refused("struct S(A, #[crdt(tag = 1)] B);", by_place, "1");
    let written = "tag 7 is already that of `a`";
    assert_refused("struct S { #[crdt(tag = 7)] a: A, #[crdt(tag = 7u32)] b: B }", written, "7u32");
}

#[test]
fn options_that_mean_nothing_are_refused() {
    assert_refused("struct S { #[crdt(tga = 1)] a: A }", "a field takes `tag = number`", "tga");
    assert_refused("struct S { #[crdt(crate = x)] a: A }", "a field takes `tag = number`", "crate");
    assert_refused("#[crdt(tag = 1)] struct S { a: A }", "a struct takes `crate = path`", "tag");
    assert_refused("struct S { #[crdt(tag = 1, tag = 2)] a: A }", "this is said twice", "tag = 2");
    let twice = "#[crdt(crate = a)] #[crdt(crate = b)] struct S { a: A }";
    assert_refused(twice, "this is said twice", "crate = b");
}

#[test]
fn a_field_without_a_tag_has_its_place() {
    let parsed = parse("struct S { a: A, #[crdt(tag = 9)] b: B, c: C }").unwrap();
    let tags: Vec<_> = parsed.fields.iter().map(|field| field.tag.number).collect();
    assert_eq!(tags, [1, 9, 3]);
}

#[test]
fn variants_are_named_after_fields_and_never_clash() {
    let variants = |input: &str| -> Vec<String> {
        parse(input).unwrap().fields.iter().map(|field| field.variant.to_string()).collect()
    };
    assert_eq!(variants("struct S { last_login: A, r#type: B, äöü: C }"), ["LastLogin", "Type", "Äöü"]);
    assert_eq!(variants("struct S { line_1: A, line1: A, line1_: A }"), ["Line1", "Line1_", "Line1__"]);
    assert_eq!(variants("struct S { unknown: A, self_: B }"), ["Unknown_", "Self_"]);
    assert_eq!(variants("struct S { _1: A, __: B, field: C }"), ["Field1", "Field", "Field_"]);
    assert_eq!(variants("struct S(A, #[crdt(tag = 9)] B);"), ["Field1", "Field2"]);
}

#[test]
fn the_crate_is_what_the_struct_says() {
    let named = parse("#[crdt(crate = crate::prelude::crdt)] struct S { a: A }").unwrap();
    assert_eq!(named.krate.to_token_stream().to_string(), "crate :: prelude :: crdt");
    let default = parse("#[doc(hidden)] struct S { a: A }").unwrap();
    assert_eq!(default.krate.to_token_stream().to_string(), ":: crdt_core");
}
