//! What the macros make of the main shapes, as text to read and to compare.
//!
//! After a change of what they make, `INSTA_UPDATE=always cargo test -p tickbase-macros` writes the
//! new text into `snapshots/`; read the difference before it is committed.

use proc_macro2::TokenStream;

use crate::{errors::testing::tokens, field_type::field_type, procedure::procedure, table::table};

fn text(code: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(code).expect("macros make items"))
}

#[test]
fn a_table() {
    let item = "/// A flight.
        #[derive(Debug)]
        pub struct Flight {
            /// What the pilot says.
            #[key]
            pub callsign: Text<8>,
            #[references(Airport)]
            destination: Option<Id<Airport>>,
            #[unique]
            number: u32,
        }";
    let code = table(tokens("name = \"flights\""), tokens(item));
    insta::assert_snapshot!(text(code));
}

#[test]
fn a_value_table() {
    let item = "/// Somebody.
        #[derive(Debug, Clone)]
        pub struct User {
            /// What everybody calls them.
            #[key]
            pub name: String,
            age: Option<u32>,
            #[references(Self)]
            friend: Option<Id<Self>>,
        }";
    insta::assert_snapshot!(text(table(tokens(""), tokens(item))));
}

#[test]
fn a_table_with_faults() {
    let item = "struct Flight { #[uniqe] id: u8 }";
    insta::assert_snapshot!(text(table(tokens("nmae = \"a\""), tokens(item))));
}

#[test]
fn a_procedure() {
    let item = "/// Sends a flight elsewhere.
        pub fn divert(
            tx: &mut TransactionHandle,
            flight: Id<Flight>,
            /// Where to.
            to: Option<Id<Airport>>,
        ) -> Result<u32, String> {
            go(tx, flight, to)
        }";
    let code = procedure(tokens("isolation = read_committed"), tokens(item));
    insta::assert_snapshot!(text(code));
}

#[test]
fn a_procedure_that_runs_by_itself() {
    let item = "fn advance(tx: &mut TransactionHandle) -> tickbase::Result<()> { Ok(()) }";
    insta::assert_snapshot!(text(procedure(tokens("every = 2"), tokens(item))));
}

#[test]
fn a_procedure_that_only_reads() {
    let item = "fn flights(tx: &TransactionHandle) -> tickbase::Result<Vec<u32>> { list(tx) }";
    insta::assert_snapshot!(text(procedure(tokens("read_only"), tokens(item))));
}

#[test]
fn a_procedure_with_faults() {
    let item = "async fn advance(x: u8) { go(x) }";
    insta::assert_snapshot!(text(procedure(tokens("evry = 2"), tokens(item))));
}

#[test]
fn an_enum_as_field_type() {
    let item = "#[repr(u8)] enum Phase { Parked, Airborne = 10 }";
    insta::assert_snapshot!(text(field_type(tokens(item))));
}

#[test]
fn a_composite_as_field_type() {
    let item = "#[repr(C)] #[field_type(name = \"place\")]
        struct Position { latitude: f64, longitude: f64 }";
    insta::assert_snapshot!(text(field_type(tokens(item))));
}
