//! A database without a single Rust table: everything is made and used over REST.
//!
//! Run: `cargo run --release --example server -- --data /tmp/notes`
//!
//! Then, for instance:
//! ```sh
//! curl -X POST localhost:7400/tables/note -H 'Content-Type: application/json' \
//!   -d '{"fields": [{"name": "text", "type": "text<80>"}, {"name": "stars", "type": "u8"}]}'
//! curl -X POST localhost:7400/tables/note/records -H 'Content-Type: application/json' \
//!   -d '{"text": "hello", "stars": 5}'
//! curl localhost:7400/tables/note/records
//! ```

use clap::Parser;
use example_support::{Failure, Options, log_to_stderr};
use tickbase::Database;

/// An empty tickbase server; tables are made over REST.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<(), Failure> {
    log_to_stderr();
    let options = Arguments::parse().options;
    let database = options.open(Database::builder())?;
    options.serve(database, |_| ())
}
