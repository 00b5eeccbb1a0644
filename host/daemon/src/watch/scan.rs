//! One read of the policy directory into memory, with the hash of its names and bytes.
//!
//! Apart so that everything after it works on the same bytes and never reads the disk again. It
//! follows links and looks at `*.rhai` and `lib/*.rhai` only; hidden names are nobody's policy.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Files of one directory; more are refused rather than read for ever.
const FILES_MAX: usize = 256;
/// Bytes of one file.
const BYTES_MAX: u64 = 1 << 20;

/// The content of the directory at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Texts by path within the directory, such as `trailing_stop.rhai` or `lib/risk.rhai`.
    pub files: BTreeMap<String, String>,
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
    /// A file is too large to be a policy.
    #[error("{path} has {bytes} bytes; a policy has at most {BYTES_MAX}")]
    TooLarge {
        /// Which.
        path: String,
        /// Its size.
        bytes: u64,
    },
    /// There are too many files.
    #[error("{path} has more than {FILES_MAX} policy files")]
    TooMany {
        /// The directory.
        path: String,
    },
    /// A file is no text.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// Which.
        path: String,
    },
}

/// Reads the directory once.
///
/// # Errors
/// Where it, or a policy file in it, cannot be read as text. Other files are not looked at.
pub fn scan(dir: &Path) -> Result<Snapshot, ScanError> {
    let mut files = BTreeMap::new();
    read_into(dir, "", &mut files)?;
    match std::fs::metadata(dir.join("lib")) {
        Ok(lib) if lib.is_dir() => read_into(&dir.join("lib"), "lib/", &mut files)?,
        _ => {}
    }
    let mut hasher = blake3::Hasher::new();
    for (name, text) in &files {
        for part in [name, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    Ok(Snapshot { files, digest: hasher.finalize().to_hex().to_string() })
}

fn read_into(
    dir: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, String>,
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
        if about.len() > BYTES_MAX {
            let path = path.display().to_string();
            return Err(ScanError::TooLarge { path, bytes: about.len() });
        }
        if files.len() >= FILES_MAX {
            return Err(ScanError::TooMany { path: dir.display().to_string() });
        }
        let bytes = std::fs::read(&path).map_err(|e| unreadable(&path, &e))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| ScanError::NotText { path: path.display().to_string() })?;
        files.insert(format!("{prefix}{name}"), text);
    }
    Ok(())
}

fn is_policy(name: &str) -> bool {
    !name.starts_with('.') && name.len() > ".rhai".len() && name.ends_with(".rhai")
}
