//! What a person is told who loads the wrong file.

use crate::tests::guest::Guest;
use crate::{Host, LoadError};

fn refusal(wasm: &[u8]) -> LoadError {
    Host::new().unwrap().load(wasm, "p").unwrap_err()
}

#[test]
fn a_wrong_file_is_named_for_what_it_is() {
    let good = Guest::default().build();
    let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0";
    let half = good.get(..good.len() / 2).unwrap();
    for (wasm, words) in [
        (elf.to_vec(), "not a WebAssembly file: it starts with 7f 45 4c 46"),
        (Vec::new(), "it starts with nothing"),
        (b"\0asm\x0d".to_vec(), "cut off"),
        (half.to_vec(), "cut off"),
        (Guest::default().core_module(), "a core WebAssembly module (version 1)"),
    ] {
        let text = refusal(&wasm).to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn an_abi_of_another_version_is_named_with_both_versions() {
    let edit = vec![("bracketd:broker@0.9.0", "bracketd:broker@2.1.0")];
    let error = refusal(&Guest { edit, ..Guest::default() }.build());
    let want = LoadError::WrongAbi {
        expected: "bracketd:broker@0.9.0".to_owned(),
        found: "bracketd:broker@2.1.0".to_owned(),
    };
    assert_eq!(error, want);
}

#[test]
fn a_missing_export_is_named_with_its_signature() {
    let guest = Guest { without: Some("adjust-sl"), ..Guest::default() };
    let LoadError::MissingExport { name, expected, interface: "account" } = refusal(&guest.build())
    else {
        panic!("an export is missing");
    };
    assert_eq!(name, "adjust-sl");
    let line =
        "adjust-sl: func(ctx: call-ctx, b: bracket, stop: target) -> result<adjusted, fault>";
    assert_eq!(expected, line);
}

#[test]
fn an_export_of_another_type_is_named_with_both_signatures() {
    let from = "get-session: func(ctx: call-ctx, symbol: string) -> result<session, fault>";
    let to = "get-session: func(ctx: call-ctx, symbol: u32) -> result<session, fault>";
    let guest = Guest { edit: vec![(from, to)], ..Guest::default() };
    let LoadError::WrongSignature { name, expected, found } = refusal(&guest.build()) else {
        panic!("a signature differs");
    };
    assert_eq!((name.as_str(), expected.as_str()), ("get-session", from));
    assert!(found.contains("symbol: u32") && found.contains("result<record"), "{found}");
}

#[test]
fn an_import_that_is_not_offered_is_named_with_those_that_are() {
    let from = "world broker-account {";
    let to = "interface shell { run: func(); }\nworld broker-account {\n  import shell;";
    let guest = Guest { edit: vec![(from, to)], ..Guest::default() };
    let wasm = guest.build_with("(import \"bracketd:broker/shell@0.9.0\" \"run\" (func))");
    let LoadError::UnknownImport { name, offered } = refusal(&wasm) else {
        panic!("an import is not offered");
    };
    assert_eq!(name, "bracketd:broker/shell@0.9.0");
    assert!(offered.contains(&"bracketd:broker/http@0.9.0".to_owned()));
}

#[test]
fn a_good_plugin_has_a_name_a_digest_and_known_imports() {
    let plugin = Host::new().unwrap().load(&Guest::default().build(), "good").unwrap();
    assert_eq!((plugin.name(), plugin.abi()), ("good", "bracketd:broker@0.9.0"));
    assert_eq!(plugin.digest().len(), 64);
    assert!(plugin.imports().contains(&"bracketd:broker/http@0.9.0".to_owned()));
}
