//! Locking a mutex whose holder may have panicked.
//!
//! Apart because every lock of this crate guards plain data that is valid after each statement, so
//! a poisoned lock is as good as a healthy one and no thread has to follow another into a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
