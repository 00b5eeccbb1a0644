//! The policies that come with bracketd, as bytes in the binary.
//!
//! Apart because the demo needs them where no repository is.

use crate::source::{SourceFile, Sources};

macro_rules! scripts {
    ($($list:ident: [$($path:literal as $name:literal),+ $(,)?]),+ $(,)?) => {
        Sources {
            $($list: vec![$(SourceFile::new(
                $name,
                concat!("scripts/", $path),
                include_str!(concat!("../../../scripts/", $path)),
            )),+],)+
            ..Sources::default()
        }
    };
}

/// Policies, libraries and tests as they were when this binary was built.
pub fn shipped() -> Sources {
    scripts! {
        policies: [
            "policies/breakeven_after_1r.rhai" as "breakeven_after_1r",
            "policies/chandelier.rhai" as "chandelier",
            "policies/drawdown_stop.rhai" as "drawdown_stop",
            "policies/fixed_bracket.rhai" as "fixed_bracket",
            "policies/profit_lock.rhai" as "profit_lock",
            "policies/scale_out.rhai" as "scale_out",
            "policies/swing_stop.rhai" as "swing_stop",
            "policies/time_exit.rhai" as "time_exit",
            "policies/trailing_stop.rhai" as "trailing_stop",
            "policies/triple_barrier.rhai" as "triple_barrier",
            "policies/vol_stop.rhai" as "vol_stop",
        ],
        libs: [
            "lib/risk.rhai" as "risk",
        ],
        tests: [
            "policies/breakeven_after_1r_test.rhai" as "breakeven_after_1r",
            "policies/chandelier_test.rhai" as "chandelier",
            "policies/drawdown_stop_test.rhai" as "drawdown_stop",
            "policies/fixed_bracket_test.rhai" as "fixed_bracket",
            "policies/profit_lock_test.rhai" as "profit_lock",
            "policies/scale_out_test.rhai" as "scale_out",
            "policies/swing_stop_test.rhai" as "swing_stop",
            "policies/time_exit_test.rhai" as "time_exit",
            "policies/trailing_stop_test.rhai" as "trailing_stop",
            "policies/triple_barrier_test.rhai" as "triple_barrier",
            "policies/vol_stop_test.rhai" as "vol_stop",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicySet, TestOptions, run_properties, run_tests};

    /// Each says what it is for and when not to use it, and its tests try longs and shorts.
    #[test]
    fn shipped_policies_say_when_not_to_use_them() {
        let sources = shipped();
        assert!(sources.policies.len() >= 10);
        let set = PolicySet::build(&sources, None).set;
        for policy in set.iter() {
            assert!(policy.doc().contains("\nNot "), "{}: {}", policy.name(), policy.doc());
            let test = sources.tests.iter().find(|test| test.name == policy.name().as_str());
            let test = &test.expect("its tests").text;
            assert!(test.contains("short"), "{} has no test for shorts", policy.name());
        }
    }

    /// Every property of the suite holds of every shipped policy, or its test file says why not.
    #[test]
    fn shipped_policies_have_every_property() {
        let results = run_properties(&shipped());
        let failed: Vec<String> =
            results.iter().filter_map(|r| r.failure.as_ref()).map(|f| f.one_line()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        assert_eq!(results.len(), shipped().policies.len() * crate::PROPERTIES.len());
    }

    /// Every shipped policy builds, and every test that it came with passes.
    #[test]
    fn shipped_policies_pass_their_own_tests() {
        let sources = shipped();
        let results = run_tests(&sources, &TestOptions::default()).results;
        let failed: Vec<String> =
            results.iter().filter_map(|r| r.failure.as_ref()).map(|f| f.one_line()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        for file in &sources.policies {
            let count = results.iter().filter(|r| r.policy.as_str() == file.name).count();
            assert!(count >= 3, "{} has {count} tests", file.name);
        }
        let report = PolicySet::build(&sources, None);
        assert_eq!(report.refused, []);
        assert_eq!(report.warnings, []);
        assert_eq!(report.set.iter().count(), sources.policies.len());
    }
}
