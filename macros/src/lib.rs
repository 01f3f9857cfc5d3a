//! The macros of [tickbase](https://docs.rs/tickbase): tables from structs, types from enums and
//! structs, procedures from functions.
//!
//! Use them through `tickbase`, which exports them and all that their code refers to. Each of them
//! reads the tokens, makes a model of what they say, checks it, and writes code, a file each. All
//! faults of an item are reported at once, each at its token.

mod attributes;
mod errors;
#[cfg(test)]
mod expansions;
mod field_type;
mod names;
mod procedure;
mod table;
mod tokens;

use proc_macro::TokenStream;

/// Makes a table of a struct with named fields.
///
/// ```ignore
/// use tickbase::{FieldHandle, Id, Text, table};
///
/// /// Where flights start and end.
/// #[table]
/// #[derive(Debug)]
/// struct Airport {
///     #[key]
///     code: Text<4>,
///     position: [f64; 2],
/// }
///
/// #[table(name = "flights")]
/// struct Flight {
///     /// What the pilot says.
///     #[unique]
///     callsign: Text<8>,
///     #[references(Airport)]
///     destination: Option<Id<Airport>>,
///     altitude: f32,
/// }
///
/// const ALTITUDE: FieldHandle<Flight, f32> = Flight::fields().altitude;
/// ```
///
/// The struct implements `tickbase::Record`. Doc comments go into the catalog.
///
/// # Two kinds of table
/// Where each field is a `tickbase::FieldType`, the table is *plain*: the struct becomes `repr(C)`,
/// `Clone` and `Copy`, and a read gives `&Flight` straight from where the record lies.
///
/// A field that is a `String`, a `Vec<u8>`, or an `Option` of anything else than an `Id<T>`, makes it
/// a *value table*:
///
/// ```ignore
/// #[table]
/// struct User {
///     #[key]
///     name: String,
///     age: Option<u32>,
/// }
/// ```
///
/// The struct stays as it is written, and is the value that goes in and out: to `insert`, `replace`
/// and `update`. A read gives a `UserRef`, for which `Ref<User>` is another name, with a function
/// for each field that copies nothing: `name()` gives `&str`, `age()` an `Option<u32>`; `to_value()`
/// makes a `User` of it. Passes that change records get a `UserMut`, which has `set_name(&str)` and
/// `set_age(Option<u32>)` too. The macro goes by the names of these types, so they are written
/// `String`, `Vec<u8>` and `Option<…>`, with or without their path, and not as an alias.
///
/// `fields()` gives a `FlightFields` with a handle for each field, as visible as the field itself,
/// that knows name, place, offset and type; it may be called in constants.
///
/// # Keys
/// - `name = "…"`: the table's name; without it, that of the struct in snake case. Names of tables
///   and fields are a lower-case letter, then up to 62 lower-case letters, digits and underscores.
/// - `renamed_from = "…"`, `renamed_from("…", "…")`: names that the table had. A folder that was
///   written then is migrated.
/// - `drops("…", "…")`: fields that the struct had and that may go with their values when such a
///   folder is opened. Without it, one in which they are is refused.
///
/// # Attributes of fields
/// - `#[field(default = …)]`: what records have in it that were written before the struct had the
///   field, and those made by name that do not say. It is an expression of the field's type; for a
///   `Text<N>` a text in quotes.
/// - `#[field(renamed_from = "…")]`, `#[field(renamed_from("…", "…"))]`: names that the field had.
/// - `#[key]`: no two records have the same value, and it is what people know a record by. At most
///   one field has it.
/// - `#[unique]`: no two records have the same value.
/// - `#[references(Table)]`: the field holds ids of records of that table, and only of such as are
///   there. Its type is `Id<Table>` or `Option<Id<Table>>`.
///
/// # Errors
/// No field may be called `id`, since every record has one; the struct has no parameters and no
/// `repr` besides `C`; its fields stand under no `cfg`. A record has at most 64 KiB and an alignment
/// of at most 64, and the machine is little-endian. In a value table no field may be called
/// `to_value` or `to_json`, nor `set_` and the name of another.
///
/// Write `#[table]` above `#[derive(…)]`: in a plain table it adds `Clone` and `Copy` where the
/// derives below it do not have them, and cannot see those above.
#[proc_macro_attribute]
pub fn table(arguments: TokenStream, item: TokenStream) -> TokenStream {
    table::table(arguments.into(), item.into()).into()
}

/// Makes a type that fields can have of an enum without fields, or of a struct.
///
/// ```ignore
/// use tickbase::FieldType;
///
/// #[derive(Clone, Copy, FieldType)]
/// #[repr(u8)]
/// enum Phase {
///     Parked,
///     Taxi,
///     Airborne = 10,
/// }
///
/// #[derive(Clone, Copy, FieldType)]
/// #[repr(C)]
/// #[field_type(name = "place")]
/// struct Position {
///     latitude: f64,
///     longitude: f64,
/// }
/// ```
///
/// An enum is `#[repr(u8)]` and is stored as one byte; outside, its variants go by their names as
/// written in Rust. A struct is `#[repr(C)]` and is stored as its fields, which must be
/// `tickbase::FieldType` themselves. Both must be `Copy` and have no parameters.
///
/// `#[field_type(name = "…")]` gives the type's name, by which the catalog knows it; without it,
/// that is the name of the item in snake case. The names of built-in types are taken.
#[proc_macro_derive(FieldType, attributes(field_type))]
pub fn field_type(item: TokenStream) -> TokenStream {
    field_type::field_type(item.into()).into()
}

/// Makes a procedure of a function.
///
/// ```ignore
/// use tickbase::{Id, TransactionHandle, procedure};
///
/// /// Sends a flight elsewhere.
/// #[procedure]
/// fn divert(
///     tx: &mut TransactionHandle,
///     flight: Id<Flight>,
///     to: Id<Airport>,
/// ) -> tickbase::Result<()> {
///     tx.update(flight, |flight| flight.destination = Some(to))?;
///     Ok(())
/// }
///
/// #[procedure(every = 60)]
/// fn report(tx: &mut TransactionHandle) -> tickbase::Result<()> {
///     Ok(())
/// }
///
/// /// How many flights are above this altitude.
/// #[procedure(read_only)]
/// fn above(
///     tx: &TransactionHandle,
///     /// In feet; 0 where it is left out.
///     altitude: Option<f32>,
/// ) -> tickbase::Result<u64> {
///     let flights = tx.table::<Flight>();
///     let above = flights.iter().filter(|(_, flight)| flight.altitude > altitude.unwrap_or(0.0));
///     Ok(above.count() as u64)
/// }
/// ```
///
/// The function stays what it is. Beside it comes a type of the same name. It registers the
/// procedure, `builder.procedure::<divert>()`, and takes its arguments in Rust, where the compiler
/// checks them: `database.call(divert::with(flight, to))`, or in a tick `handle.call(…)`.
///
/// Its first parameter is the transaction. The others are its arguments, given by name from
/// outside: types that fields can have, `String`, `tickbase::Value`, and `Option` and `Vec` of all
/// these. An `Option` may be left out. It returns a `Result` of such a type, or of anything that
/// serde can serialize. Comments of the function and of its parameters go into its signature, which
/// `GET /rpc` gives.
///
/// # Keys
/// - `every = 60`: it runs by itself in every tick whose number is a multiple of this, and has no
///   arguments.
/// - `isolation = read_committed`: it reads what was committed when it began, and where another one
///   writes the same field, the later commit wins. Without it, or with `serializable`, the result is
///   that of running all calls one after another.
/// - `name = "…"`: its name; without it, that of the function.
/// - `read_only`: its transaction is a `&TransactionHandle`, so that the compiler refuses changes. It
///   runs on a snapshot, at once, beside the ticks.
///
/// # Errors
/// The function is not `async`, which comes in a later version, nor `const`, `unsafe`, `extern` or
/// generic.
#[proc_macro_attribute]
pub fn procedure(arguments: TokenStream, item: TokenStream) -> TokenStream {
    procedure::procedure(arguments.into(), item.into()).into()
}
