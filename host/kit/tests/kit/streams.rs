//! Plugins whose stream is wrong, and the rows that find it.

use bracketd_kit::{Kit, Outcome, Report, Setup};

use crate::alpaca;

/// Runs the rows of streams on a file, with its socket at that path.
fn run(wasm: &[u8], path: &str) -> Report {
    let settings = vec![("stream_url".to_owned(), format!("{{socket}}{path}"))];
    let kit = Kit::new(wasm, "wrong.wasm", Setup { settings, ..Setup::default() }).unwrap();
    kit.run(Some("broker/streams/a fill"), &|_| {})
}

fn found(report: &Report) -> String {
    let [row] = &report.rows[..] else { panic!("{}", report.text()) };
    match &row.outcome {
        Outcome::Fail(finding) => format!("{}: {}", finding.expected, finding.happened),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_socket_that_the_broker_does_not_have_is_found() {
    let said = found(&run(&alpaca(), "/nothing"));
    assert!(said.starts_with("the socket opens: ") && said.contains("it answered 401"), "{said}");
}

#[test]
fn a_stream_that_listens_to_something_else_is_found() {
    let mut wasm = alpaca();
    let (right, wrong) = (b"trade_updates", b"other_updates");
    let places: Vec<usize> =
        (0..wasm.len() - right.len()).filter(|&at| wasm[at..].starts_with(right)).collect();
    assert!(!places.is_empty(), "the plugin names its stream");
    for at in places {
        wasm[at..at + wrong.len()].copy_from_slice(wrong);
    }
    let said = found(&run(&wasm, "/stream"));
    assert!(said.contains("the stream tells the fill") || said.contains("NOT_STREAMED"), "{said}");
}
