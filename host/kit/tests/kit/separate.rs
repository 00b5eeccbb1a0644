//! A broker of somebody else's, as `--broker` names one: a process of its own with the few requests
//! of docs/conformance.md. Here it is the paper exchange, begun anew at each `POST /admin/reset`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bracketd_core::Decimal;
use bracketd_exchange::{AccountConfig, Exchange, ExchangeConfig, ExchangeHandle};
use bracketd_kit::{Kit, Setup};

use crate::alpaca;

const KEYS: &str = "APCA-API-KEY-ID: PK-OF-OWN\r\nAPCA-API-SECRET-KEY: own-secret\r\n";

type Behind = Arc<Mutex<Option<ExchangeHandle>>>;

/// Starts it; gives its address. It ends with the process.
fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let behind = Behind::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behind = Arc::clone(&behind);
            std::thread::spawn(move || drop(serve(&stream, &behind)));
        }
    });
    url
}

/// One request a connection: what needs no login gets the exchange's.
fn serve(mut client: &TcpStream, behind: &Behind) -> std::io::Result<()> {
    let mut from = BufReader::new(client);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    let is_admin = head.split_whitespace().nth(1).is_some_and(|path| path.starts_with("/admin/"));
    if head.starts_with("POST /admin/reset ") {
        let account = AccountConfig::new("PK-OF-OWN", "own-secret", Decimal::from(1_000_000));
        let fresh = Exchange::spawn(&ExchangeConfig::manual(account)).expect("an exchange");
        *behind.lock().unwrap() = Some(fresh);
        return client.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    }
    let address = behind.lock().unwrap().as_ref().expect("reset comes first").address();
    let mut upstream = TcpStream::connect(address)?;
    let keys = if is_admin { KEYS } else { "" };
    upstream.write_all(format!("{head}{keys}connection: close\r\n\r\n").as_bytes())?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    client.write_all(&answer)
}

#[test]
fn a_plugin_is_tried_against_a_broker_of_its_own() {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let setup = Setup {
        broker: Some(start()),
        settings: vec![own("base_url", "{broker}")],
        secrets: vec![own("key_id", "PK-OF-OWN"), own("secret_key", "own-secret")],
        symbol: Some("OWN".to_owned()),
        ..Setup::default()
    };
    let kit = Kit::new(&alpaca(), "alpaca.wasm", setup).unwrap();
    for row in ["exports/adjust-sl/", "broker/exits", "broker/orders", "undisturbed"] {
        let report = kit.run(Some(row), &|_| {});
        assert!(report.passes(), "{}", report.text());
    }
}

#[test]
fn a_broker_that_does_not_serve_what_the_kit_needs_is_named() {
    let setup = Setup {
        // Nobody listens on the discard port.
        broker: Some("http://127.0.0.1:9".to_owned()),
        settings: vec![("base_url".to_owned(), "{broker}".to_owned())],
        ..Setup::default()
    };
    let kit = Kit::new(&alpaca(), "alpaca.wasm", setup).unwrap();
    let report = kit.run(Some("exports/get-balance/no trouble"), &|_| {});
    assert!(!report.passes());
    assert!(report.text().contains("POST /admin/reset at http://127.0.0.1:9"), "{}", report.text());
}
