//! The toolkit: everything a script can see and call, each with its signature and its words.
//!
//! Apart from the engine because the check of scripts, the help texts and `toolkit.d.rhai` read
//! the same list: what is registered is what is documented.

mod account;
mod compare;
mod figures;
mod ladder;
mod market;
pub(crate) mod objects;
mod portfolio;
mod price;
mod standing;
mod time;
mod transaction;
mod verbs;

use std::sync::OnceLock;

use rhai::{Engine, FuncRegistration, RhaiNativeFunc, Variant};

/// One name of the toolkit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The type it belongs to; empty for a function.
    pub(crate) owner: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its arguments beside the object; none for a property.
    pub(crate) arity: Option<usize>,
    /// As it is written, with types.
    pub(crate) signature: &'static str,
    /// What it is.
    pub(crate) doc: &'static str,
}

/// Registers names and keeps the list of them.
pub(crate) struct Toolkit<'e> {
    engine: &'e mut Engine,
    entries: Vec<Entry>,
}

/// Everything the toolkit offers.
pub(crate) fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| crate::engine::new().1)
}

impl<'e> Toolkit<'e> {
    pub(crate) fn new(engine: &'e mut Engine) -> Self {
        Self { engine, entries: Vec::new() }
    }

    pub(crate) fn register(&mut self) {
        objects::register(self);
        price::register(self);
        transaction::register(self);
        market::register(self);
        verbs::register(self);
        standing::register(self);
        ladder::register(self);
        portfolio::register(self);
        account::register(self);
        time::register(self);
        figures::register(self);
        compare::register(self.engine);
        #[cfg(test)]
        self.overload("panic_in_host", || -> i64 { panic!("on purpose") });
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// A type under the name that scripts and messages use.
    pub(crate) fn kind<T: Variant + Clone>(&mut self, name: &'static str) {
        self.engine.register_type_with_name::<T>(name);
    }

    /// A property of a type: `signature` is `name: Type`.
    pub(crate) fn property<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        owner: &'static str,
        signature: &'static str,
        doc: &'static str,
        read: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        let name = name_of(signature);
        FuncRegistration::new_getter(name).register_into_engine(self.engine, read);
        self.entries.push(Entry { owner, name, arity: None, signature, doc });
    }

    /// A function called on an object: `signature` is `name(argument: Type) -> Type`.
    pub(crate) fn method<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        owner: &'static str,
        signature: &'static str,
        doc: &'static str,
        work: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        let name = name_of(signature);
        FuncRegistration::new(name).register_into_engine(self.engine, work);
        let arity = Some(N.saturating_sub(1));
        self.entries.push(Entry { owner, name, arity, signature, doc });
    }

    /// A function called by its name.
    pub(crate) fn function<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        signature: &'static str,
        doc: &'static str,
        work: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        let name = name_of(signature);
        FuncRegistration::new(name).register_into_engine(self.engine, work);
        self.entries.push(Entry { owner: "", name, arity: Some(N), signature, doc });
    }

    /// The same name for other types of arguments; already documented.
    pub(crate) fn overload<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        name: &'static str,
        work: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) where
        R: Variant + Clone,
    {
        FuncRegistration::new(name).register_into_engine(self.engine, work);
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        self.engine
    }
}

fn name_of(signature: &'static str) -> &'static str {
    signature.split(['(', ':']).next().unwrap_or(signature)
}
