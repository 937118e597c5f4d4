//! What the user wrote.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, Generics, Ident, LitInt, Path, Token, Type,
    Visibility, parse_quote,
};

/// A struct that can be a replicated type.
pub(crate) struct Struct {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    pub(crate) krate: Path,
    pub(crate) fields: Vec<Member>,
    /// Whether its fields have numbers in place of names.
    pub(crate) is_tuple: bool,
}

/// One of its fields.
pub(crate) struct Member {
    pub(crate) name: syn::Member,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    pub(crate) tag: Tag,
    /// The field's variant in the entry and the slot: its name in the case of types.
    pub(crate) variant: Ident,
}

/// The number of a field, and where it says so.
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    pub(crate) number: u32,
    span: Span,
    /// Whether it is the field's place, and not written down.
    is_place: bool,
}

impl TryFrom<DeriveInput> for Struct {
    type Error = Error;

    fn try_from(input: DeriveInput) -> Result<Self, Error> {
        let DeriveInput { attrs, vis, ident: name, generics, data } = input;
        let (fields, is_tuple) = fields_of(&name, data)?;
        if let Some(lifetime) = generics.lifetimes().next() {
            return Err(Error::new(lifetime.span(), "a replicated type owns its data and borrows nothing"));
        }
        let krate = krate(&attrs)?;
        let fields = fields.into_iter().zip(1..).map(|(field, place)| member(field, place));
        let mut fields = fields.collect::<Result<Vec<_>, _>>()?;
        check_tags(&fields)?;
        fields.iter().try_for_each(|field| check_end(&name, &field.ty))?;
        name_variants(&mut fields);
        Ok(Self { name, vis, generics, krate, fields, is_tuple })
    }
}

/// The fields of a struct that has some, and whether they have numbers in place of names.
fn fields_of(name: &Ident, data: Data) -> Result<(Punctuated<Field, Token![,]>, bool), Error> {
    let (span, message) = match data {
        Data::Struct(data) => match data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => return Ok((fields.named, false)),
            Fields::Unnamed(fields) if !fields.unnamed.is_empty() => return Ok((fields.unnamed, true)),
            _ => (name.span(), "a struct without fields has nothing to replicate"),
        },
        Data::Enum(data) => (
            data.enum_token.span,
            "only structs can derive Crdt: of two variants written at once, which would win?",
        ),
        Data::Union(data) => (data.union_token.span, "only structs can derive Crdt"),
    };
    Err(Error::new(span, message))
}

/// The compiler would advise to put a struct that holds itself into a box.
fn check_end(name: &Ident, ty: &Type) -> Result<(), Error> {
    let Some(itself) = mention_of(name, ty.to_token_stream()) else { return Ok(()) };
    let message = "a replicated type cannot hold itself, not in a map either: paths would have no end; \
                   keep all of them in one map, and let each name the key of its parent";
    Err(Error::new(itself, message))
}

/// Where a type says the name, and not as the last part of a path: that may be another's.
fn mention_of(name: &Ident, ty: TokenStream) -> Option<Span> {
    let mut is_path = false;
    ty.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => {
            (!std::mem::take(&mut is_path) && (ident == *name || ident == "Self")).then(|| ident.span())
        }
        TokenTree::Group(group) => mention_of(name, group.stream()),
        TokenTree::Punct(mark) => {
            is_path = mark.as_char() == ':';
            None
        }
        TokenTree::Literal(_) => None,
    })
}

/// What `#[crdt(crate = path)]` says, or `::crdt_core`.
fn krate(attributes: &[Attribute]) -> Result<Path, Error> {
    let mut krate = None;
    each_option(attributes, |option| {
        if !option.path.is_ident("crate") {
            return Err(option.error("a struct takes `crate = path`"));
        }
        once(&mut krate, option.value()?.call(Path::parse_mod_style)?, &option)
    })?;
    Ok(krate.unwrap_or_else(|| parse_quote!(::crdt_core)))
}

fn member(field: Field, place: u32) -> Result<Member, Error> {
    let span = field.ident.as_ref().map_or_else(|| field.ty.span(), Ident::span);
    let name = match field.ident {
        Some(name) => syn::Member::Named(name),
        None => syn::Member::Unnamed(syn::Index { index: place - 1, span }),
    };
    let mut tag = None;
    each_option(&field.attrs, |option| {
        if !option.path.is_ident("tag") {
            return Err(option.error("a field takes `tag = number`"));
        }
        once(&mut tag, explicit_tag(&option.value()?.parse()?)?, &option)
    })?;
    let tag = tag.unwrap_or(Tag { number: place, span, is_place: true });
    let variant = format_ident!("Field{}", place);
    Ok(Member { name, vis: field.vis, ty: field.ty, tag, variant })
}

/// Names the variants after the fields. Names that become one, such as `line_1` and `line1`, differ by
/// an underscore; places without a name keep the numbered variant that they have.
fn name_variants(fields: &mut [Member]) {
    let mut taken = vec!["Self".to_owned(), "Unknown".to_owned()];
    for field in fields {
        let mut name = match &field.name {
            syn::Member::Named(_) => type_case(&shown(&field.name)),
            syn::Member::Unnamed(_) => field.variant.to_string(),
        };
        while taken.contains(&name) {
            name.push('_');
        }
        field.variant = format_ident!("{name}");
        taken.push(name);
    }
}

/// `last_login` as `LastLogin`, and anything that would be no name behind `Field`.
fn type_case(name: &str) -> String {
    let words = name.split('_').filter_map(|word| {
        let mut letters = word.chars();
        Some(letters.next()?.to_uppercase().chain(letters).collect::<String>())
    });
    let name: String = words.collect();
    if name.chars().next().is_some_and(|first| !first.is_ascii_digit()) {
        name
    } else {
        format!("Field{name}")
    }
}

fn explicit_tag(literal: &LitInt) -> Result<Tag, Error> {
    let (number, span) = (literal.base10_parse().unwrap_or(0), literal.span());
    if number == 0 {
        return Err(Error::new(span, "a tag is a number from 1 to 4294967295"));
    }
    Ok(Tag { number, span, is_place: false })
}

fn each_option(
    attributes: &[Attribute],
    mut each: impl FnMut(ParseNestedMeta<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let ours = attributes.iter().filter(|attribute| attribute.path().is_ident("crdt"));
    ours.into_iter().try_for_each(|attribute| attribute.parse_nested_meta(&mut each))
}

fn once<T>(place: &mut Option<T>, value: T, option: &ParseNestedMeta<'_>) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(option.error("this is said twice")),
    }
}

/// The name of a field as a person writes it.
pub(crate) fn shown(name: &syn::Member) -> String {
    match name {
        syn::Member::Named(name) => name.unraw().to_string(),
        syn::Member::Unnamed(place) => place.index.to_string(),
    }
}

fn check_tags(fields: &[Member]) -> Result<(), Error> {
    for (at, field) in fields.iter().enumerate() {
        if let Some(other) = fields[..at].iter().find(|other| other.tag.number == field.tag.number) {
            // Of a place and a number that was written down, the latter is the one to point at.
            let (Member { tag, .. }, taken) =
                if field.tag.is_place && !other.tag.is_place { (other, field) } else { (field, other) };
            let why = if taken.tag.is_place { ", by its place" } else { "" };
            let message = format!("tag {} is already that of `{}`{why}", tag.number, shown(&taken.name));
            return Err(Error::new(tag.span, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
