//! Which rulesets are live?
//!
//! [`load`] reads the files of a folder and [`embedded`] those inside this program; [`Checked`] says what they are worth;
//! a [`Catalog`] holds those that are served, each replaced as a whole or not at all.

mod check;
mod live;
mod load;

pub use check::Checked;
pub use live::{Catalog, Live, NameTaken, NotRead, NotServed, Outcome};
pub use load::{LoadError, embedded, load};
