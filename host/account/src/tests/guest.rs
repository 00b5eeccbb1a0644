//! A hostile plugin, built from text: what it does is the first letter of the order it is asked
//! to cancel or to look for.
//!
//! The layouts are the canonical ABI's: `result<placed, fault>` has its case at 0, the fault's case
//! at 8, the detail's code at 16 and its message at 24.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, WorldId};

/// What a guest is like.
#[derive(Clone, Debug, Default)]
pub(super) struct Guest {
    /// Where its requests go.
    pub url: String,
    /// An export that it leaves out of the interface.
    pub without: Option<&'static str>,
    /// Whether it declares `concurrent-writes`.
    pub concurrent: bool,
    /// A text that changes nothing but the file's digest.
    pub note: &'static str,
    /// Fields of a module that take the place of what the guest has under their export names; its
    /// imports come first.
    pub hostile: String,
    /// Words of the WIT to replace, for another version of the ABI.
    pub edit: Vec<(&'static str, &'static str)>,
    /// The socket that it wants: where it goes, and its hello; none = it cannot stream.
    pub stream: Option<(String, String)>,
    /// Whether its socket ticks, and each tick sends `s`.
    pub ticks: bool,
}

impl Guest {
    /// The component.
    pub(super) fn build(&self) -> Vec<u8> {
        self.build_with("")
    }

    /// The component, with one more import.
    pub(super) fn build_with(&self, import: &str) -> Vec<u8> {
        let (resolve, world) = self.resolve();
        let text = self.text(&resolve, world).replacen("(module", &format!("(module {import}"), 1);
        let mut module = wat::parse_str(text).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let encoder = ComponentEncoder::default().validate(true);
        let mut component = encoder.module(&module).unwrap().encode().unwrap();
        component.extend(self.note_section());
        component
    }

    /// A custom section, which every reader passes over.
    fn note_section(&self) -> Vec<u8> {
        let text = [b"\x04note".as_slice(), self.note.as_bytes()].concat();
        match self.note {
            "" => Vec::new(),
            _ => [vec![0, u8::try_from(text.len()).unwrap()], text].concat(),
        }
    }

    /// The core module alone.
    pub(super) fn core_module(&self) -> Vec<u8> {
        let (resolve, world) = self.resolve();
        wat::parse_str(self.text(&resolve, world)).unwrap()
    }

    fn resolve(&self) -> (Resolve, WorldId) {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/wit/v1");
        let mut both = String::new();
        for file in ["account.wit", "host.wit"] {
            let text = std::fs::read_to_string(format!("{dir}/{file}")).unwrap();
            let second = !both.is_empty();
            both.push_str(if second { text.split_once(';').unwrap().1 } else { &text });
        }
        if let Some(name) = self.without {
            let start = both.find(&format!("  {name}: func")).unwrap();
            let end = start + both[start..].find(";\n").unwrap() + 2;
            both.replace_range(start..end, "");
        }
        for (from, to) in &self.edit {
            assert!(both.contains(from), "{from}");
            both = both.replace(from, to);
        }
        let mut resolve = Resolve::default();
        let package = resolve.push_str("broker.wit", &both).unwrap();
        let world = resolve.select_world(&[package], Some(self.world())).unwrap();
        (resolve, world)
    }

    fn world(&self) -> &'static str {
        if self.stream.is_some() { "broker-account-streaming" } else { "broker-account" }
    }

    fn streams(&self) -> String {
        let Some((url, hello)) = &self.stream else { return String::new() };
        let data = |text: &str| text.replace('"', "\\22");
        STREAMS
            .replace("HELLO_LENGTH", &hello.len().to_string())
            .replace("HELLO", &data(hello))
            .replace("SOCKET_LENGTH", &url.len().to_string())
            .replace("SOCKET", &data(url))
            .replace("TICKS", if self.ticks { "1" } else { "0" })
    }

    fn text(&self, resolve: &Resolve, world: WorldId) -> String {
        let package = resolve.worlds[world].package.unwrap();
        let package = resolve.id_of_name(package, "");
        let (name, version) = package.trim_end_matches('/').split_once('@').unwrap_or_default();
        let name = name.trim_end_matches('/');
        let interface = |what: &str| format!("{name}/{what}@{}", version.trim_end_matches('/'));
        let account = resolve
            .interfaces
            .iter()
            .find(|(_, i)| i.name.as_deref() == Some("account"))
            .unwrap()
            .1;
        let (imports, fields) = split(&self.hostile);
        let (mut body, fields) = (strip(BODY), fields.replace("ACCOUNT", &interface("account")));
        let name_of = |field: &str| field.split('"').nth(1).unwrap_or_default().to_owned();
        let taken: Vec<String> =
            fields.split("(func (export").skip(1).map(|f| name_of(&format!("({f}"))).collect();
        body = body.replace("ACCOUNT", &interface("account"));
        for name in &taken {
            body = without(&body, &format!("(func (export \"{name}\")"));
        }
        let mut stubs = String::new();
        for (func, decl) in &account.functions {
            let custom = [
                "describe",
                "connect",
                "cancel-order",
                "confirm",
                "get-order",
                "get-orders",
                "get-fills",
                "get-positions",
                "get-balance",
                "get-prices",
            ];
            let full = format!("{}#{func}", interface("account"));
            if custom.contains(&func.as_str()) || taken.contains(&full) {
                continue;
            }
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, decl);
            let types = |all: &[WasmType]| {
                all.iter().map(|t| format!(" {}", wasm_type(*t))).collect::<String>()
            };
            let result = if signature.results.is_empty() {
                String::new()
            } else {
                format!("(result{})", types(&signature.results))
            };
            writeln!(
                stubs,
                "(func (export \"{}#{func}\") (param{}) {result} unreachable)",
                interface("account"),
                types(&signature.params),
            )
            .unwrap();
        }
        body.replacen("(module", &format!("(module {imports}"), 1)
            .replace("STUBS", &format!("{stubs}{fields}"))
            .replace("STREAMS", &self.streams())
            .replace("STREAM#", &format!("{}#", interface("streams")))
            .replace("ACCOUNT", &interface("account"))
            .replace("HTTP", &interface("http"))
            .replace("HOST/", &format!("{name}/"))
            .replace("@ABI", &format!("@{}", version.trim_end_matches('/')))
            .replace("FEATURES", if self.concurrent { "1" } else { "0" })
            .replace("URL_LENGTH", &self.url.len().to_string())
            .replace("URL", &self.url)
    }
}

/// The text without its comments, which may hold parentheses.
fn strip(text: &str) -> String {
    let lines = text.lines().map(|line| line.split(";;").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The imports of a text, one a line, and the rest.
fn split(text: &str) -> (String, String) {
    let text = strip(text);
    let (imports, rest): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with("(import"));
    (imports.join("\n"), rest.join("\n"))
}

/// The text without the field that begins so, where it has it.
fn without(text: &str, start: &str) -> String {
    let Some(at) = text.find(start) else { return text.to_owned() };
    let mut depth = 0;
    let length = text[at..].find(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    format!("{}{}", &text[..at], &text[at + length.unwrap() + 1..])
}

fn wasm_type(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}

/// Memory: 1024 strings, 2048 the URL, 4096 `info`, 4224 `result<balance, _>`, 4352 an answer,
/// 4608 the answer of `http`, 8192 and up the heap.
const BODY: &str = r#"(module
  (import "HTTP" "send" (func $send
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 8192))
  (data (i32.const 1024) "hostile")
  (data (i32.const 1040) "0123456789abcdefghijklmnopqrstuvwxyz-")
  (data (i32.const 1088) "USD")
  (data (i32.const 1104) "GET")
  (data (i32.const 1112) "POST")
  (data (i32.const 1120) "authorization")
  (data (i32.const 1136) "Bearer {{secret:key}}")
  (data (i32.const 1168) "TOLD")
  (data (i32.const 1216) "concurrent-writes")
  (data (i32.const 1256) "/reply")
  (data (i32.const 1264) "ASKED")
  (data (i32.const 2048) "URL")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "ACCOUNT#describe") (result i32)
    (i32.store (i32.const 4096) (i32.const 1024)) (i32.store (i32.const 4100) (i32.const 7))
    (i32.store (i32.const 4104) (i32.const 1040)) (i32.store (i32.const 4108) (i32.const 1))
    (i32.store8 (i32.const 4112) (i32.const 48))
    (i32.store (i32.const 4116) (i32.const 1040)) (i32.store (i32.const 4120) (i32.const 37))
    (i32.store (i32.const 1240) (i32.const 1216)) (i32.store (i32.const 1244) (i32.const 17))
    (i32.store (i32.const 4124) (i32.const 1240))
    (i32.store (i32.const 4128) (i32.const FEATURES))
    (i32.const 4096))

  (func (export "ACCOUNT#connect") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
    (i32.store (i32.const 4304) (i32.const 1088)) (i32.store (i32.const 4308) (i32.const 3))
    (i32.const 4224))

  ;; Sends to URL + the order's text after its first letter.
  (func $request (param $method i32) (param $method_len i32) (param $path i32) (param $len i32)
    (memory.copy (i32.add (i32.const 2048) (i32.const URL_LENGTH)) (local.get $path)
      (local.get $len))
    (i32.store (i32.const 1200) (i32.const 1120)) (i32.store (i32.const 1204) (i32.const 13))
    (i32.store (i32.const 1208) (i32.const 1136)) (i32.store (i32.const 1212) (i32.const 21))
    (call $send
      (local.get $method) (local.get $method_len)
      (i32.const 2048) (i32.add (i32.const URL_LENGTH) (local.get $len))
      (i32.const 1200) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 4608)))

  ;; A fault of this case whose message is what `http` answered: body or refusal.
  (func $tell (param $case i32) (result i32)
    (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
    (i32.store8 (i32.const 4352) (i32.const 1))
    (i32.store8 (i32.const 4360) (local.get $case))
    (i32.store (i32.const 4368) (i32.const 1168)) (i32.store (i32.const 4372) (i32.const 4))
    (if (i32.load8_u (i32.const 4608))
      (then
        (i32.store (i32.const 4376) (i32.load (i32.const 4616)))
        (i32.store (i32.const 4380) (i32.load (i32.const 4620))))
      (else
        (i32.store (i32.const 4376) (i32.load (i32.const 4624)))
        (i32.store (i32.const 4380) (i32.load (i32.const 4628)))))
    (i32.const 4352))

  (func $act (param $text i32) (param $len i32) (result i32)
    (local $what i32)
    (local $path i32) (local $path_len i32)
    (local.set $what (i32.load8_u (local.get $text)))
    (local.set $path (i32.add (local.get $text) (i32.const 1)))
    (local.set $path_len (i32.sub (local.get $len) (i32.const 1)))
    ;; L: loops for ever
    (if (i32.eq (local.get $what) (i32.const 76)) (then (loop $again (br $again))))
    ;; T: traps
    (if (i32.eq (local.get $what) (i32.const 84)) (then (unreachable)))
    ;; M: asks for all memory there is
    (if (i32.eq (local.get $what) (i32.const 77))
      (then (loop $more (drop (memory.grow (i32.const 64))) (br $more))))
    ;; G: reads, and says `rejected` with what it saw
    (if (i32.eq (local.get $what) (i32.const 71))
      (then
        (call $request (i32.const 1104) (i32.const 3) (local.get $path) (local.get $path_len))
        (return (call $tell (i32.const 0)))))
    ;; P: writes, and says `rejected` with what it saw
    (if (i32.eq (local.get $what) (i32.const 80))
      (then
        (call $request (i32.const 1112) (i32.const 4) (local.get $path) (local.get $path_len))
        (return (call $tell (i32.const 0)))))
    ;; D: writes twice, and says `rejected` with what it saw last
    (if (i32.eq (local.get $what) (i32.const 68))
      (then
        (call $request (i32.const 1112) (i32.const 4) (local.get $path) (local.get $path_len))
        (call $request (i32.const 1112) (i32.const 4) (local.get $path) (local.get $path_len))
        (return (call $tell (i32.const 0)))))
    ;; X: writes, then traps
    (if (i32.eq (local.get $what) (i32.const 88))
      (then
        (call $request (i32.const 1112) (i32.const 4) (local.get $path) (local.get $path_len))
        (unreachable)))
    ;; N: reads until it is refused, and says `rejected` with that
    (if (i32.eq (local.get $what) (i32.const 78))
      (then
        (loop $more
          (call $request (i32.const 1104) (i32.const 3) (local.get $path) (local.get $path_len))
          (br_if $more (i32.eqz (i32.load8_u (i32.const 4608)))))
        (return (call $tell (i32.const 0)))))
    ;; R: writes, and says `rate-limited`, for three seconds
    (if (i32.eq (local.get $what) (i32.const 82))
      (then
        (call $request (i32.const 1112) (i32.const 4) (local.get $path) (local.get $path_len))
        (drop (call $tell (i32.const 3)))
        (i32.store8 (i32.const 4432) (i32.const 1))
        (i64.store (i32.const 4440) (i64.const 3000))
        (return (i32.const 4352))))
    ;; Q: writes, and the broker asks first
    (if (i32.eq (local.get $what) (i32.const 81))
      (then
        (call $request (i32.const 1112) (i32.const 4) (local.get $path) (local.get $path_len))
        (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
        (i32.store8 (i32.const 4368) (i32.const 3))
        (i32.store (i32.const 4372) (i32.const 1256)) (i32.store (i32.const 4376) (i32.const 6))
        (i32.store (i32.const 4380) (i32.const 1264)) (i32.store (i32.const 4384) (i32.const 5))
        (i32.store (i32.const 4388) (i32.const 1264)) (i32.store (i32.const 4392) (i32.const 5))
        (return (i32.const 4352))))
    ;; everything else: done
    (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
    (i32.const 4352))

  (func (export "ACCOUNT#cancel-order")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
    (call $act (local.get 7) (local.get 8)))

  ;; Writes to the question's id; then it is done.
  (func (export "ACCOUNT#confirm")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32) (result i32)
    (call $request (i32.const 1112) (i32.const 4) (local.get 7) (local.get 8))
    (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
    (i32.store8 (i32.const 4360) (i32.const 1))
    (i32.const 4352))

  (func (export "ACCOUNT#get-order")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32) (result i32)
    (call $act (local.get 8) (local.get 9)))

  ;; Answers like an empty account, with one price of `a`: 5. Open orders are one page; of ended
  ;; ones there is always one page more: the cursor is `h`.
  (func (export "ACCOUNT#get-orders")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i64 i32 i32 i32) (result i32)
    (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
    (i64.store (i32.const 4384) (i64.const 1000000))
    (if (local.get 7)
      (then (i32.store8 (i32.const 4380) (i32.const 1)))
      (else
        (i32.store8 (i32.const 4368) (i32.const 1))
        (i32.store (i32.const 4372) (i32.const 1024))
        (i32.store (i32.const 4376) (i32.const 1))))
    (i32.const 4352))
  (func (export "ACCOUNT#get-fills")
    (param i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32) (result i32)
    (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
    (i32.store8 (i32.const 4376) (i32.const 1))
    (i32.const 4352))
  (func (export "ACCOUNT#get-positions")
    (param i32 i32 i32 i32 i32 i32 i64) (result i32)
    (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
    (i32.const 4352))
  (func (export "ACCOUNT#get-balance")
    (param i32 i32 i32 i32 i32 i32 i64) (result i32)
    (i32.const 4224))
  (func (export "ACCOUNT#get-prices")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
    (memory.fill (i32.const 4352) (i32.const 0) (i32.const 256))
    (i32.store (i32.const 4360) (i32.const 4480)) (i32.store (i32.const 4364) (i32.const 1))
    (i32.store (i32.const 4480) (i32.const 1050)) (i32.store (i32.const 4484) (i32.const 1))
    (i32.store8 (i32.const 4552) (i32.const 1))
    (i64.store (i32.const 4568) (i64.const 5))
    (i64.store (i32.const 4584) (i64.const 1000))
    (i32.const 4352))
STREAMS
STUBS)"#;

/// What a guest that streams has beside: 6144 the socket, 6208 its hello, 6272 the answer of
/// `open`; 6400 a step, 6464 the frame it sends, 6528 its event; 7000 and 7400 texts. What it makes
/// of a frame is the first letter of it, about the rest.
const STREAMS: &str = r#"
  (data (i32.const 6000) "s")
  (data (i32.const 6008) "a")
  (data (i32.const 7000) "SOCKET")
  (data (i32.const 7400) "HELLO")
  (func (export "STREAM#open")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
    (memory.fill (i32.const 6144) (i32.const 0) (i32.const 256))
    (i32.store (i32.const 6144) (i32.const 6000)) (i32.store (i32.const 6148) (i32.const 1))
    (i32.store (i32.const 6152) (i32.const 7000))
    (i32.store (i32.const 6156) (i32.const SOCKET_LENGTH))
    (i32.store (i32.const 6168) (i32.const 6208)) (i32.store (i32.const 6172) (i32.const 1))
    (i32.store8 (i32.const 6176) (i32.const TICKS)) (i32.store (i32.const 6180) (i32.const 1000))
    (i32.store (i32.const 6212) (i32.const 7400))
    (i32.store (i32.const 6216) (i32.const HELLO_LENGTH))
    (i32.store (i32.const 6280) (i32.const 6144)) (i32.store (i32.const 6284) (i32.const 1))
    (i32.const 6272))

  (func (export "STREAM#on-frame")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (result i32)
    (local $what i32) (local $rest i32) (local $len i32)
    (local.set $what (i32.load8_u (local.get 10)))
    (local.set $rest (i32.add (local.get 10) (i32.const 1)))
    (local.set $len (i32.sub (local.get 11) (i32.const 1)))
    (memory.fill (i32.const 6400) (i32.const 0) (i32.const 480))
    ;; T: traps
    (if (i32.eq (local.get $what) (i32.const 84)) (then (unreachable)))
    ;; R: something was missed
    (if (i32.eq (local.get $what) (i32.const 82))
      (then (i32.store8 (i32.const 6424) (i32.const 1))))
    ;; S: sends the rest
    (if (i32.eq (local.get $what) (i32.const 83))
      (then
        (i32.store (i32.const 6416) (i32.const 6464)) (i32.store (i32.const 6420) (i32.const 1))
        (i32.store (i32.const 6468) (local.get $rest))
        (i32.store (i32.const 6472) (local.get $len))))
    ;; O: an order with that id works, one of `a`; F: it is filled
    (if (i32.or (i32.eq (local.get $what) (i32.const 79)) (i32.eq (local.get $what) (i32.const 70)))
      (then
        (i32.store (i32.const 6408) (i32.const 6528)) (i32.store (i32.const 6412) (i32.const 1))
        (i32.store (i32.const 6536) (local.get $rest))
        (i32.store (i32.const 6540) (local.get $len))
        (i32.store (i32.const 6608) (i32.const 6008)) (i32.store (i32.const 6612) (i32.const 1))
        (i32.store8 (i32.const 6619) (i32.const 3))
        (i32.store (i32.const 6620) (i32.const 6008)) (i32.store (i32.const 6624) (i32.const 1))
        (i64.store (i32.const 6640) (i64.const 1))
        (if (i32.eq (local.get $what) (i32.const 70))
          (then
            (i32.store8 (i32.const 6619) (i32.const 8))
            (i64.store (i32.const 6664) (i64.const 1))))
        (i64.store (i32.const 6856) (i64.const 1000000))))
    ;; U: cannot be read
    (if (i32.eq (local.get $what) (i32.const 85))
      (then
        (i32.store (i32.const 6408) (i32.const 6528)) (i32.store (i32.const 6412) (i32.const 1))
        (i32.store8 (i32.const 6528) (i32.const 3))
        (i32.store (i32.const 6536) (local.get $rest))
        (i32.store (i32.const 6540) (local.get $len))))
    (i32.const 6400))

  ;; Sends its own name.
  (func (export "STREAM#on-tick")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
    (memory.fill (i32.const 6400) (i32.const 0) (i32.const 480))
    (i32.store (i32.const 6416) (i32.const 6464)) (i32.store (i32.const 6420) (i32.const 1))
    (i32.store (i32.const 6468) (i32.const 6000)) (i32.store (i32.const 6472) (i32.const 1))
    (i32.const 6400))
"#;
