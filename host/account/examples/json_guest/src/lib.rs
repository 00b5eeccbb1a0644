//! A guest that takes an `adjust-sl` as JSON in its memory and answers with JSON: what the component
//! model is measured against. Built by `cargo xtask bench` alone.
//!
//! Apart because it is no plugin: its module has no interface, no fault and no network. It must do as
//! little as the typed guest beside it, so that what is measured is the way there and back.

#[allow(missing_docs, reason = "the fields are those of the WIT")]
pub mod types;

use types::{Adjusted, Request, Role};

/// Room for a request of so many bytes.
#[allow(unsafe_code, reason = "a core module exports by name, there is no interface")]
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: u32) -> u32 {
    let room = vec![0u8; bytes as usize].into_boxed_slice();
    Box::leak(room).as_mut_ptr() as usize as u32
}

/// Answers the request that stands there: where its answer is, and above that how long it is. Both
/// are freed by the next call of [`done`].
#[allow(unsafe_code, reason = "a core module is given an address and a length")]
#[unsafe(no_mangle)]
pub extern "C" fn adjust_sl(at: u32, bytes: u32) -> u64 {
    // SAFETY: the host wrote what it asked room for.
    let request = unsafe { std::slice::from_raw_parts(at as usize as *const u8, bytes as usize) };
    let answer = serde_json::from_slice(request).map(unchanged);
    let text = answer.and_then(|answer| serde_json::to_vec(&answer)).unwrap_or_default();
    let text = Box::leak(text.into_boxed_slice());
    ((text.len() as u64) << 32) | text.as_ptr() as usize as u64
}

/// Frees what [`room`] or [`adjust_sl`] gave.
#[allow(unsafe_code, reason = "a core module is given an address and a length")]
#[unsafe(no_mangle)]
pub extern "C" fn done(at: u32, bytes: u32) {
    let slice = std::ptr::slice_from_raw_parts_mut(at as usize as *mut u8, bytes as usize);
    // SAFETY: it was leaked with this length by one of the two above.
    drop(unsafe { Box::from_raw(slice) });
}

/// What rests, where the stop is where it shall be.
fn unchanged(request: Request) -> Adjusted {
    let legs = request.bracket.legs;
    let stop = legs.iter().find(|leg| leg.role == Role::StopLoss);
    let is_there = stop.is_some_and(|leg| leg.stop_price.as_ref() == Some(&request.stop));
    Adjusted {
        how: if is_there { "unchanged" } else { "new-leg" }.to_owned(),
        progress: "confirmed".to_owned(),
        legs,
        memo: Vec::new(),
        ext: Vec::new(),
    }
}
