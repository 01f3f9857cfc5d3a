//! Value tables in a crate that forbids unsafe code and every warning.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    future_incompatible,
    keyword_idents,
    let_underscore,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    rust_2024_compatibility,
    trivial_casts,
    unreachable_pub,
    unused,
    unused_qualifications
)]

use tickbase::{
    Database, FieldHandle, FieldType, Id, Record, RecordCodec, Ref, Text, Timestamp, Uuid, table,
};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(u8)]
pub enum Role {
    /// Look.
    Guest,
    /// All.
    Admin,
}

/// Where users come from.
#[table]
#[derive(Debug)]
pub struct Town {
    /// What it is called.
    pub name: Text<16>,
}

/// Somebody, or something.
#[table(name = "people")]
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// What everybody calls them.
    #[key]
    pub name: String,
    /// Years since they were born.
    pub age: Option<u32>,
    /// What friends call them.
    #[unique]
    pub nick: Option<String>,
    /// A picture.
    pub picture: Vec<u8>,
    /// And another one.
    pub banner: Option<Vec<u8>>,
    /// What they may do.
    pub role: Role,
    /// What they ask for.
    pub wanted: Option<Role>,
    /// When they were here last.
    pub seen: Option<Timestamp>,
    /// Where they come from.
    #[references(Town)]
    pub town: Option<Id<Town>>,
    /// Who brought them.
    #[references(Self)]
    pub friend: Option<Id<Self>>,
    /// How tickets know them.
    pub token: Option<Uuid>,
    /// Three of something.
    pub scores: Option<[u16; 3]>,
    /// Short.
    pub code: Option<Text<3>>,
    /// A field that Rust would not have.
    pub r#type: u8,
    secret: Option<bool>,
}

const NAME: FieldHandle<User, String> = User::fields().name;

#[allow(missing_docs, unreachable_pub)]
mod inner {
    #[super::table]
    pub struct Note {
        pub(crate) text: ::std::string::String,
        pub about: Option<super::Id<super::User>>,
        hidden: i8,
    }

    impl Note {
        pub(crate) fn new(text: &str) -> Self {
            Self { text: text.into(), about: None, hidden: -1 }
        }
    }
}

fn greet(user: Ref<'_, User>) -> &str {
    user.nick().unwrap_or(user.name())
}

fn main() -> tickbase::Result<()> {
    let db = Database::builder()
        .table::<Town>()
        .table::<User>()
        .table::<inner::Note>()
        .in_memory()?;
    assert_eq!(User::OFFSETS[User::fields().age.index], User::fields().age.offset);
    assert_eq!(NAME.name, "name");

    let user = User {
        name: "Augusta Ada Byron".to_owned(),
        age: Some(36),
        nick: None,
        picture: vec![1; 40],
        banner: None,
        role: Role::Admin,
        wanted: Some(Role::Guest),
        seen: None,
        town: None,
        friend: None,
        token: None,
        scores: Some([1, 2, 3]),
        code: Text::new("abc").ok(),
        r#type: 3,
        secret: Some(true),
    };
    let id = db.transact(|tx| {
        let town = tx.insert(Town { name: Text::new("London").expect("short") })?;
        let id = tx.insert(user.clone())?;
        tx.set(id, User::fields().nick, Some("Ada"))?;
        tx.set(id, User::fields().town, Some(town))?;
        tx.update(id, |user| user.banner = Some(vec![9; 20]))?;
        tx.insert(inner::Note::new("a note of more than twelve bytes"))?;
        tx.table_mut::<User>().par_for_each_mut(|_, user| {
            let older = user.age().map(|age| age + 1);
            user.set_age(older);
            user.set_type(user.r#type() + 1);
        })?;
        Ok(id)
    })?;

    let snapshot = db.snapshot();
    let users = snapshot.table::<User>();
    let ada = users.get(id).expect("it is there");
    assert_eq!(greet(ada), "Ada");
    assert_eq!((ada.picture(), ada.banner()), (&[1; 40][..], Some(&[9; 20][..])));
    assert_eq!((ada.age(), ada.scores(), ada.r#type()), (Some(37), Some([1, 2, 3]), 4));
    assert_eq!((ada.role(), ada.wanted(), ada.secret()), (Role::Admin, Some(Role::Guest), Some(true)));
    assert!(ada.town().is_some() && ada.friend().is_none() && ada.code() == Text::new("abc").ok());
    assert_eq!(users.find(NAME, "Augusta Ada Byron").map(|(id, _)| id), Some(id));
    assert_eq!(User::from_json(&ada.to_json())?, ada.to_value());
    assert!(format!("{ada:?}").starts_with("User { name: \"Augusta Ada Byron\", age: 37,"));
    assert_eq!(snapshot.table::<inner::Note>().iter().next().map(|(_, note)| note.text().len()), Some(32));
    Ok(())
}
