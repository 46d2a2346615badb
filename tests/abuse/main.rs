//! What a hostile network does to a server, the real one on real sockets, and that those who behave do not notice.
#![cfg(feature = "server")]
#![allow(clippy::print_stdout, reason = "what was measured is shown, and asserts nothing")]

mod bystander;
mod calls;
mod connections;
mod frames;
mod life;
mod messages;
mod raw;
#[path = "../server/mod.rs"]
mod server;
mod texts;
