//! The documents of `docs/transcripts`, replayed: what they show is what the program says.

use crate::harness::{Session, Step, twin};

/// A plugin from nothing into the running demo, but for what needs a compiler: another build of the
/// shipped plugin, which a new project is a copy of, stands in for what would be built.
#[test]
fn plugin_md_without_a_compiler() {
    let session = Session::beside_a_demo();
    std::fs::create_dir(session.dir.path().join("acme")).expect("a directory");
    twin(&session.dir, "acme/acme");
    session.replay("plugin.md", |step| {
        let own_name = |step: Step| {
            let step = step.reading("acme 0.1.0", "alpaca 0.1.0");
            step.reading("acme    0.1.0", "alpaca  0.1.0")
        };
        (!step.needs_compiler()).then(|| own_name(step))
    });
}

/// All of it, where the compiler is known to be: continuous integration installs it first.
#[test]
#[ignore = "needs a compiler for plugins: the step \"a plugin from nothing\" of `cargo xtask ci` runs it"]
fn plugin_md_from_nothing() {
    Session::beside_a_demo().replay("plugin.md", Some);
}

/// A policy from a template: red, green, saved broken, saved mended, with the demo trading on.
#[test]
fn policy_md() {
    Session::beside_a_demo().replay("policy.md", Some);
}
