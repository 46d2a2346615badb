//! Connections that come to nothing: silent, half open, slow, too many.

use crate::bystander::endures;
use crate::raw::*;
use crate::server::{Server, ask, new_folder, read_reply, wait};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

const LIMITS: [&str; 6] = ["--handshake-timeout", "1s", "--receive-timeout", "1s", "--stall-timeout", "1s"];

/// Waits for the end of connections, which must come by itself.
fn all_end(connections: Vec<TcpStream>) {
    for mut socket in connections {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // What it still has to say, then the end or a reset.
        let ended = socket.read_to_end(&mut Vec::new());
        let waits = |error: &std::io::Error| {
            matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        };
        assert!(!ended.is_err_and(|error| waits(&error)), "a connection is still there");
    }
}

#[test]
fn connections_without_a_call_end() {
    let server = Server::start(&LIMITS);
    let starts: [(&str, &[u8]); 9] = [
        ("silence", b""),
        ("half a preface", b"PRI * HTTP/2.0\r\n"),
        ("a preface and no settings", PREFACE),
        ("a preface of another version", b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n"),
        ("noise", &[0x80; 400]),
        ("a handshake of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("half a request of HTTP/1.1", b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "),
        ("another protocol", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("no request", b"\r\n\r\n\r\n\0\0\0\0"),
    ];
    for (what, bytes) in starts {
        for http in [false, true] {
            let address = if http { server.http.trim_start_matches("http://") } else { server.address() };
            endures(what, &server, |_| {
                let open = |_| {
                    let mut socket = TcpStream::connect(address).unwrap();
                    socket.write_all(bytes).unwrap();
                    socket
                };
                all_end((0..50).map(open).collect());
            });
        }
    }
}

#[test]
fn a_connection_is_not_kept_by_trickles() {
    let server = Server::start(&LIMITS);
    endures("trickles", &server, |server| {
        let http = server.http.trim_start_matches("http://");
        let head = "POST /v1/classify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
        for (address, start) in [
            (http, head.as_bytes().to_vec()),
            (http, b"POST /v1/classify HTTP/1.1\r\nx-slow: ".to_vec()),
            (server.address(), [PREFACE, &frame(SETTINGS, 0, 0, b"")[..5]].concat()),
        ] {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.write_all(&start).unwrap();
            let begun = Instant::now();
            while socket.write_all(b" ").is_ok() {
                assert!(begun.elapsed() < Duration::from_secs(15), "{start:?} is still taken");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
}

#[test]
fn a_body_that_comes_too_slowly_is_told_so() {
    let server = Server::start(&LIMITS);
    let mut socket = TcpStream::connect(server.http.trim_start_matches("http://")).unwrap();
    let head = "POST /v1/classify HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    socket.write_all(head.as_bytes()).unwrap();
    let reply = read_reply(&mut socket);
    assert!(reply.status == 504 && reply.body.contains("receive_timeout"), "{reply:?}");
}

#[test]
fn unused_connections_make_room() {
    let server = Server::start(&["--max-connections", "50"]);
    endures("too many connections", &server, |server| {
        let connections: Vec<Raw> = (0..500).map(|_| Raw::silent(server.address())).collect();
        wait(|| server.metric("geotopics_connections_evicted_total") >= 400.0, || server.log());
        assert!(server.metric("geotopics_connections") <= 50.0);
        drop(connections);
    });
}

#[test]
fn without_descriptors_the_server_waits_and_recovers() {
    let folder = new_folder("descriptors");
    fs::create_dir(folder.join("rules")).unwrap();
    fs::write(folder.join("rules/ruleset.toml"), "name = \"test\"\nversion = \"1\"\n").unwrap();
    fs::write(folder.join("rules/corridors.toml"), crate::server::TOPIC).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 128; exec "$0" "$@""#, env!("CARGO_BIN_EXE_geotopics")]);
    let server = Server::start_in(folder, command, &["--handshake-timeout", "60s"]);
    server.logs("too few descriptors");
    endures("descriptor exhaustion", &server, |server| {
        let held: Vec<Raw> = (0..400).map(|_| Raw::silent(server.address())).collect();
        let before = cpu(server);
        std::thread::sleep(Duration::from_secs(1));
        let spent = cpu(server) - before;
        assert!(spent < 50, "{spent} hundredths of a second of CPU time in one second of waiting");
        drop(held);
    });
    assert_eq!(ask(&server.http, "GET", "/readyz", &[], "").status, 200);
}

/// Hundredths of a second of CPU time that a server has used.
fn cpu(server: &Server) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.process.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
