use tickbase::{Database, TransactionHandle, procedure};

#[derive(Clone, Copy)]
struct Flight {
    altitude: f32,
}

fn climb(_tx: &mut TransactionHandle) -> tickbase::Result<()> {
    Ok(())
}

struct Descend;

#[procedure]
fn divert(_tx: &mut TransactionHandle, to: u32) -> tickbase::Result<u32> {
    Ok(to)
}

fn main() {
    let db = Database::builder()
        .table::<Flight>()
        .procedure::<climb>()
        .procedure::<Descend>()
        .in_memory()
        .unwrap();
    let _ = db.snapshot().table::<Flight>();
    let _ = db.call(divert::with("ATL"));
    let _ = db.call(divert::with());
    let _: String = db.call(divert::with(1)).unwrap();
    let _ = db.call(divert);
}
