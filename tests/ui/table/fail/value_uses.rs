use tickbase::{Database, Id, Ref, TransactionHandle, table};

#[table]
struct User {
    name: String,
    age: Option<u32>,
}

fn outlives(db: &Database, id: Id<User>) -> Option<&str> {
    let snapshot = db.snapshot();
    snapshot.table::<User>().get(id).map(|user| user.name())
}

fn writes_while_read(tx: &mut TransactionHandle, user: Id<User>, other: Id<User>) {
    let read: Ref<'_, User> = tx.get(user).unwrap();
    tx.delete(other).unwrap();
    assert!(read.age().is_none());
}

fn wrong_types(tx: &mut TransactionHandle, user: Id<User>) {
    tx.set(user, User::fields().age, "36").unwrap();
    tx.set(user, User::fields().name, Some("Ada")).unwrap();
    tx.find(User::fields().name, 36);
}

fn wrong_fields(tx: &TransactionHandle, user: Id<User>) {
    let user = tx.get(user).unwrap();
    user.nmae();
}

fn main() {}
