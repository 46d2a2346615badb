//! The `geotopics` program: see `geotopics --help`.

fn main() {}
