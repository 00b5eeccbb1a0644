//! `daemon.json`: where a running daemon listens and the token that opens it, for this user only.
//!
//! Apart because the daemon writes it and the command line reads it. It never leaves the data
//! directory and is readable by its owner alone.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// Name of the file in the data directory.
pub const NAME: &str = "daemon.json";
/// Ports that are tried when the one asked for is busy.
const PORTS_TRIED: u16 = 32;
const TOKEN_BYTES: usize = 32;

/// How to reach a running daemon.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonFile {
    /// Base of its API, without a slash at the end.
    pub url: String,
    /// The bearer token.
    pub token: String,
    /// The daemon's process.
    pub pid: u32,
}

impl std::fmt::Debug for DaemonFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DaemonFile {{ url: {:?}, pid: {}, token: [secret] }}", self.url, self.pid)
    }
}

impl DaemonFile {
    /// What to write for a daemon of this process.
    pub fn new(address: SocketAddr, token: String) -> Self {
        Self { url: format!("http://{address}"), token, pid: std::process::id() }
    }

    /// Writes it into the data directory with mode 0600, in place of an older one.
    ///
    /// # Errors
    /// Where the directory cannot be written.
    pub fn write(&self, data_dir: &Path) -> io::Result<PathBuf> {
        let path = data_dir.join(NAME);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        // The mode is set at creation: there is no moment at which others could read the token.
        let fresh = data_dir.join(format!(".{NAME}.{}", self.pid));
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        let written = file.write_all(format!("{text}\n").as_bytes());
        drop(file);
        if let Err(error) = written.and_then(|()| std::fs::rename(&fresh, &path)) {
            // Half a file under another name helps nobody.
            drop(std::fs::remove_file(&fresh));
            return Err(error);
        }
        Ok(path)
    }

    /// Reads it; nothing where there is none.
    ///
    /// # Errors
    /// Where it exists and cannot be read or understood.
    pub fn read(data_dir: &Path) -> io::Result<Option<Self>> {
        match std::fs::read_to_string(data_dir.join(NAME)) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes it away at the end of the daemon, unless another daemon has written its own since.
    pub fn remove(&self, data_dir: &Path) {
        if Self::read(data_dir).is_ok_and(|found| found.as_ref() == Some(self)) {
            // A file that stays behind is harmless: the next start replaces it.
            drop(std::fs::remove_file(data_dir.join(NAME)));
        }
    }
}

/// A token that nobody can guess: 256 random bits in hex.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn draw_token() -> io::Result<String> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the system gave no random bytes for the token"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Listens at the address, or at the next free port after it. Port 0 takes any.
///
/// # Errors
/// Where none of the ports tried is free, or the address is not this machine's.
pub fn listen(wanted: SocketAddr) -> io::Result<TcpListener> {
    let mut address = wanted;
    for _ in 0..PORTS_TRIED {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let Some(next) = address.port().checked_add(1) else { break };
                address.set_port(next);
            }
            other => return other,
        }
    }
    let last = wanted.port().saturating_add(PORTS_TRIED - 1);
    let message = format!("no free port from {wanted} to {last}; set [server] bind to another");
    Err(io::Error::new(io::ErrorKind::AddrInUse, message))
}

#[cfg(test)]
mod tests {
    use super::{DaemonFile, draw_token, listen};

    #[test]
    fn the_file_is_for_its_owner_only_and_reads_back() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(DaemonFile::read(dir.path()).unwrap(), None);
        let old = DaemonFile::new("127.0.0.1:1".parse().unwrap(), "old".to_owned());
        old.write(dir.path()).unwrap();
        let file = DaemonFile::new("127.0.0.1:2".parse().unwrap(), draw_token().unwrap());
        let path = file.write(dir.path()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(DaemonFile::read(dir.path()).unwrap(), Some(file.clone()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        old.remove(dir.path());
        assert!(path.exists(), "only the daemon that wrote it takes it away");
        file.remove(dir.path());
        assert!(!path.exists());
    }

    #[test]
    fn the_token_is_long_differs_each_time_and_is_not_printed() {
        let (one, other) = (draw_token().unwrap(), draw_token().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        let file = DaemonFile::new("127.0.0.1:1".parse().unwrap(), one.clone());
        assert!(!format!("{file:?}").contains(&one));
    }

    #[test]
    fn a_busy_port_moves_on_to_the_next() {
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let taken = first.local_addr().unwrap();
        let second = listen(taken).unwrap().local_addr().unwrap();
        assert!(second.port() > taken.port());
    }
}
