//! Recording activity allocates nothing (I12). A test binary of its own, because it needs its own
//! allocator.

#![allow(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bracketd_core::Decimal;
use bracketd_core::fact::{Fact, FactKind};
use bracketd_core::intent::Source;
use bracketd_core::time::Timestamp;
use bracketd_store::activity::{ActivityKind, ActivityLog, ActivityOptions, Record};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting for each thread.
struct Counting;

// SAFETY: every call goes unchanged to the system's allocator; counting touches only a cell of
// this thread that needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `alloc` above, with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn i12_recording_allocates_nothing_whether_the_queue_takes_it_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let options = ActivityOptions { queue: 64, ..ActivityOptions::default() };
    let log = ActivityLog::start(dir.path(), options).unwrap();
    let recorder = log.recorder();
    let source = Source::Policy { name: "trail".into(), digest: "d".to_owned() };
    let mut fact = Fact::new(Timestamp(1), FactKind::StopChanged, source);
    fact.before = Some(Decimal::new(9_500, 2));
    fact.text = "a text that is too long to be kept inside a record ".repeat(10);

    assert_eq!(allocations_of(|| drop(std::hint::black_box(Box::new(1)))), 1, "the count counts");
    // The queue of crossbeam sets itself up for a thread at its first use.
    recorder.record(Record::new(Timestamp(1), ActivityKind::DaemonNote));
    let counted = allocations_of(|| {
        for seq in 1..=20_000 {
            recorder.record(Record::from_fact(&fact, seq));
        }
    });
    assert_eq!(counted, 0);
    assert!(log.status().lost > 0, "the queue was full at times");
    assert_eq!(log.shutdown(30_000), 0);
}
