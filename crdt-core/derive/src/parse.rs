//! What the user wrote.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Error, Field, Fields, Generics, Ident, LitInt, Path, Type, Visibility, parse_quote,
};

/// A struct that can be a replicated type.
pub(crate) struct Struct {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    pub(crate) krate: Path,
    pub(crate) fields: Vec<Member>,
}

/// One of its fields.
pub(crate) struct Member {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    pub(crate) tag: u32,
    /// The field's variant in the entry and the slot.
    pub(crate) variant: Ident,
}

impl TryFrom<DeriveInput> for Struct {
    type Error = Error;

    fn try_from(input: DeriveInput) -> Result<Self, Error> {
        let span = input.ident.span();
        let Data::Struct(data) = input.data else {
            return Err(Error::new(
                span,
                "Crdt can be derived for a struct: of an enum, which variant would win?",
            ));
        };
        let Fields::Named(named) = data.fields else {
            return Err(Error::new(span, "Crdt is derived for structs with named fields"));
        };
        if named.named.is_empty() {
            return Err(Error::new(span, "a struct without fields has nothing to replicate"));
        }
        let mut krate = parse_quote!(::crdt_core);
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("crdt")) {
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("crate") {
                    return Err(meta.error("a struct takes crdt(crate = path)"));
                }
                krate = meta.value()?.parse()?;
                Ok(())
            })?;
        }
        let fields = named.named.into_iter().zip(1..).map(|(field, place)| member(field, place));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        check_tags(&fields)?;
        Ok(Self { name: input.ident, vis: input.vis, generics: input.generics, krate, fields })
    }
}

fn member(field: Field, place: u32) -> Result<Member, Error> {
    let span = field.span();
    let name = field.ident.ok_or_else(|| Error::new(span, "a field needs a name"))?;
    let mut tag = place;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("crdt")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("tag") {
                return Err(meta.error("a field takes crdt(tag = number)"));
            }
            let literal: LitInt = meta.value()?.parse()?;
            tag = literal.base10_parse()?;
            if tag == 0 {
                return Err(Error::new(literal.span(), "tags begin at 1"));
            }
            Ok(())
        })?;
    }
    let variant = Ident::new(&camel(&name), Span::call_site());
    Ok(Member { name, vis: field.vis, ty: field.ty, tag, variant })
}

fn check_tags(fields: &[Member]) -> Result<(), Error> {
    for (at, field) in fields.iter().enumerate() {
        if let Some(other) = fields[..at].iter().find(|other| other.tag == field.tag) {
            let message = format!("tag {} is already that of `{}`", field.tag, other.name);
            return Err(Error::new(field.name.span(), message));
        }
    }
    Ok(())
}

/// `field_name` as `FieldName`. The prefix keeps it apart from the variant of unknown fields.
fn camel(name: &Ident) -> String {
    let name = name.to_string();
    let words = name.trim_start_matches("r#").split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    });
    format!("Field{}", words.collect::<String>())
}
