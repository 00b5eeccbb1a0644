//! The configuration as the daemon uses it: paths absolute, units gone, defaults filled in.
//!
//! Apart from the file's shape so that no other module ever parses a unit. It holds where a secret
//! is, never the secret.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bracketd_account::{FrameRule, SECRET_BYTES_MIN, Scheme, Secret};
use bracketd_core::book::AccountRules;
use bracketd_core::ids::{AccountName, PolicyName};
use bracketd_policy::Verbs;

use super::file::ParamValue;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// Where the ledger, the activity log and daemon.json live.
    pub data_dir: PathBuf,
    /// Where the local API listens.
    pub bind: SocketAddr,
    /// Directory of the policies.
    pub policies_dir: PathBuf,
    /// How often that directory is read without being told.
    pub policies_poll_ms: u64,
    /// What the file says of single policies.
    pub policies: BTreeMap<PolicyName, PolicySettings>,
    /// The accounts in the order of the file.
    pub accounts: Vec<AccountSettings>,
}

/// What the file says of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySettings {
    /// Values for its parameters.
    pub params: BTreeMap<String, ParamValue>,
    /// The verbs it may use; none is the default list.
    pub verbs: Option<Verbs>,
}

/// One account.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// Its name.
    pub name: AccountName,
    /// The plugin's file.
    pub plugin: PathBuf,
    /// SHA-256 that the plugin's file must have, in lower-case hex.
    pub sha256: Option<String>,
    /// What the plugin is told at connect.
    pub settings: Vec<(String, String)>,
    /// Where its secrets come from, and where they may go.
    pub secrets: BTreeMap<String, SecretSettings>,
    /// What it may reach.
    pub grants: Vec<GrantSettings>,
    /// What the core is told of it.
    pub rules: AccountRules,
    /// How often fills are asked for, in milliseconds.
    pub poll_fills_ms: u64,
    /// How often prices are asked for, in milliseconds.
    pub poll_prices_ms: u64,
    /// How often everything is compared, in milliseconds.
    pub poll_picture_ms: u64,
    /// Requests to the broker in any minute.
    pub messages_per_minute: u32,
    /// Codes of the broker's questions that are answered with yes.
    pub confirm: Vec<String>,
    /// The keys of its guards that the file names; the others have their defaults.
    pub guards_written: BTreeSet<&'static str>,
}

/// What a plugin may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSettings {
    /// `https`, `http`, `wss` or `ws`.
    pub scheme: Scheme,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Upper-case methods.
    pub methods: Vec<String>,
    /// Path prefixes; empty allows every path.
    pub paths: Vec<String>,
    /// Whether every request under it only reads.
    pub read: bool,
    /// Whether the host may be private or this machine.
    pub private: bool,
    /// Whether secrets are also filled in bodies.
    pub secrets_in_body: bool,
    /// Frames of a socket that only read.
    pub frames: Vec<FrameRule>,
}

/// A secret: where it comes from, how it is written there, and where it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSettings {
    /// Where it comes from.
    pub source: SecretSource,
    /// Whether it is base64 of the key that signs.
    pub is_base64: bool,
    /// The hosts it may be sent to; none = every host of the account's grants.
    pub hosts: Option<Vec<String>>,
}

impl SecretSettings {
    /// Reads the secret.
    ///
    /// # Errors
    /// As [`SecretSource::read`]; and where it is not written as the configuration says, or too
    /// short.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = self.source.read()?;
        if text.len() < SECRET_BYTES_MIN {
            return Err(SecretError::TooShort);
        }
        let secret = match self.is_base64 {
            true => Secret::base64(&text).ok_or(SecretError::NotBase64)?,
            false => Secret::new(text),
        };
        Ok(match &self.hosts {
            Some(hosts) => secret.only_for(hosts.clone()),
            None => secret,
        })
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that only its owner can read.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// Why a secret could not be had. Never says anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than the owner could read the file.
    #[error(
        "the secret file {path} can be read by others (mode {mode:04o}); run: chmod 600 {path}"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The variable is not set, or is not text.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// There is nothing in it.
    #[error("the secret from {0} is empty")]
    Empty(String),
    /// It could not be kept out of what people see.
    #[error("it is shorter than {SECRET_BYTES_MIN} bytes")]
    TooShort,
    /// It is not written as the configuration says.
    #[error("it is not base64; copy it again as the broker shows it, or remove `encoding`")]
    NotBase64,
}

impl SecretSource {
    /// Reads the secret; white space at its end is not part of it.
    ///
    /// # Errors
    /// Where it is missing, empty, or in a file that others can read.
    pub fn read(&self) -> Result<String, SecretError> {
        let (text, from) = match self {
            Self::File(path) => (read_private(path)?, path.display().to_string()),
            Self::Env(name) => (
                std::env::var(name).map_err(|_| SecretError::NotSet(name.clone()))?,
                format!("${name}"),
            ),
        };
        let text = text.trim_end();
        if text.is_empty() { Err(SecretError::Empty(from)) } else { Ok(text.to_owned()) }
    }
}

fn read_private(path: &Path) -> Result<String, SecretError> {
    let fail = |source| SecretError::Unreadable { path: path.to_owned(), source };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_err(fail)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::TooOpen { path: path.to_owned(), mode });
        }
    }
    std::fs::read_to_string(path).map_err(fail)
}
