//! The files of a new project: where each goes, and ours that it is.
//!
//! Apart because it is a list; a test compares it with the folders, so that no file is forgotten.

/// A path in the project, and the text of a file under `plugins/`.
macro_rules! file {
    ($to:literal, $from:literal) => {
        ($to, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/", $from)))
    };
}

/// A project in Rust.
pub(super) const RUST: &[(&str, &str)] = &[
    file!("Cargo.toml", "alpaca/Cargo.toml"),
    file!("Cargo.lock", "template/rust/Cargo.lock.in"),
    file!("README.md", "template/rust/README.md.in"),
    file!("src/adjust.rs", "alpaca/src/adjust.rs"),
    file!("src/client.rs", "alpaca/src/client.rs"),
    file!("src/config.rs", "alpaca/src/config.rs"),
    file!("src/guest.rs", "alpaca/src/guest.rs"),
    file!("src/info.rs", "alpaca/src/info.rs"),
    file!("src/lib.rs", "alpaca/src/lib.rs"),
    file!("src/orders.rs", "alpaca/src/orders.rs"),
    file!("src/plan.rs", "alpaca/src/plan.rs"),
    file!("src/read_market.rs", "alpaca/src/read_market.rs"),
    file!("src/read_orders.rs", "alpaca/src/read_orders.rs"),
    file!("src/refusal.rs", "alpaca/src/refusal.rs"),
    file!("src/status.rs", "alpaca/src/status.rs"),
    file!("src/stream.rs", "alpaca/src/stream.rs"),
    file!("src/trade.rs", "alpaca/src/trade.rs"),
    file!("src/wire.rs", "alpaca/src/wire.rs"),
    file!("src/tests/adjusting.rs", "alpaca/src/tests/adjusting.rs"),
    file!("src/tests/mod.rs", "alpaca/src/tests/mod.rs"),
    file!("src/tests/planning.rs", "alpaca/src/tests/planning.rs"),
    file!("src/tests/reading.rs", "alpaca/src/tests/reading.rs"),
    file!("src/tests/refusals.rs", "alpaca/src/tests/refusals.rs"),
    file!("src/tests/streaming.rs", "alpaca/src/tests/streaming.rs"),
    file!("src/tests/trading.rs", "alpaca/src/tests/trading.rs"),
    file!("bracketd/sdk/Cargo.toml", "sdk/Cargo.toml"),
    file!("bracketd/sdk/src/bindings.rs", "sdk/src/bindings.rs"),
    file!("bracketd/sdk/src/decimal.rs", "sdk/src/decimal.rs"),
    file!("bracketd/sdk/src/fault.rs", "sdk/src/fault.rs"),
    file!("bracketd/sdk/src/http.rs", "sdk/src/http.rs"),
    file!("bracketd/sdk/src/lib.rs", "sdk/src/lib.rs"),
    file!("bracketd/sdk/src/time.rs", "sdk/src/time.rs"),
];

/// A project in JavaScript.
pub(super) const JS: &[(&str, &str)] = &[
    file!("package.json", "template/js/package.json.in"),
    file!("package-lock.json", "alpaca-js/package-lock.json"),
    file!("README.md", "template/js/README.md.in"),
    file!("src/adjust.js", "alpaca-js/src/adjust.js"),
    file!("src/client.js", "alpaca-js/src/client.js"),
    file!("src/config.js", "alpaca-js/src/config.js"),
    file!("src/info.js", "alpaca-js/src/info.js"),
    file!("src/orders.js", "alpaca-js/src/orders.js"),
    file!("src/plan.js", "alpaca-js/src/plan.js"),
    file!("src/plugin.js", "alpaca-js/src/plugin.js"),
    file!("src/read-market.js", "alpaca-js/src/read-market.js"),
    file!("src/read-orders.js", "alpaca-js/src/read-orders.js"),
    file!("src/refusal.js", "alpaca-js/src/refusal.js"),
    file!("src/status.js", "alpaca-js/src/status.js"),
    file!("src/trade.js", "alpaca-js/src/trade.js"),
    file!("src/version.js", "alpaca-js/src/version.js"),
    file!("src/wire.js", "alpaca-js/src/wire.js"),
    file!("src/sdk/decimal.js", "alpaca-js/src/sdk/decimal.js"),
    file!("src/sdk/fault.js", "alpaca-js/src/sdk/fault.js"),
    file!("src/sdk/text.js", "alpaca-js/src/sdk/text.js"),
    file!("src/sdk/time.js", "alpaca-js/src/sdk/time.js"),
    file!("test/adjust.test.js", "alpaca-js/test/adjust.test.js"),
    file!("test/plan.test.js", "alpaca-js/test/plan.test.js"),
    file!("test/read.test.js", "alpaca-js/test/read.test.js"),
    file!("test/refusal.test.js", "alpaca-js/test/refusal.test.js"),
    file!("test/script.js", "alpaca-js/test/script.js"),
    file!("test/sdk.test.js", "alpaca-js/test/sdk.test.js"),
];

/// What each project has.
pub(super) const BOTH: &[(&str, &str)] = &[
    file!(".gitignore", "template/gitignore.in"),
    file!("account.toml", "template/account.toml.in"),
    file!("bracketd/wit/v1/account.wit", "wit/v1/account.wit"),
    file!("bracketd/wit/v1/host.wit", "wit/v1/host.wit"),
];

/// What follows our plugin's `Cargo.toml`: the workspace that a project is by itself.
pub(super) const WORKSPACE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../plugins/template/rust/workspace.toml.in"
));
