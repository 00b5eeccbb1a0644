//! Why a plugin cannot be loaded: what it is, what was expected, what to do next.

use crate::plugin::{ABI, PLUGIN_BYTES_MAX};

/// Why a plugin cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is something else.
    #[error(
        "not a WebAssembly file: it starts with {found}, expected 00 61 73 6d; name the .wasm \
         file that the plugin's build wrote"
    )]
    NotWasm {
        /// The first bytes in hex.
        found: String,
    },
    /// The file is code that some wasmtime compiled.
    #[error(
        "code that wasmtime compiled (.cwasm), expected the .wasm component that it was made from: \
         nobody can check what compiled code does; name the .wasm file"
    )]
    Precompiled,
    /// The file is a core module, not a component.
    #[error(
        "a core WebAssembly module (version {version}), expected a component; `bracketd plugin \
         build` makes one of a project, `wasm-tools component new` of a module"
    )]
    CoreModule {
        /// The version field.
        version: u16,
    },
    /// The file ends too early.
    #[error(
        "the file is cut off, or something else follows it: a section at byte {at} needs {needed} \
         bytes, {left} are left; copy it again, and compare its sha256"
    )]
    Truncated {
        /// Where the section's contents begin.
        at: usize,
        /// What the section says it needs.
        needed: usize,
        /// What the file has.
        left: usize,
    },
    /// The plugin was built for another version of the ABI, or for none.
    #[error("built for {found}, expected {expected}; rebuild it with the SDK of that version")]
    WrongAbi {
        /// What this host speaks.
        expected: String,
        /// What the plugin exports.
        found: String,
    },
    /// An export of the ABI is missing.
    #[error("export {name} is missing; expected `{expected}` in {ABI}/{interface}")]
    MissingExport {
        /// The function.
        name: String,
        /// Its line in the WIT.
        expected: String,
        /// The interface it belongs to.
        interface: &'static str,
    },
    /// An export has other parameters or results than the ABI.
    #[error("export {name} is `{found}`, expected `{expected}`; rebuild it with the WIT of {ABI}")]
    WrongSignature {
        /// The function.
        name: String,
        /// Its line in the WIT.
        expected: String,
        /// What the plugin has.
        found: String,
    },
    /// The plugin asks for something that no plugin gets.
    #[error(
        "it imports {name}, which is not offered (offered: {}); build it for \
         wasm32-unknown-unknown, without WASI",
        .offered.join(", ")
    )]
    UnknownImport {
        /// The import.
        name: String,
        /// What there is.
        offered: Vec<String>,
    },
    /// An import has another type than the ABI's.
    #[error("its imports differ from {ABI}: {detail}; rebuild it with the WIT of that version")]
    ImportType {
        /// The compiler's words.
        detail: String,
    },
    /// The file is too large.
    #[error(
        "{bytes} bytes, at most {PLUGIN_BYTES_MAX} are loaded; build it in release mode, \
             stripped"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It was given up: whoever asked waits no longer.
    #[error(
        "compiling it takes longer than {seconds} s, so it was given up; a function that is much \
         too large can be the reason"
    )]
    TooSlow {
        /// How long it was waited for.
        seconds: u64,
    },
    /// One that was given up is still being compiled, and compilers are not stopped.
    #[error(
        "a plugin that took too long is still being compiled; try again when it is done, or \
         restart the daemon"
    )]
    CompilerBusy,
    /// The file is damaged or uses what the sandbox does not have.
    #[error("it does not compile: {detail}")]
    Compile {
        /// The compiler's words.
        detail: String,
    },
}
