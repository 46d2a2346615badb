//! The log of the server, on standard error: text for people on a terminal, lines of JSON elsewhere.
//!
//! What a client or a file brought into a line cannot steer a terminal or forge another line: JSON escapes control characters,
//! and text goes through [`Plain`].

use super::settings::LogFormat;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Begins the log.
pub(super) fn start(filter: &str, format: LogFormat, colour: bool) {
    let text = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(Plain { keeps_colour: text && colour })
        .with_ansi(text && colour);
    let started =
        if text { log.with_target(false).try_init() } else { log.json().flatten_event(true).try_init() };
    // There is one log for a process, and this is the only place that begins one.
    debug_assert!(started.is_ok());
}

/// Standard error, without characters that steer terminals or turn text around. A line is written at once, whole.
#[derive(Clone, Copy, Debug)]
struct Plain {
    /// Whether the colours of the log itself are let through.
    keeps_colour: bool,
}

impl Write for Plain {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let end = text.len() - text.ends_with('\n') as usize;
        let mut plain = String::with_capacity(text.len());
        let mut colour = false;
        for (i, c) in text.char_indices() {
            // The log's own colours are `ESC [ digits ; m`. Those of a field were escaped before they came here.
            colour = self.keeps_colour
                && (c == '\u{1b}' || colour && (c == '[' || c == ';' || c.is_ascii_digit()));
            let steers = c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if steers && !colour && i < end {
                plain.extend(c.escape_unicode());
            } else {
                plain.push(c);
            }
        }
        io::stderr().lock().write_all(plain.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Plain {
    type Writer = Plain;

    fn make_writer(&'a self) -> Plain {
        *self
    }
}
