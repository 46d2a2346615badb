//! Texts that are meant to take long, to take much, or to be taken for something else; and what of it stands in the log.

use crate::bystander::{article, client, endures};
use crate::server::{Server, ask};
use geotopics::wire::v1::{ClassifyOptions, ClassifyRequest, Document, document::MetadataEntry};
use std::time::{Duration, Instant};
use tonic::{Code, Request};

#[test]
fn hostile_texts_are_classified_like_any_other() {
    let server = Server::start(&[]);
    let megabyte = |text: &str| text.repeat((1 << 20) / text.len());
    let texts = [
        ("nothing but spaces", megabyte(" ")),
        ("one word", megabyte("a")),
        ("one word of wildcards", megabyte("corridor")),
        ("words of one letter", megabyte("a ")),
        ("the term, again and again", megabyte("middle corridor ")),
        ("half of the term", megabyte("middle ")),
        ("line ends", megabyte("\n")),
        ("paragraphs", megabyte("a\n\n")),
        ("NUL", megabyte("\0")),
        ("marks on one letter", format!("a{}", megabyte("\u{301}\u{316}"))),
        ("emoji of many parts", megabyte("👩‍👩‍👧‍👦")),
        ("flags", megabyte("🇦🇿🇬🇪")),
        ("directions", megabyte("\u{202e}abc\u{202c}")),
        ("no spaces", megabyte("中欧班列")),
        ("apostrophes", megabyte("l'état's ")),
        ("hyphens", megabyte("a-")),
        ("quotes", megabyte("\"")),
        ("characters that fold to three", megabyte("ﬃ")),
        ("the largest characters", megabyte("\u{10ffff}")),
        ("the term in disguise", "The M\u{131}ddle\u{200b} Corr\u{456}dor".to_owned()),
    ];
    endures("hostile texts", &server, |server| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut client = client(&server.url).await.max_decoding_message_size(usize::MAX);
            for (what, text) in &texts {
                for language in ["", "tr", "zh", "xx-nonsense"] {
                    let start = Instant::now();
                    let document = Document { language: language.to_owned().into(), ..article("a", text) };
                    let request = ClassifyRequest { document: Some(document), options: None };
                    client.classify(request).await.unwrap_or_else(|status| panic!("{what}: {status}"));
                    // A debug build takes some 30 ns a byte.
                    assert!(start.elapsed() < Duration::from_secs(20), "{what} took {:?}", start.elapsed());
                }
            }
        });
    });
}

#[test]
fn nothing_that_a_client_sends_can_be_taken_for_a_line_of_the_log() {
    let secret = "a secret that is in the document";
    let forged = "x\n{\"level\":\"INFO\",\"message\":\"forged\"}\u{1b}[31m\r\u{9b}\u{202e}";
    for format in ["json", "text"] {
        let server = Server::start(&["--log", "debug", "--log-format", format]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut client = client(&server.url).await;
            let document = Document {
                metadata: vec![MetadataEntry {
                    key: forged.to_owned().into(),
                    value: secret.to_owned().into(),
                }],
                ..article(forged, &format!("{secret}{forged}"))
            };
            for options in [
                ClassifyOptions::default(),
                ClassifyOptions { ruleset: forged.to_owned(), ..ClassifyOptions::default() },
                ClassifyOptions { topics: vec![forged.to_owned()], ..ClassifyOptions::default() },
            ] {
                let mut request = Request::new(ClassifyRequest {
                    document: Some(document.clone()),
                    options: Some(options),
                });
                request.metadata_mut().insert("x-request-id", "id with spaces \"quoted\"".parse().unwrap());
                request.metadata_mut().insert("traceparent", "00-\"forged\" level=ERROR-01".parse().unwrap());
                request.metadata_mut().insert("x-secret", secret.parse().unwrap());
                request.metadata_mut().insert("authorization", format!("Bearer {secret}").parse().unwrap());
                let answer = client.classify(request).await;
                assert!(answer.map_or_else(|status| status.code() != Code::Internal, |_| true));
            }
        });
        for path in
            ["/v1/%0a%1b%5b31m", "/v1/rulesets/%0aforged", "/v1/classify:stream?ruleset=%0aforged&x=%1b"]
        {
            ask(&server.http, "POST", path, &["content-type: application/x-ndjson"], secret);
        }
        server.logs("classify:stream");
        let log = server.log();
        assert!(!log.contains(secret), "{log}");
        let steers = |c: char| c != '\n' && c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!log.contains(steers), "{log:?}");
        for line in log.lines() {
            match format {
                "json" => {
                    let line: serde_json::Value =
                        serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                    assert_ne!(line["message"], "forged");
                }
                _ => assert!(line.starts_with("20"), "{line}"),
            }
        }
    }
}
