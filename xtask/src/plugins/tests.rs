//! What is committed in `plugins/dist` is what the sources say, and imports nothing foreign. These
//! tests need no wasm compiler.

use super::*;

/// A change of the ABI, the SDK or a plugin without `cargo xtask plugins` is caught here.
#[test]
fn the_committed_components_are_built_from_these_sources() {
    let root = root().unwrap();
    let manifest = Manifest::read(&root.join("plugins/dist")).unwrap();
    let names: Vec<&str> = manifest.plugins.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, PLUGINS.iter().map(|plugin| plugin.name).collect::<Vec<_>>());
    for (entry, plugin) in manifest.plugins.iter().zip(PLUGINS) {
        let name = plugin.name;
        let now = sources::digest(&root, plugin).unwrap();
        assert_eq!(entry.sources_sha256, now, "{name}: run `cargo xtask plugins`");
        assert_eq!(entry.version, sources::version(&root, plugin).unwrap(), "{name}");
        assert_eq!(entry.abi, component::ABI, "{name}");
        let wasm = fs::read(root.join("plugins/dist").join(&entry.file)).unwrap();
        assert_eq!(entry.sha256, sources::sha256(&wasm), "{name}");
        component::check(&wasm).unwrap();
    }
}

/// I9: a plugin can reach only what the ABI offers; no WASI, nothing unnamed.
#[test]
fn a_foreign_import_is_refused() {
    let wasm = fs::read(root().unwrap().join("plugins/dist/alpaca.wasm")).unwrap();
    let (imports, exports) = component::surface(&wasm).unwrap();
    assert!(imports.iter().any(|name| name == "bracketd:broker/http@0.9.0"), "{imports:?}");
    assert_eq!(exports, ["bracketd:broker/account@0.9.0", "bracketd:broker/streams@0.9.0"]);
    let foreign = |from: &[u8], to: &[u8]| {
        let mut bytes = wasm.clone();
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes.splice(at..at + from.len(), to.iter().copied());
        component::check(&bytes).unwrap_err().to_string()
    };
    let named = foreign(b"bracketd:broker/http@0.9.0", b"wasi:sockets/x/http@0.9.00");
    assert!(named.contains("imports outside") && named.contains("wasi:"), "{named}");
}

#[test]
fn a_core_module_is_no_component() {
    let error = component::check(b"\0asm\x01\0\0\0").unwrap_err();
    assert!(error.to_string().contains("core module"), "{error}");
}

/// The digest covers the sources and leaves the tests out.
#[test]
fn the_sources_are_listed() {
    let root = root().unwrap();
    for (plugin, paths) in PLUGINS.iter().zip([
        ["plugins/wit/v1/account.wit", "plugins/sdk/src/lib.rs", "plugins/alpaca/Cargo.toml"],
        [
            "plugins/wit/v1/account.wit",
            "plugins/alpaca-js/src/sdk/decimal.js",
            "plugins/alpaca-js/package-lock.json",
        ],
    ]) {
        let listed = sources::files(&root, plugin).unwrap();
        for path in paths {
            assert!(listed.iter().any(|found| found == Path::new(path)), "{path}: {listed:?}");
        }
        assert!(listed.is_sorted() && listed.iter().all(|path| !path.ends_with("tests.rs")));
        assert!(listed.iter().all(|path| !path.components().any(|c| c.as_os_str() == "test")));
    }
}

/// A lock file names no registry: which one serves is the machine's business.
#[test]
fn the_lock_file_names_no_host() {
    let path = root().unwrap().join("plugins/alpaca-js/package-lock.json");
    let lock = fs::read_to_string(path).unwrap();
    assert!(!lock.contains("://") && lock.contains("\"integrity\""), "{lock}");
}
