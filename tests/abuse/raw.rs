//! A client of HTTP/2 that sends what no client should: frames by hand (RFC 9113), headers without compression (RFC 7541, 6.2.2).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const CLASSIFY: &str = "/geotopics.v1.ClassificationService/Classify";
pub(crate) const STREAM: &str = "/geotopics.v1.ClassificationService/ClassifyStream";
pub(crate) const BATCH: &str = "/geotopics.v1.ClassificationService/ClassifyBatch";

/// A connection.
pub(crate) struct Raw(pub(crate) TcpStream);

/// A frame that the server sent.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    /// A connection on which nothing was said.
    pub(crate) fn silent(address: &str) -> Raw {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
        Raw(socket)
    }

    /// A connection that has begun as it should, with settings such as `(4, 0)`.
    pub(crate) fn open(address: &str, settings: &[(u16, u32)]) -> Raw {
        let mut raw = Raw::silent(address);
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        assert!(raw.send(PREFACE) && raw.frame(SETTINGS, 0, 0, &settings));
        // Then the server's windows are open.
        while raw.next().expect("settings").kind != SETTINGS {}
        assert!(raw.frame(SETTINGS, ACK, 0, b""));
        while raw.next().expect("a window").kind != WINDOW_UPDATE {}
        raw
    }

    /// Sends bytes; whether the server took them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.send(&frame(kind, flags, stream, payload))
    }

    /// Begins a call.
    pub(crate) fn call(&mut self, stream: u32, path: &str) -> bool {
        self.frame(HEADERS, END_HEADERS, stream, &call(path))
    }

    /// The next frame of the server, unless it ends before.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// Waits until the server ends the connection; what it gave as the reason, if it did: a code and a sentence.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Option<(u32, String)> {
        let start = Instant::now();
        let mut reason = None;
        while let Some(Frame { kind, payload, .. }) = self.next() {
            if kind == GOAWAY {
                let code = u32::from_be_bytes(payload[4..8].try_into().unwrap());
                reason = Some((code, String::from_utf8_lossy(&payload[8..]).into_owned()));
            }
        }
        assert!(start.elapsed() < Duration::from_secs(29), "the connection is still there");
        reason
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a call.
pub(crate) fn call(path: &str) -> Vec<u8> {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    .into_iter()
    .flat_map(|(name, value)| header(name.as_bytes(), value.as_bytes()))
    .collect()
}

/// One header, as a literal that is in no table.
pub(crate) fn header(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    for text in [name, value] {
        // An integer with a prefix of seven bits (RFC 7541, 5.1).
        match u8::try_from(text.len()) {
            Ok(length) if length < 127 => out.push(length),
            _ => {
                out.push(127);
                let mut rest = text.len() - 127;
                while rest >= 128 {
                    out.push((rest % 128) as u8 | 128);
                    rest /= 128;
                }
                out.push(rest as u8);
            }
        }
        out.extend(text);
    }
    out
}

/// A message of gRPC.
pub(crate) fn message(flag: u8, content: &[u8]) -> Vec<u8> {
    [&[flag][..], &u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}
