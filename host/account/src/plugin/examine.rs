//! Everything there is to say about a plugin's file, for its author and for who is to trust it.
//!
//! Apart from loading, which stops at the first mistake: whoever repairs a plugin wants all of
//! them at once. It runs nothing of the plugin.

use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings::BrokerAccount;
use crate::guest::GuestState;
use crate::host::Host;
use crate::plugin::exports::Words;
use crate::plugin::sections::{Section, sections};
use crate::plugin::{LoadError, binary, compile, digest, exports};

/// A plugin's file as it was found.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Its size.
    pub bytes: usize,
    /// Its SHA-256 in hex.
    pub digest: String,
    /// The interfaces it exports.
    pub exports: Vec<String>,
    /// Its imports, one by one.
    pub imports_seen: Vec<ImportSeen>,
    /// The functions of the `account` interface, one by one.
    pub exports_seen: Vec<ExportSeen>,
    /// Its sections and those of the modules in it.
    pub sections: Vec<Section>,
    /// Everything that is wrong; empty = it can be loaded.
    pub problems: Vec<LoadError>,
}

/// One imported interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportSeen {
    /// Its name.
    pub name: String,
    /// Its functions, with their types.
    pub functions: Vec<String>,
    /// Whether the host offers it.
    pub is_offered: bool,
}

/// One function of the `account` interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSeen {
    /// Its name.
    pub name: String,
    /// Its line in the WIT.
    pub expected: String,
    /// Its type in the plugin; none = it is missing.
    pub found: Option<String>,
    /// Whether the two agree.
    pub fits: bool,
}

impl Examined {
    pub(crate) fn of(host: &Host, wasm: &[u8]) -> Self {
        let mut examined = Self {
            bytes: wasm.len(),
            digest: digest(wasm),
            exports: Vec::new(),
            imports_seen: Vec::new(),
            exports_seen: Vec::new(),
            sections: Vec::new(),
            problems: Vec::new(),
        };
        let engine = host.engine();
        let compiled = binary::check(wasm).and_then(|()| {
            examined.sections = sections(wasm);
            compile(engine, wasm)
        });
        let component = match compiled {
            Ok(component) => component,
            Err(problem) => {
                examined.problems.push(problem);
                return examined;
            }
        };
        let found = exports::look(engine, &component, Words::All);
        examined.exports = found.exports;
        examined.imports_seen = found.imports_seen;
        examined.exports_seen = found.exports_seen;
        examined.problems = found.problems;
        examined.problems.extend(import_types(host, &component).err());
        examined
    }
}

/// Whether the imports that are offered have the types of the ABI.
fn import_types(host: &Host, component: &Component) -> Result<(), LoadError> {
    let differs = |e: wasmtime::Error| LoadError::ImportType { detail: format!("{e:#}") };
    let mut linker = Linker::<GuestState>::new(host.engine());
    BrokerAccount::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state).map_err(differs)?;
    // The others have their own complaint already.
    linker.define_unknown_imports_as_traps(component).map_err(differs)?;
    linker.instantiate_pre(component).map(drop).map_err(differs)
}
