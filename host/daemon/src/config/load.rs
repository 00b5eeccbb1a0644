//! From text to a checked configuration: syntax, shape, then meaning, every complaint at once.
//!
//! Apart from the three so that their order stands in one place. It never stops at the first
//! mistake, and hands out a configuration only when there is none.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bracketd_account::Host;
use bracketd_core::diagnostic::{Diagnostic, Severity};
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use super::disk;
use super::file::ConfigFile;
use super::repair::{NOWHERE, repair};
use super::resolve::{DATA_DIR, base, resolve};
use super::resolved::Config;
use super::shape;

/// What is wrong at a place of the file, before the file's name and text are known.
#[derive(Clone, Debug)]
pub struct Complaint {
    code: &'static str,
    message: String,
    span: Range<usize>,
    label: String,
    help: Option<String>,
    severity: Severity,
}

impl Complaint {
    /// A complaint without help.
    pub fn new(
        code: &'static str,
        message: impl Into<String>,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            span,
            label: label.into(),
            help: None,
            severity: Severity::Error,
        }
    }

    /// The same as something to look at; the file is taken all the same.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same with what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a check of the configuration found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The configuration, when there is no error.
    pub config: Option<Config>,
    /// What is wrong, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a file, and whether the plugins, policies and secrets that it names are there.
/// With a host, plugins are compiled and compared with the ABI too, as a start does.
///
/// # Errors
/// Where the file cannot be read.
pub fn check_file(path: &Path, host: Option<&Host>) -> std::io::Result<Checked> {
    let text = std::fs::read_to_string(path)?;
    let (read, mut complaints) = read(path, &text);
    if let Some((file, config)) = &read {
        disk::check(file, config, host, &mut complaints);
    }
    Ok(checked(path, &text, read.map(|(_, config)| config), complaints))
}

/// Checks a text as if it stood in the file of that name, and nothing else of this machine.
pub fn check_text(path: &Path, text: &str) -> Checked {
    let (read, complaints) = read(path, text);
    checked(path, text, read.map(|(_, config)| config), complaints)
}

/// The data directory that a text means, whatever else is wrong in it; none where even that cannot
/// be read. The ledger must be within reach where a secret or a plugin is missing.
pub fn data_dir(path: &Path, text: &str) -> Option<PathBuf> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let written = tree.get_ref().get("data_dir").map(|value| value.get_ref().as_str());
    match written {
        Some(written) => Some(base(path).join(written?)),
        // The line may be one of those that cannot be read.
        None if errors.is_empty() => Some(base(path).join(DATA_DIR)),
        None => None,
    }
}

fn checked(
    path: &Path,
    text: &str,
    config: Option<Config>,
    mut complaints: Vec<Complaint>,
) -> Checked {
    let is_right = complaints.iter().all(|c| c.severity == Severity::Warning);
    // Nobody wrote what a repair filled in.
    complaints.retain(|complaint| complaint.span != NOWHERE);
    complaints.sort_by_key(|c| c.span.start);
    let diagnostics: Vec<_> = complaints
        .into_iter()
        .map(|complaint| Diagnostic {
            severity: complaint.severity,
            code: complaint.code,
            message: complaint.message,
            file: path.display().to_string(),
            source: text.to_owned(),
            span: (complaint.span.start, complaint.span.end),
            label: complaint.label,
            help: complaint.help,
        })
        .collect();
    Checked { config: config.filter(|_| is_right), diagnostics }
}

/// The JSON Schema of the file, for editors.
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<ConfigFile>().to_value()
}

type Read = Option<(ConfigFile, Config)>;

fn read(path: &Path, text: &str) -> (Read, Vec<Complaint>) {
    let (tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let complaints = errors.iter().map(|error| {
            let span = error.span().unwrap_or(text.len()..text.len());
            Complaint::new("C001", first_line(error.message()), span, "cannot be read as TOML")
        });
        return (None, complaints.collect());
    }
    let mut complaints = shape::compare(&tree, &schema());
    let broken_before = complaints.len();
    match toml::from_str::<ConfigFile>(text) {
        Ok(file) => {
            let config = resolve(&file, path, &mut complaints);
            (Some((file, config)), complaints)
        }
        Err(error) if broken_before == 0 => {
            // The shape is compared first and says more; this is left for what it cannot see.
            let span = error.span().unwrap_or(0..0);
            complaints.push(Complaint::new("C004", first_line(error.message()), span, "here"));
            (None, complaints)
        }
        Err(_) => {
            let read = repaired(tree, &complaints).map(|file| {
                let config = resolve(&file, path, &mut complaints);
                (file, config)
            });
            (read, complaints)
        }
    }
}

/// The file without its mistakes of shape, so that those of meaning are told with them.
fn repaired(mut tree: Spanned<DeTable<'_>>, complaints: &[Complaint]) -> Option<ConfigFile> {
    // Where a key is missing the complaint's place is the table, which stays.
    let bad = complaints.iter().filter(|complaint| complaint.code != "C003");
    let bad: Vec<Range<usize>> = bad.map(|complaint| complaint.span.clone()).collect();
    repair(tree.get_mut(), &schema(), &bad);
    ConfigFile::deserialize(toml::de::Deserializer::from(tree)).ok()
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or("not TOML").to_owned()
}
