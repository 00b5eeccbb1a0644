//! `policy check`: everything that can be found wrong without a daemon.
//!
//! Apart because editors call it too. It decides nothing about what runs.

use bracketd_core::diagnostic::{Diagnostic, Severity};
use bracketd_policy::{BuildReport, PropertyResult, SourceFile, Sources, run_properties};
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure};
use super::super::output::{Out, Tone, paint};
use super::files::Settings;
use crate::render;

/// Checks the policies: their tests and the property suite included. Where one library is meant they
/// are those that call it, and it has a line of its own.
pub(super) fn run(
    sources: &Sources,
    library: Option<&str>,
    settings: &Settings,
    out: &Out,
) -> Result<Exit, Failure> {
    let report = bracketd_policy::PolicySet::build(sources, None);
    let properties = run_properties(sources);
    let found = findings(&report, &properties, settings);
    let is_bad = found.iter().any(|found| found.severity == Severity::Error);
    if out.is_json() {
        out.json(&as_json(&report, &properties, &found));
    } else {
        out.diagnostics(&found);
        if let Some(name) = library {
            let file = sources.libs.iter().find(|file| file.name == name);
            let is_refused = |file: &SourceFile| {
                found.iter().any(|d| d.severity == Severity::Error && d.file == file.path)
            };
            let (word, tone) = match file.is_some_and(is_refused) {
                true => ("refused", Tone::Bad),
                false => ("ok     ", Tone::Good),
            };
            out.line(&format!("{}  lib/{name}", paint(word, tone)));
        }
        shown(&report, &properties, out);
    }
    Ok(if is_bad { Exit::Findings } else { Exit::Done })
}

fn findings(
    report: &BuildReport,
    properties: &[PropertyResult],
    settings: &Settings,
) -> Vec<Diagnostic> {
    let refused = report.refused.iter().flat_map(|refused| refused.diagnostics.iter().cloned());
    let broken = properties.iter().filter_map(|property| property.failure.clone());
    let not_allowed = report.set.iter().filter_map(|policy| {
        let allowed = settings.verbs.get(policy.name())?;
        Some(policy.not_allowed(allowed))
    });
    let warnings = report.warnings.iter().cloned();
    let values = report.params_refused.iter().cloned();
    refused.chain(values).chain(broken).chain(warnings).chain(not_allowed.flatten()).collect()
}

fn shown(report: &BuildReport, properties: &[PropertyResult], out: &Out) {
    let broken: Vec<&PropertyResult> = properties.iter().filter(|p| p.failure.is_some()).collect();
    for policy in report.set.iter() {
        let digest = policy.digest().get(..12).unwrap_or_default();
        let own = broken.iter().filter(|property| property.policy == *policy.name());
        let names: Vec<&str> = own.map(|property| property.property).collect();
        let name = policy.name();
        out.line(&match names.is_empty() {
            true => format!("{}  {name}  {digest}", paint("ok     ", Tone::Good)),
            false => format!("{}  {name}  {}", paint("broken ", Tone::Bad), names.join(", ")),
        });
    }
    for refused in &report.refused {
        out.line(&format!("{}  {}", paint("refused", Tone::Bad), refused.name));
    }
}

fn as_json(report: &BuildReport, properties: &[PropertyResult], found: &[Diagnostic]) -> Value {
    let good: Vec<Value> = report
        .set
        .iter()
        .map(|policy| json!({ "name": policy.name().as_str(), "digest": policy.digest() }))
        .collect();
    let found: Vec<Value> = found.iter().map(render::json).collect();
    let properties: Vec<Value> = properties.iter().map(property_json).collect();
    json!({ "good": good, "properties": properties, "diagnostics": found })
}

/// A property's result, for `check` and `test` alike.
pub(super) fn property_json(result: &PropertyResult) -> Value {
    json!({
        "policy": result.policy.as_str(),
        "property": result.property,
        "holds": result.failure.is_none(),
        "path": result.path,
        "exempt": result.exempt,
        "failure": result.failure.as_ref().map(render::json),
    })
}
