//! Random work, and after each step the comparison with a model that is too simple to be wrong.

mod crowd;
mod dynamic;
mod histories;
mod stress;
mod texts;
mod values;
