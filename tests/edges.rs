//! Edges between crates, from `cargo metadata` (ARCHITECTURE.md, "Floors").

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate of ours and those of ours that it may use.
const OURS: &[(&str, &[&str])] = &[
    ("bracketd-core", &[]),
    ("bracketd-store", &["bracketd-core"]),
    ("bracketd-account", &["bracketd-core"]),
    ("bracketd-policy", &["bracketd-core"]),
    ("bracketd-exchange", &[]),
    ("bracketd-engine", &["bracketd-core", "bracketd-store", "bracketd-policy"]),
    (
        "bracketd-sim",
        &[
            "bracketd-core",
            "bracketd-engine",
            "bracketd-exchange",
            "bracketd-policy",
            "bracketd-store",
        ],
    ),
    (
        "bracketd-kit",
        &[
            "bracketd-account",
            "bracketd-core",
            "bracketd-engine",
            "bracketd-exchange",
            "bracketd-store",
        ],
    ),
    (
        "bracketd",
        &[
            "bracketd-account",
            "bracketd-core",
            "bracketd-engine",
            "bracketd-exchange",
            "bracketd-kit",
            "bracketd-policy",
            "bracketd-sim",
            "bracketd-store",
        ],
    ),
    ("bracketd-json-guest", &[]),
    ("bracketd-plugin-sdk", &[]),
    ("bracketd-alpaca", &["bracketd-plugin-sdk"]),
    ("xtask", &[]),
];

/// Libraries that have one home.
const FENCED: &[(&str, &[&str])] = &[
    ("rusqlite", &["bracketd-store"]),
    ("wasmtime", &["bracketd-account"]),
    ("rhai", &["bracketd-policy"]),
    ("notify", &["bracketd"]),
    ("tokio", &["bracketd", "bracketd-exchange"]),
    ("axum", &["bracketd", "bracketd-exchange"]),
    ("tungstenite", &["bracketd-account"]),
    ("wit-bindgen", &["bracketd-plugin-sdk", "bracketd-alpaca"]),
];

/// All that the core may use.
const CORE: &[&str] = &["blake3", "rust_decimal"];

#[test]
fn every_edge_between_crates_is_in_the_picture() {
    let mut wrong = Vec::new();
    let ours: BTreeMap<&str, &[&str]> = OURS.iter().copied().collect();
    for (name, uses) in used() {
        let Some(allowed) = ours.get(name.as_str()) else {
            wrong.push(format!("{name} is in no floor: add it to ARCHITECTURE.md and here"));
            continue;
        };
        for used in &uses {
            if ours.contains_key(used.as_str()) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{name} uses {used}"));
            }
            let fence = FENCED.iter().find(|(library, _)| library == used);
            if fence.is_some_and(|(_, homes)| !homes.contains(&name.as_str())) {
                wrong.push(format!("{name} uses {used}, which has its home elsewhere"));
            }
            if name == "bracketd-core" && !CORE.contains(&used.as_str()) {
                wrong.push(format!("the core uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every crate of the workspace with its direct dependencies, those of tests apart.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let packages = metadata.packages.into_iter();
    packages
        .map(|package| {
            let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
            (package.name.to_string(), normal.map(|d| d.name.clone()).collect())
        })
        .collect()
}
