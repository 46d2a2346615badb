//! The engine beside others who find the same terms, and beside itself: one thread, CPU time, both in turn, round by
//! round; medians with least and most. Prints the table of docs/performance.md.
//!
//! ```sh
//! cargo run --release -p geotopics-benches                            # made articles and terms
//! cargo run --release -p geotopics-benches -- FOLDER                  # articles and terms of a folder
//! cargo run --release -p geotopics-benches -- --rows 1,8 FOLDER       # some rows
//! cargo run --release -p geotopics-benches --features vectorscan      # row 2 too, which needs its C library
//! ```

mod measure;
mod ours;
mod peers;
mod rows;
#[cfg(feature = "vectorscan")]
mod vectorscan;
mod worst;

use cap::Cap;
use measure::Row;
use rows::{Data, ROWS};
use std::error::Error;
use std::io::{self, Write};
use tikv_jemallocator::Jemalloc;

// The program's allocator, counted.
#[global_allocator]
static HEAP: Cap<Jemalloc> = Cap::new(Jemalloc, usize::MAX);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut data = Data { folder: None };
    let mut picked: Vec<u8> = ROWS.iter().map(|&(number, _)| number).collect();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rows" => {
                let numbers = arguments.next().ok_or("--rows needs numbers: 1,8")?;
                picked = numbers.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            _ => data.folder = Some(argument.into()),
        }
    }
    if let Some(number) = picked.iter().find(|&number| !ROWS.iter().any(|(row, _)| row == number)) {
        return Err(format!("this build has no row {number}").into());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", Row::HEAD)?;
    for (_, rows) in ROWS.iter().filter(|(number, _)| picked.contains(number)) {
        for row in rows(&data)? {
            writeln!(out, "{row}")?;
        }
    }
    Ok(())
}
