//! The generated bindings of `bracketd:broker`. Separate, because generated code keeps neither our
//! lints nor our doc rules; nothing is written here by hand.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    unused_lifetimes,
    clippy::all,
    clippy::too_many_lines,
    clippy::allow_attributes_without_reason,
    reason = "generated from plugins/wit/v1"
)]

wit_bindgen::generate!({
    path: "../wit/v1",
    world: "broker-account",
    pub_export_macro: true,
    export_macro_name: "export_account",
    default_bindings_module: "bracketd_plugin_sdk::bindings",
    additional_derives: [PartialEq, Eq],
});

/// The optional `streams` interface. A world of its own behind a feature: what is generated here
/// makes a component promise to export it.
#[cfg(feature = "streams")]
pub mod streaming {
    wit_bindgen::generate!({
        inline: "package bracketd:sdk; world streaming { export bracketd:broker/streams@0.9.0; }",
        path: "../wit/v1",
        world: "bracketd:sdk/streaming",
        with: { "bracketd:broker/types@0.9.0": crate::bindings::bracketd::broker::types },
        pub_export_macro: true,
        export_macro_name: "export_streams",
        default_bindings_module: "bracketd_plugin_sdk::bindings::streaming",
        additional_derives: [PartialEq, Eq],
    });
}
