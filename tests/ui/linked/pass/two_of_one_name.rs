//! Two tables, or two procedures, of one name: the start says where both stand.

#![forbid(unsafe_code)]
#![deny(warnings)]

use tickbase::{Database, Record, TransactionHandle, procedure, table};

mod air {
    #[tickbase::table]
    pub struct Stand {
        pub height: f32,
    }
}

#[table]
pub struct Stand {
    pub free: bool,
}

#[table(name = "flight")]
pub struct Plane {
    pub stand: u8,
}

#[procedure]
pub fn land(_tx: &mut TransactionHandle) -> tickbase::Result<()> {
    Ok(())
}

#[procedure(name = "land")]
pub fn touch_down(_tx: &mut TransactionHandle) -> tickbase::Result<()> {
    Ok(())
}

fn refusal(builder: tickbase::DatabaseBuilder) -> String {
    builder.in_memory().map(|_| ()).unwrap_err().to_string()
}

fn main() {
    let told = refusal(Database::builder().linked());
    // Procedures are looked at first.
    let places = ["two_of_one_name.rs:25", "two_of_one_name.rs:30"];
    assert!(told.contains("`land`") && places.iter().all(|p| told.contains(p)), "{told}");

    let told = refusal(Database::builder().table::<air::Stand>().table::<Stand>());
    let places = ["two_of_one_name.rs:9", "two_of_one_name.rs:15"];
    assert!(told.contains("`stand`") && places.iter().all(|p| told.contains(p)), "{told}");

    let told = refusal(Database::builder().table::<Plane>().table::<Plane>());
    assert!(told.contains("`flight`") && told.contains("is added twice"), "{told}");
    assert_eq!(Plane::PLACE.module, module_path!());
}
