//! Who may call: TLS, client certificates and tokens, with the real server and the real commands.
#![cfg(feature = "server")]

mod server;

use geotopics::wire::proto::geotopics::v1::classification_service_client::ClassificationServiceClient;
use geotopics::wire::proto::geotopics::v1::ruleset_service_client::RulesetServiceClient;
use geotopics::wire::proto::google::rpc::{ErrorInfo, RetryInfo, Status as RpcStatus};
use geotopics::wire::v1::{
    ClassifyRequest, Document, ListRulesetsRequest, ReloadRulesetRequest, ReloadRulesetResponse,
};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use server::{Server, TOPIC, new_folder, replace, wait};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

impl Folder {
    fn new() -> Folder {
        Folder(new_folder("identity"))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

fn run(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geotopics"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that is refused does not read.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A token made by the program, kept in a file of its own; the token and the path.
fn token(folder: &Folder, name: &str, more: &[&str]) -> (String, String) {
    let file = folder.path("tokens.toml");
    let arguments = [&["token", name, "--tokens", &file], more].concat();
    let (status, secret, errors) = run(&arguments, "");
    assert_eq!(status, Some(0), "{errors}");
    assert!(!errors.contains(secret.trim()));
    let path = folder.path(name);
    fs::write(&path, &secret).unwrap();
    (secret.trim().to_owned(), path)
}

fn ask<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

fn article() -> ClassifyRequest {
    let document = Document { text: "The Middle Corridor".into(), ..Document::default() };
    ClassifyRequest { document: Some(document), options: None }
}

async fn channel(server: &Server) -> Channel {
    Channel::from_shared(server.url.clone()).unwrap().connect().await.unwrap()
}

async fn classify(channel: &Channel, token: Option<&str>) -> Result<usize, Status> {
    let answer = ClassificationServiceClient::new(channel.clone()).classify(ask(article(), token)).await?;
    Ok(answer.into_inner().classification.unwrap().labels.len())
}

async fn reload(channel: &Channel, token: Option<&str>, name: &str) -> Result<ReloadRulesetResponse, Status> {
    let request = ReloadRulesetRequest { name: name.to_owned() };
    Ok(RulesetServiceClient::new(channel.clone()).reload_ruleset(ask(request, token)).await?.into_inner())
}

fn reason(status: &Status) -> String {
    let details = RpcStatus::decode(status.details()).unwrap().details;
    ErrorInfo::decode(&*details[0].value).unwrap().reason
}

#[tokio::test]
async fn only_holders_of_tokens_may_call() {
    let folder = Folder::new();
    let (feed, _) = token(&folder, "feed", &[]);
    let (old, _) = token(&folder, "old", &["--expires", "1s"]);
    let (slow, _) = token(&folder, "slow", &["--calls-per-second", "1"]);
    let server = Server::start(&["--tokens", &folder.path("tokens.toml"), "--log", "debug"]);
    let channel = channel(&server).await;
    assert_eq!(classify(&channel, Some(&feed)).await.unwrap(), 1);

    wait_for_expiry(&channel, &old).await;
    for (token, message) in [
        (None, "the call needs one header `authorization: Bearer TOKEN`"),
        (Some("gt_00"), "there is no such token"),
        (Some(""), "there is no such token"),
        (Some(&*old), "the token has expired"),
    ] {
        let status = classify(&channel, token).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, message));
        assert_eq!(reason(&status), "UNAUTHENTICATED");
    }
    let mut basic = Request::new(article());
    basic.metadata_mut().insert("authorization", "Basic Zm9vOmJhcg==".parse().unwrap());
    let status = ClassificationServiceClient::new(channel.clone()).classify(basic).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let mut twice = ask(article(), Some(&feed));
    twice.metadata_mut().append("authorization", "Bearer x".parse().unwrap());
    let status = ClassificationServiceClient::new(channel.clone()).classify(twice).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);

    // Whoever looks after the server needs no token.
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();

    let answers: Vec<_> =
        [classify(&channel, Some(&slow)).await, classify(&channel, Some(&slow)).await].into();
    let status = answers[1].clone().unwrap_err();
    assert!(answers[0].is_ok());
    assert_eq!((status.code(), &*reason(&status)), (Code::ResourceExhausted, "TOKEN_RATE"));
    assert!(status.message().contains("calls_per_second"));
    let details = RpcStatus::decode(status.details()).unwrap().details;
    let delay = RetryInfo::decode(&*details[1].value).unwrap().retry_delay.unwrap();
    assert!((0..=1).contains(&delay.seconds), "{delay:?}");

    server.logs("\"token\":\"feed\"");
    let log = server.log();
    for secret in [&feed, &old, &slow, &geotopics_hash(&folder)] {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
}

/// A hash that stands in the file of tokens.
fn geotopics_hash(folder: &Folder) -> String {
    let text = fs::read_to_string(folder.path("tokens.toml")).unwrap();
    text.split("sha256 = \"").nth(1).unwrap()[..64].to_owned()
}

async fn wait_for_expiry(channel: &Channel, token: &str) {
    while classify(channel, Some(token)).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn tokens_come_and_go_while_the_server_runs() {
    let folder = Folder::new();
    let (first, _) = token(&folder, "first", &[]);
    let file = folder.path("tokens.toml");
    let server = Server::start(&["--tokens", &file]);
    let channel = channel(&server).await;
    let (second, _) = token(&folder, "second", &[]);
    server.signal("-HUP");
    server.logs("the tokens were read again");
    assert!(
        classify(&channel, Some(&first)).await.is_ok() && classify(&channel, Some(&second)).await.is_ok()
    );

    let text = fs::read_to_string(&file).unwrap();
    replace(Path::new(&file), &format!("{text}\n[[token]]\nname = \"{first}\"\nsha256 = \"{first}\"\n"));
    server.logs("the tokens were not replaced");
    assert!(classify(&channel, Some(&second)).await.is_ok());
    assert!(
        server.log().contains("sha256 must be the SHA-256 of the token") && !server.log().contains(&first)
    );

    replace(Path::new(&file), text.split("\n\n").next().unwrap());
    wait(|| server.log().matches("the tokens were read again").count() == 2, || server.log());
    assert_eq!(classify(&channel, Some(&second)).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(classify(&channel, Some(&first)).await.is_ok());
}

#[tokio::test]
async fn only_an_admin_reloads_rulesets() {
    let folder = Folder::new();
    let (feed, _) = token(&folder, "feed", &[]);
    let (admin, _) = token(&folder, "admin", &["--role", "admin"]);
    let open = Server::start(&[]);
    let status = reload(&channel(&open).await, None, "test").await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);

    let server = Server::start(&["--tokens", &folder.path("tokens.toml")]);
    let channel = channel(&server).await;
    let status = reload(&channel, Some(&feed), "test").await.unwrap_err();
    assert_eq!((status.code(), &*reason(&status)), (Code::PermissionDenied, "FORBIDDEN"));
    assert_eq!(reload(&channel, None, "test").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(reload(&channel, Some(&admin), "other").await.unwrap_err().code(), Code::NotFound);

    let same = reload(&channel, Some(&admin), "").await.unwrap();
    let revision = same.ruleset.unwrap().revision;
    assert!(!same.changed && same.diagnostics.is_empty());

    // The watcher may be there first; either way the ruleset is live when the call returns.
    let topic = server.rules().join("corridors.toml");
    replace(&topic, &TOPIC.replace("Middle", "Zangezur"));
    let changed = reload(&channel, Some(&admin), "test").await.unwrap().ruleset.unwrap();
    assert_ne!(changed.revision, revision);
    assert_eq!(classify(&channel, Some(&feed)).await.unwrap(), 0);

    replace(&topic, "id = \"corridors\"\n");
    let faulty = reload(&channel, Some(&admin), "test").await.unwrap();
    assert!(!faulty.changed && !faulty.diagnostics.is_empty());
    assert_eq!(faulty.ruleset.unwrap().revision, changed.revision);
    let again = reload(&channel, Some(&admin), "test").await.unwrap();
    assert_eq!(again.diagnostics.len(), faulty.diagnostics.len());

    fs::remove_dir_all(server.rules()).unwrap();
    let status = reload(&channel, Some(&admin), "test").await.unwrap_err();
    assert_eq!((status.code(), &*reason(&status)), (Code::FailedPrecondition, "NOT_READ"));
    let rulesets = RulesetServiceClient::new(channel.clone());
    let listed = rulesets.clone().list_rulesets(ask(ListRulesetsRequest {}, Some(&feed))).await.unwrap();
    assert_eq!(listed.into_inner().rulesets[0].revision, changed.revision);
}

/// Certificates made for a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names = [name.to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

async fn connect(server: &Server, tls: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
    Channel::from_shared(server.url.clone()).unwrap().tls_config(tls).unwrap().connect().await
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()))
}

fn write(folder: &Folder, name: &str, (certificate, key): &(String, String)) -> [String; 2] {
    let paths = [folder.path(&format!("{name}.pem")), folder.path(&format!("{name}.key"))];
    replace(Path::new(&paths[1]), key);
    replace(Path::new(&paths[0]), certificate);
    paths
}

#[tokio::test]
async fn certificates_are_checked_and_replaced() {
    let folder = Folder::new();
    let (authority, other) = (Authority::new(), Authority::new());
    let [cert, key] = write(&folder, "server", &authority.issue("localhost"));
    let server = Server::start(&["--tls-cert", &cert, "--tls-key", &key]);
    assert!(server.url.starts_with("https://"));
    let before = connect(&server, trusting(&authority)).await.unwrap();
    assert_eq!(classify(&before, None).await.unwrap(), 1);
    assert!(connect(&server, trusting(&other)).await.is_err());

    // A certificate without its key: the old pair stays.
    replace(Path::new(&cert), &other.issue("localhost").0);
    server.logs("the certificates were not replaced");
    assert!(connect(&server, trusting(&authority)).await.is_ok());

    write(&folder, "server", &other.issue("localhost"));
    server.signal("-HUP");
    server.logs("the certificates were read again");
    assert!(connect(&server, trusting(&other)).await.is_ok());
    assert!(connect(&server, trusting(&authority)).await.is_err());
    // What was connected stays so.
    assert_eq!(classify(&before, None).await.unwrap(), 1);
}

#[tokio::test]
async fn clients_show_certificates_where_they_are_asked_for_them() {
    let folder = Folder::new();
    let (authority, other) = (Authority::new(), Authority::new());
    let [cert, key] = write(&folder, "server", &authority.issue("localhost"));
    fs::write(folder.path("ca.pem"), authority.pem()).unwrap();
    let server =
        Server::start(&["--tls-cert", &cert, "--tls-key", &key, "--client-ca", &folder.path("ca.pem")]);
    let identity = |authority: &Authority| {
        let (certificate, key) = authority.issue("client");
        Identity::from_pem(certificate, key)
    };
    let tls = trusting(&authority).identity(identity(&authority));
    assert_eq!(classify(&connect(&server, tls).await.unwrap(), None).await.unwrap(), 1);
    for tls in [trusting(&authority), trusting(&authority).identity(identity(&other))] {
        // In TLS 1.3 a client hears of it only when it calls.
        let refused = match connect(&server, tls).await {
            Ok(channel) => classify(&channel, None).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
}

#[test]
fn certificates_that_cannot_be_used_are_told_in_a_line() {
    let folder = Folder::new();
    let [cert, key] = write(&folder, "a", &Authority::new().issue("a"));
    let [_, other] = write(&folder, "b", &Authority::new().issue("b"));
    for (cert, key, message) in [
        (&*cert, &*other, "is not the key of"),
        (&*cert, &*cert, "there is no private key in it"),
        (&*key, &*key, "there is no certificate in it"),
        ("missing.pem", &*key, "cannot read missing.pem: No such file"),
    ] {
        let arguments =
            ["serve", "--listen", "127.0.0.1:0", "--http", "off", "--tls-cert", cert, "--tls-key", key];
        let (status, out, errors) = run(&arguments, "");
        assert_eq!((status, &*out), (Some(2), ""));
        assert!(errors.contains(message) && errors.lines().count() == 1, "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_reach_a_secured_server() {
    let folder = Folder::new();
    let authority = Authority::new();
    let [cert, key] = write(&folder, "server", &authority.issue("localhost"));
    let [client_cert, client_key] = write(&folder, "client", &authority.issue("client"));
    fs::write(folder.path("ca.pem"), authority.pem()).unwrap();
    let (_, feed) = token(&folder, "feed", &[]);
    let (ca, tokens) = (folder.path("ca.pem"), folder.path("tokens.toml"));
    let security = ["--tls-cert", &cert, "--tls-key", &key, "--client-ca", &ca, "--tokens", &tokens];
    let server = Server::start(&security);
    let document = "{\"id\": \"a\", \"text\": \"The Middle Corridor\"}\n";
    let all = ["--ca", &ca, "--cert", &client_cert, "--key", &client_key, "--token-file", &feed];
    let classify = ["classify", "--server", &server.url];
    let health = ["health", "--server", &server.url];

    let (status, out, errors) = run(&[&classify[..], &all].concat(), document);
    assert_eq!(status, Some(0), "{errors}");
    assert!(out.contains("\"topic\":\"corridors\""), "{out}");
    let (status, _, errors) = run(&[&health[..], &all[..6]].concat(), "");
    assert_eq!((status, errors), (Some(0), format!("{} serves\n", server.url)));
    let unknown = [&health[..], &all[..6], &["--service", "none"]].concat();
    let (status, _, errors) = run(&unknown, "");
    assert_eq!((status, errors), (Some(1), format!("{} knows no such service\n", server.url)));

    for (arguments, message) in [
        (&all[2..], "cannot reach"),
        (&all[..6], "the call needs one header `authorization: Bearer TOKEN`"),
        (&["--token-file", "missing"], "cannot read missing"),
    ] {
        let (status, out, errors) = run(&[&classify[..], arguments].concat(), document);
        assert_eq!((status, &*out), (Some(2), ""), "{errors}");
        assert!(errors.contains(message) && errors.lines().count() == 1, "{errors}");
    }
    let (status, _, errors) =
        run(&["classify", "--server", "http://example.org:50051", "--token-file", &feed], document);
    assert_eq!(status, Some(2));
    assert!(errors.contains("in the clear"), "{errors}");
    let (status, _, errors) = run(&["health", "--server", "http://127.0.0.1:1"], "");
    assert_eq!(status, Some(2));
    assert!(errors.starts_with("geotopics: cannot reach http://127.0.0.1:1"), "{errors}");
}

#[test]
fn tokens_are_made_with_care() {
    let folder = Folder::new();
    let file = folder.path("tokens.toml");
    let (secret, _) = token(&folder, "feed", &["--expires", "2100-01-01", "--calls-per-second", "5"]);
    let written = fs::read_to_string(&file).unwrap();
    assert!(secret.starts_with("gt_") && secret.len() == 67 && !written.contains(&secret));
    assert!(written.contains("expires = 2100-01-01T00:00:00Z\ncalls_per_second = 5\n"), "{written}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    fs::write(&file, format!("# ours\n{written}")).unwrap();
    token(&folder, "other", &["--role", "admin"]);
    let both = fs::read_to_string(&file).unwrap();
    assert!(both.starts_with(&format!("# ours\n{written}\n[[token]]\nname = \"other\"\nrole = \"admin\"\n")));
    for (arguments, message) in [
        (&["token", "feed", "--tokens", &file][..], "two tokens are named \"feed\""),
        (&["token", "late", "--tokens", &file, "--expires", "2001-01-01"], "that is over"),
        (&["token", "a", "--tokens", "no/such/folder/tokens.toml"], "cannot write"),
    ] {
        let (status, out, errors) = run(arguments, "");
        assert_eq!((status, &*out), (Some(2), ""));
        assert!(errors.contains(message), "{errors}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), both);
}
