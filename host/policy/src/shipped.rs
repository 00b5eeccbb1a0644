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
            "policies/fixed_bracket.rhai" as "fixed_bracket",
            "policies/time_exit.rhai" as "time_exit",
            "policies/trailing_stop.rhai" as "trailing_stop",
            "policies/vol_stop.rhai" as "vol_stop",
        ],
        libs: [
            "lib/risk.rhai" as "risk",
        ],
        tests: [
            "policies/breakeven_after_1r_test.rhai" as "breakeven_after_1r",
            "policies/fixed_bracket_test.rhai" as "fixed_bracket",
            "policies/time_exit_test.rhai" as "time_exit",
            "policies/trailing_stop_test.rhai" as "trailing_stop",
            "policies/vol_stop_test.rhai" as "vol_stop",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicySet, run_tests};

    /// Every shipped policy builds, and every test that it came with passes.
    #[test]
    fn shipped_policies_pass_their_own_tests() {
        let sources = shipped();
        let results = run_tests(&sources);
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
