//! The generated bindings of `bracketd:broker`.
//!
//! Apart because generated code keeps neither our lints nor our doc rules. Nothing is written here
//! by hand, and nothing outside this crate may see these types: [`crate::convert`] is the border.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_lifetimes,
    clippy::all,
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::allow_attributes_without_reason,
    reason = "generated from plugins/wit/v1"
)]

wasmtime::component::bindgen!({
    path: "../../plugins/wit/v1",
    world: "broker-account",
    imports: { default: trappable },
    additional_derives: [PartialEq],
    require_store_data_send: true,
});

/// The optional `streams` interface: a world of its own, so that a plugin without it fits the one
/// above.
pub(crate) mod streaming {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit/v1",
        inline: "package bracketd:host; world streaming { export bracketd:broker/streams@0.9.0; }",
        world: "bracketd:host/streaming",
        with: { "bracketd:broker/types@0.9.0": crate::bindings::bracketd::broker::types },
        additional_derives: [PartialEq],
        require_store_data_send: true,
    });
}
