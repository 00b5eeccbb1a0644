//! The `kv` import: a small memory that the instances of one account share.
//!
//! It lives in the account host's memory; the daemon takes what changed with [`Kv::changed`] and
//! hands it back at the next start. A crash loses the newest puts, so a plugin works without.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::bindings::bracketd::broker::kv;
use crate::guest::{GuestState, Mode};
use crate::lock::lock;

/// Most keys that one `keys` call answers.
const KEYS_MAX: usize = 256;

/// One stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub value: Vec<u8>,
    /// Rises with each put.
    pub revision: u64,
}

/// The memory of one account.
#[derive(Debug)]
pub(crate) struct Kv {
    inner: Mutex<Inner>,
    keys_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<String, (Vec<u8>, u64)>,
    bytes: usize,
    last_revision: u64,
    dirty: bool,
}

impl Kv {
    /// An empty memory with these quotas.
    pub(crate) fn new(keys_max: usize, bytes_max: usize) -> Self {
        Self { inner: Mutex::default(), keys_max, bytes_max }
    }

    /// Everything, when something changed since the last call.
    pub(crate) fn changed(&self) -> Option<Vec<KvEntry>> {
        let mut inner = lock(&self.inner);
        std::mem::take(&mut inner.dirty).then(|| {
            let entry = |(key, (value, revision)): (&String, &(Vec<u8>, u64))| KvEntry {
                key: key.clone(),
                value: value.clone(),
                revision: *revision,
            };
            inner.entries.iter().map(entry).collect()
        })
    }

    /// The same memory, for somebody whose puts do not count.
    pub(crate) fn copied(&self) -> Self {
        let inner = lock(&self.inner);
        let (entries, bytes, last_revision) =
            (inner.entries.clone(), inner.bytes, inner.last_revision);
        let inner = Inner { entries, bytes, last_revision, dirty: false };
        Self { inner: Mutex::new(inner), keys_max: self.keys_max, bytes_max: self.bytes_max }
    }

    /// With what an earlier run stored.
    pub(crate) fn holding(self, entries: Vec<KvEntry>) -> Self {
        let mut inner = Inner::default();
        for KvEntry { key, value, revision } in entries {
            inner.bytes += key.len() + value.len();
            inner.last_revision = inner.last_revision.max(revision);
            inner.entries.insert(key, (value, revision));
        }
        Self { inner: Mutex::new(inner), ..self }
    }

    fn put(&self, key: String, value: Vec<u8>, expect: Option<u64>) -> Result<u64, kv::KvError> {
        let mut inner = lock(&self.inner);
        let old = inner.entries.get(&key).map(|(v, r)| (v.len(), *r));
        if old.map(|(_, revision)| revision) != expect {
            return Err(kv::KvError::Conflict);
        }
        let freed = old.map_or(0, |(len, _)| len + key.len());
        let bytes = inner.bytes - freed + key.len() + value.len();
        let keys = inner.entries.len() + usize::from(old.is_none());
        if bytes > self.bytes_max || keys > self.keys_max {
            return Err(kv::KvError::Quota);
        }
        inner.last_revision += 1;
        let revision = inner.last_revision;
        inner.entries.insert(key, (value, revision));
        inner.bytes = bytes;
        inner.dirty = true;
        Ok(revision)
    }

    fn delete(&self, key: &str, expect: u64) -> Result<(), kv::KvError> {
        let mut inner = lock(&self.inner);
        match inner.entries.get(key) {
            Some((value, revision)) if *revision == expect => {
                inner.bytes -= key.len() + value.len();
                inner.entries.remove(key);
                inner.dirty = true;
                Ok(())
            }
            Some(_) | None => Err(kv::KvError::Conflict),
        }
    }
}

impl kv::Host for GuestState {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<kv::Entry>> {
        self.enter("kv.get")?;
        let entry = lock(&self.shared.kv.inner).entries.get(&key).cloned();
        self.leave("kv.get")?;
        Ok(entry.map(|(value, revision)| kv::Entry { value, revision }))
    }

    fn put(
        &mut self,
        key: String,
        value: Vec<u8>,
        expect: Option<u64>,
    ) -> wasmtime::Result<Result<u64, kv::KvError>> {
        self.enter("kv.put")?;
        let put = match self.shared.running.enter(self.generation) {
            Some(_entered) => self.shared.kv.put(key, value, expect),
            None => Err(kv::KvError::Fenced),
        };
        self.leave("kv.put")?;
        Ok(put)
    }

    fn delete(&mut self, key: String, expect: u64) -> wasmtime::Result<Result<(), kv::KvError>> {
        self.enter("kv.delete")?;
        let deleted = match self.shared.running.enter(self.generation) {
            Some(_entered) => self.shared.kv.delete(&key, expect),
            None => Err(kv::KvError::Fenced),
        };
        self.leave("kv.delete")?;
        Ok(deleted)
    }

    fn keys(&mut self, prefix: String, limit: u32) -> wasmtime::Result<Vec<String>> {
        self.enter("kv.keys")?;
        self.leave("kv.keys")?;
        debug_assert_ne!(self.call.mode, Mode::Pure);
        let inner = lock(&self.shared.kv.inner);
        let limit = usize::try_from(limit).unwrap_or(KEYS_MAX).min(KEYS_MAX);
        let from = inner.entries.range(prefix.clone()..);
        Ok(from
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(&prefix))
            .take(limit)
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_needs_the_present_revision() {
        let kv = Kv::new(8, 1_000);
        let first = kv.put("k".into(), b"1".to_vec(), None).unwrap();
        let conflict = Err(kv::KvError::Conflict);
        assert_eq!(kv.put("k".into(), b"2".to_vec(), None), conflict);
        assert_eq!(kv.put("k".into(), b"2".to_vec(), Some(first + 7)), conflict);
        let second = kv.put("k".into(), b"2".to_vec(), Some(first)).unwrap();
        assert!(second > first);
        assert_eq!(kv.delete("k", first), Err(kv::KvError::Conflict));
        assert_eq!(kv.delete("k", second), Ok(()));
    }

    #[test]
    fn quotas_count_keys_and_bytes_and_give_back_what_is_deleted() {
        let kv = Kv::new(2, 10);
        let quota = Err(kv::KvError::Quota);
        let a = kv.put("a".into(), vec![0; 4], None).unwrap();
        assert_eq!(kv.put("b".into(), vec![0; 5], None), quota, "11 bytes");
        kv.put("b".into(), vec![0; 4], None).unwrap();
        assert_eq!(kv.put("c".into(), vec![], None), quota, "third key");
        kv.delete("a", a).unwrap();
        kv.put("c".into(), vec![0; 4], None).unwrap();
    }

    #[test]
    fn what_was_stored_comes_back_after_a_restart() {
        let kv = Kv::new(8, 1_000);
        assert_eq!(kv.changed(), None);
        let revision = kv.put("k".into(), b"v".to_vec(), None).unwrap();
        let stored = kv.changed().unwrap();
        assert_eq!(kv.changed(), None);
        let again = Kv::new(8, 1_000).holding(stored);
        assert!(again.put("k".into(), b"w".to_vec(), Some(revision)).unwrap() > revision);
    }
}
