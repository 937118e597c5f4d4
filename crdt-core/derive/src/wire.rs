//! The bytes of a struct.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::expand::{bounded, names, parts};
use crate::parse::{Member, Struct};

/// Bytes: the tag of the field, then the length of what is in it unless that is known, then that.
///
/// None for a struct with borrowed values, such as `&'static str`: nothing can read these from bytes, and
/// a bound that fails by a lifetime is an error, where one that fails by a trait is only false.
pub(crate) fn wire(of: &Struct) -> TokenStream {
    let Struct { name, fields, krate, .. } = of;
    if fields.iter().any(|field| borrows(field.ty.to_token_stream())) {
        return TokenStream::new();
    }
    let generics = bounded(of, &quote!(#krate::codec::Wire));
    let (impls, types, bounds) = generics.split_for_impl();
    let methods = [writing(of), reading(of)];
    quote! {
        #krate::__if_codec! {
            #[automatically_derived]
            impl #impls #krate::codec::Wire for #name #types #bounds {
                #(#methods)*
            }
        }
    }
}

/// Each field's tag, and its type's bytes.
fn tags(of: &Struct) -> (Vec<u32>, Vec<TokenStream>) {
    let krate = &of.krate;
    let fields = of.fields.iter();
    fields.map(|Member { tag, ty, .. }| (tag.number, quote!(<#ty as #krate::codec::Wire>))).unzip()
}

/// What writes entries, and says which of them belong together.
fn writing(of: &Struct) -> TokenStream {
    let krate = &of.krate;
    let ([entry, slot, ..], (names, variants, _), (tags, calls)) = (names(of), parts(of), tags(of));
    quote! {
        const ENDS_WITH_FIELD: bool = true;

        fn encode_entry(
            entry: &Self::Entry,
            out: &mut #krate::codec::Writer,
        ) -> ::core::result::Result<(), #krate::codec::EncodeError> {
            match entry {
                #(#entry::#variants(entry) => out.field(#tags, |out| #calls::encode_entry(entry, out)),)*
                #entry::Unknown(entry) => out.field(entry.tag, |out| {
                    out.raw(&entry.bytes);
                    ::core::result::Result::Ok(())
                }),
            }
        }

        fn encode_slot(
            &self,
            at: #krate::view::Look<'_>,
            dot: #krate::view::LocalDot,
            slot: Self::Slot,
            out: &mut #krate::codec::Writer,
        ) -> ::core::result::Result<(), #krate::codec::EncodeError> {
            match slot {
                #(#slot::#variants(slot) => {
                    out.field(#tags, |out| #calls::encode_slot(&self.#names, at, dot, slot, out))
                })*
                #slot::Unknown => {
                    Self::encode_entry(&<Self as #krate::view::Crdt>::entry_at(self, at, dot, slot), out)
                }
            }
        }

        fn group(slot: Self::Slot) -> ::core::option::Option<#krate::codec::Group> {
            match slot {
                #(#slot::#variants(slot) => #calls::group(slot)?.in_field(#tags),)*
                #slot::Unknown => ::core::option::Option::None,
            }
        }
    }
}

/// What reads entries.
fn reading(of: &Struct) -> TokenStream {
    let krate = &of.krate;
    let ([entry, slot, ..], (names, variants, _), (tags, calls)) = (names(of), parts(of), tags(of));
    quote! {
        fn decode_entry(
            input: &mut #krate::codec::Reader<'_>,
        ) -> ::core::result::Result<Self::Entry, #krate::codec::DecodeError> {
            let (tag, mut input) = input.field()?;
            let entry = match tag {
                #(#tags => #entry::#variants(#calls::decode_entry(&mut input)?),)*
                tag => return ::core::result::Result::Ok(#entry::Unknown(#krate::view::Opaque {
                    tag,
                    bytes: input.rest().into(),
                })),
            };
            input.finish()?;
            ::core::result::Result::Ok(entry)
        }

        fn decode_slot(
            &mut self,
            at: &mut #krate::view::At<'_>,
            dot: #krate::view::LocalDot,
            before: ::core::option::Option<Self::Slot>,
            input: &mut #krate::codec::Reader<'_>,
        ) -> ::core::result::Result<Self::Slot, #krate::codec::DecodeError> {
            let (tag, mut input) = input.field()?;
            let slot = match tag {
                #(#tags => {
                    let before = match before {
                        ::core::option::Option::Some(#slot::#variants(slot)) => {
                            ::core::option::Option::Some(slot)
                        }
                        _ => ::core::option::Option::None,
                    };
                    #slot::#variants(#calls::decode_slot(&mut self.#names, at, dot, before, &mut input)?)
                })*
                tag => {
                    at.keep(dot, #krate::view::Opaque { tag, bytes: input.rest().into() });
                    return ::core::result::Result::Ok(#slot::Unknown);
                }
            };
            input.finish()?;
            ::core::result::Result::Ok(slot)
        }
    }
}

/// Whether a type mentions a reference.
fn borrows(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Punct(mark) => mark.as_char() == '&',
        TokenTree::Group(group) => borrows(group.stream()),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    })
}
