//! HTTP/2 frames: floods, and those that no client may send.

use crate::bystander::endures;
use crate::raw::*;
use crate::server::Server;
use std::thread;
use std::time::Duration;

const ENHANCE_YOUR_CALM: u32 = 0xb;

/// Sends frames until the server takes no more; how it ended.
fn flood(address: &str, prepare: impl Fn(&mut Raw), frames: &[u8]) -> Option<(u32, String)> {
    let mut raw = Raw::open(address, &[]);
    prepare(&mut raw);
    // What the server answers is taken, so that it is not that which holds it up.
    let mut reader = Raw(raw.0.try_clone().unwrap());
    let reader = thread::spawn(move || reader.ended());
    let mut sent = 0;
    while sent < 512 << 20 && raw.send(frames) {
        sent += frames.len();
    }
    assert!(sent < 512 << 20, "the server takes what comes");
    reader.join().unwrap()
}

/// What is sent again and again after what comes first.
type Flood<'a> = (&'a str, &'a dyn Fn(&mut Raw), Vec<u8>);

#[test]
fn floods_of_frames_without_content_end_their_connection() {
    let server = Server::start(&[]);
    let open = |raw: &mut Raw| assert!(raw.call(1, STREAM));
    let nothing = |_: &mut Raw| {};
    let setting = [&3_u16.to_be_bytes()[..], &100_u32.to_be_bytes()].concat();
    let floods: [Flood<'_>; 8] = [
        ("PING", &nothing, frame(PING, 0, 0, b"12345678")),
        ("acknowledged PING", &nothing, frame(PING, 1, 0, b"12345678")),
        ("SETTINGS", &nothing, frame(SETTINGS, 0, 0, &setting)),
        ("empty SETTINGS", &nothing, frame(SETTINGS, 0, 0, b"")),
        ("PRIORITY", &nothing, frame(PRIORITY, 0, 7, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", &open, frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        ("empty DATA", &open, frame(DATA, 0, 1, b"")),
        ("unknown frames", &nothing, frame(99, 0, 0, b"what")),
    ];
    for (what, prepare, one) in floods {
        let frames = one.repeat(100);
        let reason = endures(what, &server, |server| flood(server.address(), prepare, &frames));
        let (code, sentence) = reason.unwrap_or_else(|| panic!("{what}: no GOAWAY"));
        assert_eq!(code, ENHANCE_YOUR_CALM, "{what}: {sentence}");
        assert!(
            ["max_control_frames", "too_many"].iter().any(|said| sentence.contains(said)),
            "{what}: {sentence}"
        );
    }
}

#[test]
fn rapid_resets_end_their_connection() {
    let server = Server::start(&[]);
    let reason = endures("rapid reset", &server, |server| {
        let mut raw = Raw::open(server.address(), &[]);
        let mut reader = Raw(raw.0.try_clone().unwrap());
        let reader = thread::spawn(move || reader.ended());
        for stream in (1..200_000).step_by(2) {
            let cancel = 8_u32.to_be_bytes();
            if !(raw.call(stream, CLASSIFY) && raw.frame(RST_STREAM, 0, stream, &cancel)) {
                break;
            }
        }
        reader.join().unwrap()
    });
    let (code, sentence) = reason.unwrap();
    assert!(code == ENHANCE_YOUR_CALM && sentence.contains("resets"), "{code} {sentence}");
}

#[test]
fn headers_without_end_cost_little() {
    let server = Server::start(&["--receive-timeout", "2s", "--handshake-timeout", "2s"]);
    endures("CONTINUATION flood", &server, |server| {
        let mut raw = Raw::open(server.address(), &[]);
        assert!(raw.frame(HEADERS, 0, 1, &call(CLASSIFY)));
        let part = header(b"x-part", &[b'a'; 8000]);
        let mut sent = 0;
        while sent < 64 << 20 && raw.frame(CONTINUATION, 0, 1, &part) {
            sent += part.len();
        }
        assert!(sent < 64 << 20, "headers of {sent} bytes were taken");
    });
    endures("headers that never end", &server, |server| {
        let mut idle: Vec<Raw> = (0..50).map(|_| Raw::open(server.address(), &[])).collect();
        for raw in &mut idle {
            assert!(raw.frame(HEADERS, 0, 1, &call(CLASSIFY)));
        }
        for mut raw in idle {
            raw.ended();
        }
    });
    endures("headers that are too large", &server, |server| {
        let mut raw = Raw::open(server.address(), &[]);
        let large = [call(CLASSIFY), header(b"x-large", &[b'a'; 15_000]), header(b"x-larger", &[b'a'; 5000])]
            .concat();
        let (first, rest) = large.split_at(16_000);
        assert!(raw.frame(HEADERS, END_STREAM, 1, first) && raw.frame(CONTINUATION, END_HEADERS, 1, rest));
        let refused = std::iter::from_fn(|| raw.next()).find(|frame| frame.stream == 1);
        assert!(matches!(refused, Some(Frame { kind: HEADERS | RST_STREAM, .. })), "{refused:?}");
        // The connection goes on.
        assert!(raw.frame(PING, 0, 0, b"12345678"));
        assert!(std::iter::from_fn(|| raw.next()).any(|frame| frame.kind == PING));
    });
}

#[test]
fn frames_that_no_client_may_send_end_their_connection() {
    let server = Server::start(&[]);
    let bad: [(&str, Vec<u8>); 14] = [
        ("DATA on stream 0", frame(DATA, 0, 0, b"a")),
        ("DATA on no stream", frame(DATA, 0, 5, b"a")),
        ("HEADERS on stream 0", frame(HEADERS, END_HEADERS, 0, &call(CLASSIFY))),
        ("HEADERS on an even stream", frame(HEADERS, END_HEADERS, 2, &call(CLASSIFY))),
        ("CONTINUATION alone", frame(CONTINUATION, END_HEADERS, 1, b"")),
        ("PING of seven bytes", frame(PING, 0, 0, b"1234567")),
        ("PING on a stream", frame(PING, 0, 1, b"12345678")),
        ("SETTINGS of five bytes", frame(SETTINGS, 0, 0, b"12345")),
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, b"")),
        ("too large a window", frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])),
        ("WINDOW_UPDATE by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("RST_STREAM on no stream", frame(RST_STREAM, 0, 9, &[0; 4])),
        ("PUSH_PROMISE", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("a frame of 16 MiB", [&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1], &[0; 1000][..]].concat()),
    ];
    endures("frames that are wrong", &server, |server| {
        for (what, bytes) in bad {
            let mut raw = Raw::open(server.address(), &[]);
            raw.send(&bytes);
            let (code, _) = raw.ended().unwrap_or_else(|| panic!("{what}: no GOAWAY"));
            assert_ne!(code, 0, "{what}");
        }
        // Headers that are no headers.
        for headers in [vec![0xff; 100], vec![0x80], [0x3f, 0xff, 0xff, 0xff, 0xff, 0x0f].to_vec()] {
            let mut raw = Raw::open(server.address(), &[]);
            raw.frame(HEADERS, END_HEADERS | END_STREAM, 1, &headers);
            assert!(raw.ended().is_some());
        }
    });
}

#[test]
fn calls_that_are_none_are_refused_alone() {
    let server = Server::start(&[]);
    endures("headers that are wrong", &server, |server| {
        let with =
            |name: &str, value: &str| [call(CLASSIFY), header(name.as_bytes(), value.as_bytes())].concat();
        for headers in [
            with("Upper", "case"),
            with("connection", "close"),
            with("te", "gzip"),
            with("x-line", "a\r\nb: c"),
            with(":path", "/twice"),
            with("content-length", "5"),
            header(b":method", b"POST"),
            [header(b"x-first", b"1"), call(CLASSIFY)].concat(),
            call("no path"),
            call(""),
        ] {
            let mut raw = Raw::open(server.address(), &[]);
            assert!(raw.frame(HEADERS, END_HEADERS | END_STREAM, 1, &headers));
            assert!(raw.frame(PING, 0, 0, b"12345678"));
            // The call is refused, or with it the connection; nobody waits.
            let mut answers = std::iter::from_fn(|| raw.next());
            assert!(answers.any(|frame| [PING, GOAWAY].contains(&frame.kind)), "{headers:?}");
        }
        // More calls at a time than the server takes.
        let mut raw = Raw::open(server.address(), &[]);
        for stream in (1..600).step_by(2) {
            assert!(raw.call(stream, STREAM));
        }
        assert!(std::iter::from_fn(|| raw.next()).any(|frame| frame.kind == RST_STREAM));
        thread::sleep(Duration::from_millis(50));
    });
}
