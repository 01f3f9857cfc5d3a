//! `#[table]`: from a struct to a table.
//!
//! The struct is always given back, also where it has faults, and with them as much of the rest as
//! can be made, so that one fault does not look like twenty.

mod check;
mod expand;
mod history;
mod model;
mod read;
mod values;

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::errors::Errors;

/// What stands in the place of the struct.
pub(crate) fn table(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let code = translate(arguments, item, &mut errors);
    quote!(#code #errors)
}

fn translate(arguments: TokenStream, item: TokenStream, errors: &mut Errors) -> TokenStream {
    let Ok(mut parsed) = syn::parse2::<DeriveInput>(item.clone()) else {
        let first = item.clone().into_iter().next();
        errors.at(first, "`#[table]` stands on a struct with named fields");
        return item;
    };
    let table = read::read(arguments, &mut parsed, errors);
    match table.filter(|table| check::check(table, errors)) {
        Some(table) => {
            let code = match table.is_of_values() {
                true => values::expand(&table),
                false => {
                    read::complete(&mut parsed);
                    expand::expand(&table)
                }
            };
            quote!(#parsed #code)
        }
        None => quote!(#parsed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::testing::{assert_faults, assert_is_self_contained, tokens};

    fn translated(arguments: &str, item: &str) -> (String, TokenStream, Errors) {
        let mut errors = Errors::default();
        let code = translate(tokens(arguments), tokens(item), &mut errors);
        (code.to_string(), code, errors)
    }

    fn assert_refused(arguments: &str, item: &str, faults: &[(&str, &str)]) {
        assert_faults(&translated(arguments, item).2, faults);
    }

    const FLIGHT: &str = "/// A flight.
        #[derive(Debug, Clone)]
        pub struct Flight {
            /// What the pilot says.
            #[key] pub callsign: Text<8>,
            #[references(Airport)] to: Option<Id<Airport>>,
            r#type: u8,
        }";

    #[test]
    fn a_struct_comes_back_without_our_attributes_and_as_plain_data() {
        let (text, code, errors) = translated("", FLIGHT);
        assert_faults(&errors, &[]);
        assert_is_self_contained(&code);
        let head = "# [derive (:: core :: marker :: Copy)] # [repr (C)] # [doc = \" A flight.\"] \
                    # [derive (Debug , Clone)] pub struct Flight";
        assert!(text.starts_with(head), "{text}");
        assert!(
            !text.contains("# [key]") && !text.contains("# [references"),
            "{text}"
        );
    }

    #[test]
    fn names_and_documentation_reach_the_definition() {
        let (text, ..) = translated("name = \"flights\"", FLIGHT);
        for part in [
            "const NAME : & 'static :: core :: primitive :: str = \"flights\"",
            "(types , \"callsign\" , true , \"What the pilot says.\")",
            "(types , \"type\" , false , \"\")",
            "relation :: < Airport > (\"flights\" , \"to\")",
            "table_reference :: < Option < Id < Airport > > , Airport > ()",
            "# [doc = \"What the pilot says.\\n\\nIts type is `Text<8>`.\"] pub callsign",
            "# [doc = \"The field `type`.\\n\\nIts type is `u8`.\"] r#type",
            "pub const fn fields () -> FlightFields",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn several_faults_are_told_at_once_and_the_table_is_made_all_the_same() {
        let item = "struct Flight { id: u64, #[key] _tail: u8, #[key] #[unqiue] to: u8 }";
        let faults = [
            ("nmae", "did you mean `name`?"),
            ("unqiue", "did you mean `unique`?"),
            ("key", "at most one `#[key]`"),
            ("id", "has its `id` already"),
            ("_tail", "lower-case letter"),
        ];
        let (text, code, errors) = translated("nmae = \"x\"", item);
        assert_faults(&errors, &faults);
        assert_is_self_contained(&code);
        assert!(text.contains("Record for Flight"));
    }

    #[test]
    fn what_is_no_struct_with_named_fields_is_refused_and_comes_back_as_it_was() {
        for (item, at, message) in [
            ("struct A < T > { x : T }", "< T >", "no parameters"),
            ("struct A (u8) ;", "(u8)", "have names"),
            ("struct A ;", "A", "has fields"),
            ("struct A { }", "A", "at least one field"),
            ("enum A { X }", "enum", "FieldType"),
            ("union A { x : u8 }", "union", "stands on a struct"),
            ("fn a () { }", "fn", "stands on a struct"),
        ] {
            let (text, _, errors) = translated("", item);
            assert_faults(&errors, &[(at, message)]);
            assert_eq!(
                text.replace("A(", "A ("),
                tokens(item).to_string().replace("A(", "A (")
            );
        }
    }

    #[test]
    fn a_type_that_reaches_outside_the_record_is_refused_with_what_to_write() {
        for (ty, at, message) in [
            ("&'static str", "&'static str", "Text<N>"),
            ("[String; 2]", "String", "Text<N>"),
            ("Option<std::vec::Vec<u32>>", "std::vec::Vec<u32>", "[T; N]"),
            ("Option<&str>", "&str", "write `String`"),
            ("[Box<u8>; 2]", "Box<u8>", "the type that is inside"),
            ("HashMap<u8, u8>", "HashMap<u8, u8>", "their own table"),
        ] {
            assert_refused("", &format!("struct A {{ x: {ty} }}"), &[(at, message)]);
        }
        assert_refused("", "struct A { x: Box, y: Vec }", &[]);
    }

    #[test]
    fn defaults_and_the_past_reach_the_definition() {
        let arguments = "name = \"door\", renamed_from = \"gate\", drops(\"old\", \"older\")";
        let item = "struct Gate {
            #[field(default = 3)] level: u8,
            #[field(default = \"B7\", renamed_from(\"a\", \"b\"), renamed_from = \"c\")]
            label: Text<4>,
        }";
        let (text, code, errors) = translated(arguments, item);
        assert_faults(&errors, &[]);
        assert_is_self_contained(&code);
        for part in [
            "with_default :: < u8 > ((__TICKBASE_FIELDS [0usize] . 1)",
            "types , { const DEFAULT : u8 = 3 ; DEFAULT }) ?",
            "const DEFAULT : Text < 4 > = < Text < 4 > > :: literal (\"B7\") ;",
            "with_history (table , & [\"gate\"] , & [(\"label\" , \"a\") , (\"label\" , \"b\") , \
             (\"label\" , \"c\")] , & [\"old\" , \"older\"])",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("# [field"), "{text}");
    }

    #[test]
    fn what_cannot_be_the_past_of_a_table_is_refused() {
        let arguments =
            "drops(\"b\", \"X\", \"c\", \"c\"), renamed_from(\"a\", 7), renamed_from = \"a\"";
        let item = "struct A {
            #[field(renamed_from = \"b\", defualt = 1)] b: u8,
            #[field(renamed_from(\"c\"), default = 1, default = 2)] d: u8,
            #[field] e: u8,
            #[field(default = 1)] #[field(default = 2, renamed_from)] f: u8,
            #[field(renamed_from = x)] g: u8,
        }";
        let faults = [
            ("renamed_from(\"a\", 7)", "by names in quotes"),
            ("defualt", "did you mean `default`?"),
            ("default", "stands twice"),
            ("#[field]", "is written like"),
            ("renamed_from", "by names in quotes"),
            ("default", "stands twice"),
            ("x", "a text in quotes"),
            ("\"a\"", "is what the table is called now"),
            ("\"b\"", "is what the field is called now"),
            ("\"b\"", "cannot go and be the former name"),
            ("\"c\"", "cannot go and be the former name"),
            ("\"b\"", "the struct has a field `b`"),
            ("\"X\"", "lower-case letter"),
            ("\"c\"", "stands twice"),
        ];
        assert_refused(arguments, item, &faults);
    }

    #[test]
    fn a_struct_with_a_text_bytes_or_an_option_becomes_a_value_table() {
        for (ty, read) in [
            ("String", "& 's :: core :: primitive :: str"),
            ("std::vec::Vec<u8>", "& 's [:: core :: primitive :: u8]"),
            (
                "Option<String>",
                ":: core :: option :: Option < & 's :: core :: primitive :: str >",
            ),
            ("Option<u32>", ":: core :: option :: Option < u32 >"),
        ] {
            let item = format!("#[derive(Clone)] struct A {{ b: Id<A>, x: {ty} }}");
            let (text, code, errors) = translated("", &item);
            assert_faults(&errors, &[]);
            assert_is_self_contained(&code);
            assert!(text.starts_with("# [derive (Clone)] struct A {"), "{text}");
            let reads = format!("fn x (self) -> {read} {{ self . record . get :: < 1usize > () }}");
            assert!(text.contains(&reads), "{reads} is not in {text}");
        }
        for ty in ["Option<Id<A>>", "[u8; 4]", "Option", "Vec"] {
            let (text, ..) = translated("", &format!("struct A {{ x: {ty} }}"));
            assert!(text.contains("PlainRecord for A"), "{ty}: {text}");
        }
    }

    #[test]
    fn fields_of_a_value_table_leave_the_names_of_its_functions_alone() {
        let item = "struct A { x: String, set_x: u8, to_json: u8, to_value: u8, set_y: u8 }";
        let faults = [
            ("set_x", "sets `x`"),
            ("to_json", "function of every record"),
            ("to_value", "function of every record"),
        ];
        assert_refused("", item, &faults);
        assert_refused("", "struct A { x: u8, set_x: u8, to_json: u8 }", &[]);
    }

    #[test]
    fn attributes_that_say_too_much_or_too_little_are_refused() {
        let item = "#[repr(C, packed)] #[cfg_attr(x, repr(align(2)))] struct A {
            #[cfg(x)] a: u8,
            #[key(a)] #[key] b: u8,
            #[unique] #[references] c: u8,
            #[references(A)] #[references(B)] d: Id<A>,
        }";
        let faults = [
            ("packed", "which `#[table]` adds"),
            ("repr", "in every build"),
            ("#[cfg(x)]", "in every build"),
            ("#[key(a)]", "takes no arguments"),
            ("#[key]", "stands twice"),
            ("#[references]", "say which table"),
            ("#[references(B)]", "refers to one table"),
        ];
        assert_refused("", item, &faults);
    }
}
