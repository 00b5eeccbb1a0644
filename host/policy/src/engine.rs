//! The one place where a Rhai engine is made: hardened, bounded, with our toolkit and nothing else.
//!
//! Apart because each line here closes a hole that was seen open. The engine starts raw: what is
//! not named here does not exist for a script; no file, clock, random number, `eval` or `import`.

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, OptimizationLevel};

use crate::api::{Entry, Toolkit};
use crate::failure::OutOfTime;
use crate::{frame, limits};

/// A fresh engine and the list of what it offers.
pub(crate) fn new() -> (Engine, Vec<Entry>) {
    let mut engine = Engine::new_raw();
    packages(&mut engine);
    language(&mut engine);
    bounds(&mut engine);
    let mut toolkit = Toolkit::new(&mut engine);
    toolkit.register();
    let entries = toolkit.into_entries();
    (engine, entries)
}

/// What of Rhai's own library there is. Left out on purpose: `LanguageCore` (sleep, exit),
/// `BasicTime` (the clock), `BasicBlob`, `BitField` (silent overflow), `BasicFn`.
fn packages(engine: &mut Engine) {
    for module in [
        ArithmeticPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicMathPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
    ] {
        engine.register_global_module(module);
    }
}

fn language(engine: &mut Engine) {
    // `Full` would run verbs while compiling.
    engine.set_optimization_level(OptimizationLevel::Simple);
    engine.set_strict_variables(true);
    engine.set_allow_shadowing(false);
    engine.set_allow_anonymous_fn(false);
    engine.set_fail_on_invalid_map_property(true);
    // With fast operators `2.0 > ()` is silently false and no overload of ours is asked.
    engine.set_fast_operators(false);
    for symbol in ["eval", "import", "export"] {
        engine.disable_symbol(symbol);
    }
    engine.on_print(|text| {
        // Outside a run there is nobody to tell.
        let _ = frame::say(|buffer| &mut buffer.notes, ("print", text));
    });
    engine.on_debug(|text, _, position| {
        let _ = frame::say(|buffer| &mut buffer.notes, (&format!("debug {position}"), text));
    });
}

fn bounds(engine: &mut Engine) {
    engine.set_max_operations(limits::OPERATIONS_MAX);
    engine.set_max_call_levels(limits::CALL_LEVELS_MAX);
    let (top, function) = limits::EXPRESSION_DEPTHS_MAX;
    engine.set_max_expr_depths(top, function);
    engine.set_max_variables(limits::VARIABLES_MAX);
    engine.set_max_functions(limits::FUNCTIONS_MAX);
    engine.set_max_modules(0);
    engine.set_max_string_size(limits::STRING_BYTES_MAX);
    engine.set_max_array_size(limits::ARRAY_LENGTH_MAX);
    engine.set_max_map_size(limits::MAP_LENGTH_MAX);
    // The interner is behind a lock that every thread would meet at.
    engine.set_max_strings_interned(0);
    engine.on_progress(|operations| frame::is_over(operations).then(|| Dynamic::from(OutOfTime)));
}
