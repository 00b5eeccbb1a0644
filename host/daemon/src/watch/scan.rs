//! One read of the policy directory into memory, with the hash of its names and bytes.
//!
//! Apart so that everything after it works on the same bytes and never reads the disk again. It
//! follows links and looks at `*.rhai`, `lib/*.rhai` and `params.toml` only; hidden names are nobody's
//! policy.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bracketd_policy::ReadFault;

use crate::run::VALUES_FILE;

/// Files of one directory; more are refused rather than read for ever.
const FILES_MAX: usize = 256;
/// Bytes of one file.
const BYTES_MAX: u64 = 1 << 20;

/// What some editors put in front of UTF-8 text; it is no part of it (Unicode Standard 23.8).
pub const BOM: &str = "\u{feff}";

/// The content of the directory at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Texts by path within the directory, such as `trailing_stop.rhai` or `lib/risk.rhai`.
    pub files: BTreeMap<String, String>,
    /// Files that are no text, by the same path; of those `files` has what could be read.
    pub faults: BTreeMap<String, ReadFault>,
    /// Hash of all names and bytes, in hex.
    pub digest: String,
}

/// Why the directory gave no content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Something cannot be read.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// What.
        path: String,
        /// Why.
        why: String,
    },
    /// There are too many files.
    #[error("{path} has more than {FILES_MAX} policy files")]
    TooMany {
        /// The directory.
        path: String,
    },
}

/// What stands in one file: its bytes, or why they are not to be had.
type Content = Result<Vec<u8>, String>;

/// Reads the directory once. A file that is no text is part of the snapshot with its fault: the
/// others are read all the same.
///
/// # Errors
/// Where the directory, or a policy file in it, cannot be read. Other files are not looked at.
pub fn scan(dir: &Path) -> Result<Snapshot, ScanError> {
    let mut contents = BTreeMap::new();
    read_into(dir, "", &mut contents)?;
    match std::fs::metadata(dir.join("lib")) {
        Ok(lib) if lib.is_dir() => read_into(&dir.join("lib"), "lib/", &mut contents)?,
        _ => {}
    }
    let mut hasher = blake3::Hasher::new();
    let (mut files, mut faults) = (BTreeMap::new(), BTreeMap::new());
    for (name, content) in contents {
        let bytes = content.as_ref().map_or_else(|why| why.as_bytes(), Vec::as_slice);
        for part in [name.as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let (text, fault) = text(content);
        faults.extend(fault.map(|fault| (name.clone(), fault)));
        files.insert(name, text);
    }
    Ok(Snapshot { files, faults, digest: hasher.finalize().to_hex().to_string() })
}

/// The text up to where it stops being one, without the mark of its encoding.
fn text(content: Content) -> (String, Option<ReadFault>) {
    let mut bytes = match content {
        Ok(bytes) => bytes,
        Err(message) => return (String::new(), Some(ReadFault { message, at: 0 })),
    };
    if bytes.starts_with(BOM.as_bytes()) {
        bytes.drain(..BOM.len());
    }
    String::from_utf8(bytes).map_or_else(
        |error| {
            let at = error.utf8_error().valid_up_to();
            let message = format!("the file is not UTF-8 text: see its byte {at}");
            let text = String::from_utf8_lossy(error.as_bytes().get(..at).unwrap_or_default());
            (text.into_owned(), Some(ReadFault { message, at }))
        },
        |text| (text, None),
    )
}

fn read_into(
    dir: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Content>,
) -> Result<(), ScanError> {
    let unreadable = |path: &Path, error: &io::Error| ScanError::Unreadable {
        path: path.display().to_string(),
        why: error.to_string(),
    };
    for entry in std::fs::read_dir(dir).map_err(|e| unreadable(dir, &e))? {
        let entry = entry.map_err(|e| unreadable(dir, &e))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_policy(name)) else { continue };
        let path = entry.path();
        let about = std::fs::metadata(&path).map_err(|e| unreadable(&path, &e))?;
        if !about.is_file() {
            continue;
        }
        if files.len() >= FILES_MAX {
            return Err(ScanError::TooMany { path: dir.display().to_string() });
        }
        let content = if about.len() > BYTES_MAX {
            Err(format!("the file has {} bytes; a policy has at most {BYTES_MAX}", about.len()))
        } else {
            Ok(std::fs::read(&path).map_err(|e| unreadable(&path, &e))?)
        };
        files.insert(format!("{prefix}{name}"), content);
    }
    Ok(())
}

fn is_policy(name: &str) -> bool {
    name == VALUES_FILE
        || (!name.starts_with('.') && name.len() > ".rhai".len() && name.ends_with(".rhai"))
}
