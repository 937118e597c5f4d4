//! What the compiler gets.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::parse::{Member, Struct, shown};
use crate::wire;

/// The companion types and the implementations.
pub(crate) fn expand(of: &Struct) -> TokenStream {
    let parts =
        [companions(of), default(of), debug(of), debug_editor(of), crdt(of), reset(of), wire::wire(of)];
    quote!(#(#parts)*)
}

/// The struct's parameters, with the bounds that its fields be replicated types.
fn generics(of: &Struct) -> syn::Generics {
    let mut generics = of.generics.clone();
    let krate = &of.krate;
    if !generics.params.is_empty() {
        for Member { ty, .. } in &of.fields {
            generics.make_where_clause().predicates.push(syn::parse_quote!(#ty: #krate::view::Crdt));
        }
    }
    generics
}

/// Entry, slot, scratch and editor.
fn companions(of: &Struct) -> TokenStream {
    let Struct { name, vis, krate, fields, .. } = of;
    let generics = generics(of);
    let (_, _, bounds) = generics.split_for_impl();
    let params = &generics.params;
    let comma = (!params.is_empty() && !params.trailing_punct()).then(|| quote!(,));
    let [entry, slot, scratch, editor] = names(of);
    let (names, types): (Vec<_>, Vec<_>) = fields.iter().map(|field| (&field.name, &field.ty)).unzip();
    let variants: Vec<_> = fields.iter().map(|field| &field.variant).collect();
    let docs: Vec<_> = names.iter().map(|field| format!("Of the field `{}`.", shown(field))).collect();
    let part = |part: TokenStream| -> Vec<TokenStream> {
        types.iter().map(|ty| quote!(<#ty as #krate::view::Crdt>::#part)).collect()
    };
    let scratch_body = body(of, &part(quote!(Scratch)));
    let editor_body = body(of, &part(quote!(Editor<'crdt>)));
    let [entry_doc, slot_doc, scratch_doc, editor_doc] = [
        format!("What travels under one dot of a [`{name}`]."),
        format!("Where a [`{name}`] keeps an entry."),
        format!("What an edit of a [`{name}`] has added so far."),
        format!("Changes a [`{name}`] within one update."),
    ];
    quote! {
        #[doc = #entry_doc]
        #[non_exhaustive]
        #vis enum #entry<#params> #bounds {
            #(#[doc = #docs] #variants(<#types as #krate::view::Crdt>::Entry),)*
            /// Of a field that this build does not know.
            Unknown(#krate::view::Opaque),
        }

        #[doc = #slot_doc]
        #[non_exhaustive]
        #vis enum #slot<#params> #bounds {
            #(#[doc = #docs] #variants(<#types as #krate::view::Crdt>::Slot),)*
            /// Of a field that this build does not know.
            Unknown,
        }

        #[doc = #scratch_doc]
        #vis struct #scratch<#params> #scratch_body

        #[doc = #editor_doc]
        #vis struct #editor<'crdt, #params #comma> #editor_body
    }
}

/// The fields of a companion, with names or without, as the struct's own are.
fn body(of: &Struct, fields: &[TokenStream]) -> TokenStream {
    let generics = generics(of);
    let bounds = &generics.where_clause;
    let names = of.fields.iter().map(|field| &field.name);
    let visible = of.fields.iter().map(|field| &field.vis);
    let docs = of.fields.iter().map(|field| format!("Of the field `{}`.", shown(&field.name)));
    if of.is_tuple {
        quote!((#(#[doc = #docs] #visible #fields,)*) #bounds;)
    } else {
        quote!(#bounds { #(#[doc = #docs] #visible #names: #fields,)* })
    }
}

pub(crate) fn names(of: &Struct) -> [syn::Ident; 4] {
    ["Entry", "Slot", "Scratch", "Editor"].map(|part| format_ident!("{}{}", of.name, part))
}

/// `Default` of the struct and its scratch, `Clone` of its entry, `Copy` of its slot.
///
/// Written out, since the standard derives would ask the same of type parameters.
fn default(of: &Struct) -> TokenStream {
    let Struct { name, fields, krate, .. } = of;
    let generics = generics(of);
    let (impls, types, bounds) = generics.split_for_impl();
    let [entry, slot, scratch, _] = names(of);
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let variants: Vec<_> = fields.iter().map(|field| &field.variant).collect();
    let tys: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    quote! {
        #[automatically_derived]
        impl #impls ::core::default::Default for #name #types #bounds {
            fn default() -> Self {
                Self { #(#names: <#tys as ::core::default::Default>::default(),)* }
            }
        }

        #[automatically_derived]
        impl #impls ::core::default::Default for #scratch #types #bounds {
            fn default() -> Self {
                Self { #(#names: <<#tys as #krate::view::Crdt>::Scratch as ::core::default::Default>::default(),)* }
            }
        }

        #[automatically_derived]
        impl #impls ::core::clone::Clone for #entry #types #bounds {
            fn clone(&self) -> Self {
                match self {
                    #(Self::#variants(entry) => Self::#variants(::core::clone::Clone::clone(entry)),)*
                    Self::Unknown(entry) => Self::Unknown(::core::clone::Clone::clone(entry)),
                }
            }
        }

        #[automatically_derived]
        impl #impls ::core::clone::Clone for #slot #types #bounds {
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        impl #impls ::core::marker::Copy for #slot #types #bounds {}
    }
}

/// `Debug` of the entry, where all fields' entries have it: `Shop { sold: … }`.
fn debug(of: &Struct) -> TokenStream {
    let Struct { name, fields, krate, .. } = of;
    let mut generics = generics(of);
    for Member { ty, .. } in fields {
        // Over a lifetime, as in `bounded`.
        let bound = syn::parse_quote!(for<'crdt> <#ty as #krate::view::Crdt>::Entry: ::core::fmt::Debug);
        generics.make_where_clause().predicates.push(bound);
    }
    let (impls, types, bounds) = generics.split_for_impl();
    let [entry, ..] = names(of);
    let text = name.to_string();
    let fields_shown = fields.iter().map(|field| shown(&field.name));
    let variants = fields.iter().map(|field| &field.variant);
    quote! {
        #[automatically_derived]
        impl #impls ::core::fmt::Debug for #entry #types #bounds {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let mut out = f.debug_struct(#text);
                match self {
                    #(Self::#variants(entry) => out.field(#fields_shown, entry),)*
                    Self::Unknown(entry) => out.field("unknown", entry),
                };
                out.finish()
            }
        }
    }
}

/// `Debug` of the editor, where all fields' editors have it: each as what it reads.
fn debug_editor(of: &Struct) -> TokenStream {
    let Struct { fields, krate, .. } = of;
    let mut generics = generics(of);
    for Member { ty, .. } in fields {
        let bound = syn::parse_quote!(<#ty as #krate::view::Crdt>::Editor<'crdt>: ::core::fmt::Debug);
        generics.make_where_clause().predicates.push(bound);
    }
    generics.params.insert(0, syn::parse_quote!('crdt));
    let (impls, types, bounds) = generics.split_for_impl();
    let [.., editor] = names(of);
    let (text, names) = (editor.to_string(), fields.iter().map(|field| &field.name));
    let names_shown = fields.iter().map(|field| shown(&field.name));
    quote! {
        #[automatically_derived]
        impl #impls ::core::fmt::Debug for #editor #types #bounds {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#text)#(.field(#names_shown, &self.#names))*.finish()
            }
        }
    }
}

/// The view: every call goes to the field that it is about.
fn crdt(of: &Struct) -> TokenStream {
    let Struct { name, krate, .. } = of;
    let generics = generics(of);
    let (impls, types, bounds) = generics.split_for_impl();
    let arguments = generics.params.iter().map(argument);
    let [entry, slot, scratch, editor] = names(of);
    let methods = [storing(of), finding(of), asking(of), editing(of), sharing(of)];
    let (.., calls) = parts(of);
    quote! {
        #[automatically_derived]
        impl #impls #krate::view::Crdt for #name #types #bounds {
            type Entry = #entry #types;
            type Slot = #slot #types;
            type Scratch = #scratch #types;
            type Editor<'crdt> = #editor<'crdt, #(#arguments),*>;

            const HAS_RIGHTS: bool = false #(|| #calls::HAS_RIGHTS)*;
            const HAS_STAMPS: bool = false #(|| #calls::HAS_STAMPS)*;

            #(#methods)*
        }
    }
}

/// A parameter where it is used.
fn argument(param: &syn::GenericParam) -> TokenStream {
    match param {
        syn::GenericParam::Type(syn::TypeParam { ident, .. })
        | syn::GenericParam::Const(syn::ConstParam { ident, .. }) => quote!(#ident),
        syn::GenericParam::Lifetime(syn::LifetimeParam { lifetime, .. }) => quote!(#lifetime),
    }
}

/// Each field's name, its variant, and its type's implementation.
pub(crate) fn parts(of: &Struct) -> (Vec<&syn::Member>, Vec<&syn::Ident>, Vec<TokenStream>) {
    let krate = &of.krate;
    let parts = of
        .fields
        .iter()
        .map(|Member { name, variant, ty, .. }| ((name, variant), quote!(<#ty as #krate::view::Crdt>)));
    let (idents, calls): (Vec<_>, Vec<_>) = parts.unzip();
    let (names, variants) = idents.into_iter().unzip();
    (names, variants, calls)
}

/// What takes entries in and lets go of them.
fn storing(of: &Struct) -> TokenStream {
    let krate = &of.krate;
    let ([entry, slot, ..], (names, variants, calls)) = (names(of), parts(of));
    quote! {
        fn take_in(
            &mut self,
            at: &mut #krate::view::At<'_>,
            dot: #krate::view::LocalDot,
            entry: Self::Entry,
        ) -> Self::Slot {
            match entry {
                #(#entry::#variants(entry) => #slot::#variants(#calls::take_in(&mut self.#names, at, dot, entry)),)*
                #entry::Unknown(entry) => {
                    at.keep(dot, entry);
                    #slot::Unknown
                }
            }
        }

        fn take_in_copy(
            &mut self,
            at: &mut #krate::view::At<'_>,
            dot: #krate::view::LocalDot,
            entry: &Self::Entry,
        ) -> Self::Slot {
            match entry {
                #(#entry::#variants(entry) => {
                    #slot::#variants(#calls::take_in_copy(&mut self.#names, at, dot, entry))
                })*
                #entry::Unknown(entry) => {
                    at.keep(dot, ::core::clone::Clone::clone(entry));
                    #slot::Unknown
                }
            }
        }

        fn take_in_from(
            &mut self,
            at: &mut #krate::view::At<'_>,
            dot: #krate::view::LocalDot,
            other: &Self,
            look: #krate::view::Look<'_>,
            (there, slot): (#krate::view::LocalDot, Self::Slot),
        ) -> Self::Slot {
            match slot {
                #(#slot::#variants(slot) => {
                    let from = (there, slot);
                    #slot::#variants(#calls::take_in_from(&mut self.#names, at, dot, &other.#names, look, from))
                })*
                #slot::Unknown => {
                    at.keep(dot, look.kept(there));
                    #slot::Unknown
                }
            }
        }

        fn look_ahead(&self, other: &Self, slot: Self::Slot) -> ::core::primitive::u32 {
            match slot {
                #(#slot::#variants(slot) => #calls::look_ahead(&self.#names, &other.#names, slot),)*
                #slot::Unknown => 0,
            }
        }

        fn take_out(&mut self, at: &mut #krate::view::At<'_>, dot: #krate::view::LocalDot, slot: Self::Slot) {
            match slot {
                #(#slot::#variants(slot) => #calls::take_out(&mut self.#names, at, dot, slot),)*
                #slot::Unknown => at.release(dot),
            }
        }
    }
}

/// What finds entries by their slots.
fn finding(of: &Struct) -> TokenStream {
    let krate = &of.krate;
    let ([entry, slot, ..], (names, variants, calls)) = (names(of), parts(of));
    quote! {
        fn entry_at(
            &self,
            at: #krate::view::Look<'_>,
            dot: #krate::view::LocalDot,
            slot: Self::Slot,
        ) -> Self::Entry {
            match slot {
                #(#slot::#variants(slot) => #entry::#variants(#calls::entry_at(&self.#names, at, dot, slot)),)*
                #slot::Unknown => #entry::Unknown(at.kept(dot)),
            }
        }

        fn siblings(
            &self,
            dot: #krate::view::LocalDot,
            slot: Self::Slot,
            each: &mut dyn ::core::ops::FnMut(#krate::view::LocalDot),
        ) {
            match slot {
                #(#slot::#variants(slot) => #calls::siblings(&self.#names, dot, slot, each),)*
                // The path goes on in bytes that this build cannot read.
                #slot::Unknown => each(dot),
            }
        }

        fn contest(
            &self,
            dot: #krate::view::LocalDot,
            slot: Self::Slot,
        ) -> ::core::option::Option<#krate::view::LocalDot> {
            match slot {
                #(#slot::#variants(slot) => #calls::contest(&self.#names, dot, slot),)*
                #slot::Unknown => ::core::option::Option::None,
            }
        }
    }
}

/// What asks without changing.
fn asking(of: &Struct) -> TokenStream {
    let krate = &of.krate;
    let ([entry, ..], (names, variants, calls)) = (names(of), parts(of));
    quote! {
        fn is_bottom(&self) -> bool {
            true #(&& #calls::is_bottom(&self.#names))*
        }

        fn is_empty(&self) -> bool {
            true #(&& #calls::is_empty(&self.#names))*
        }

        fn heap_bytes(&self) -> usize {
            0 #(+ #calls::heap_bytes(&self.#names))*
        }

        fn stamp(entry: &Self::Entry) -> ::core::option::Option<#krate::clock::Stamp> {
            match entry {
                #(#entry::#variants(entry) => #calls::stamp(entry),)*
                #entry::Unknown(_) => ::core::option::Option::None,
            }
        }
    }
}

/// What edits.
fn editing(of: &Struct) -> TokenStream {
    let krate = &of.krate;
    let ([entry, _, _, editor], (names, variants, calls)) = (names(of), parts(of));
    quote! {
        fn edit<'crdt>(
            base: ::core::option::Option<&'crdt Self>,
            scratch: &'crdt Self::Scratch,
            tx: &'crdt #krate::view::Tx<'crdt>,
        ) -> Self::Editor<'crdt> {
            #editor { #(#names: #calls::edit(base.map(|base| &base.#names), &scratch.#names, tx),)* }
        }

        fn reads_empty(editor: &Self::Editor<'_>) -> bool {
            true #(&& #calls::reads_empty(&editor.#names))*
        }

        fn tombstones(&self, each: &mut dyn ::core::ops::FnMut(&[#krate::view::LocalDot])) {
            #(#calls::tombstones(&self.#names, each);)*
        }

        fn drain(scratch: &mut Self::Scratch, mut out: impl ::core::ops::FnMut(u64, Self::Entry)) {
            #(#calls::drain(&mut scratch.#names, |seq, entry| out(seq, #entry::#variants(entry)));)*
        }
    }
}

/// What moves rights. Fields that hold none are not asked, large as they may be.
fn sharing(of: &Struct) -> TokenStream {
    let krate = &of.krate;
    let ([entry, ..], (names, variants, calls)) = (names(of), parts(of));
    quote! {
        fn rights(
            editor: &Self::Editor<'_>,
            at: &Self::Entry,
            with: &mut dyn ::core::ops::FnMut(&dyn #krate::view::Rights),
        ) {
            match at {
                #(#entry::#variants(at) => #calls::rights(&editor.#names, at, with),)*
                #entry::Unknown(_) => {}
            }
        }

        fn rights_of(&self, holder: #krate::ReplicaId, each: &mut dyn ::core::ops::FnMut(Self::Entry)) {
            #(if #calls::HAS_RIGHTS {
                #calls::rights_of(&self.#names, holder, &mut |at| each(#entry::#variants(at)));
            })*
        }

        fn rights_drawn(scratch: &Self::Scratch, each: &mut dyn ::core::ops::FnMut(Self::Entry, u64)) {
            #(if #calls::HAS_RIGHTS {
                #calls::rights_drawn(&scratch.#names, &mut |at, lacking| each(#entry::#variants(at), lacking));
            })*
        }
    }
}

/// A struct can be removed from a map if all its fields can.
fn reset(of: &Struct) -> TokenStream {
    let Struct { name, krate, .. } = of;
    let generics = bounded(of, &quote!(#krate::view::Reset));
    let (impls, types, bounds) = generics.split_for_impl();
    let (names, _, _) = parts(of);
    let calls = of.fields.iter().map(|Member { ty, .. }| quote!(<#ty as #krate::view::Reset>));
    quote! {
        #[automatically_derived]
        impl #impls #krate::view::Reset for #name #types #bounds {
            fn reset(editor: &Self::Editor<'_>) {
                #(#calls::reset(&editor.#names);)*
            }
        }
    }
}

/// The struct's parameters, with the bound that all fields have a capability which some types lack.
///
/// A bound over a lifetime may be false without being an error: a struct whose values have no bytes,
/// or cannot be removed, is a CRDT all the same.
pub(crate) fn bounded(of: &Struct, capability: &TokenStream) -> syn::Generics {
    let mut generics = of.generics.clone();
    for Member { ty, .. } in &of.fields {
        generics.make_where_clause().predicates.push(syn::parse_quote!(for<'crdt> #ty: #capability));
    }
    generics
}
