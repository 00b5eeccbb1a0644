//! Locking a mutex whose holder may have panicked.
//!
//! Apart because there are two kinds. Most locks of this crate guard plain data that is valid after
//! each statement, so a poisoned one is as good as a healthy one and no thread has to follow another
//! into a panic. The scheduler's guards what is changed in several steps: half a change of it could
//! hold a stop back for ever, so there the process ends, and start is recovery.

use std::sync::{LockResult, Mutex, MutexGuard, PoisonError};

/// The lock of plain data, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock of what is changed in several steps.
pub(crate) fn sound<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    whole(mutex.lock())
}

/// What a lock guards; the process ends where its holder panicked half-way.
pub(crate) fn whole<T>(locked: LockResult<T>) -> T {
    // The panic's own message stands on standard error already.
    locked.unwrap_or_else(|_| std::process::abort())
}
