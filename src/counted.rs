//! Counts what a test allocates on its thread. Test programs that measure memory take this file in, those of the decision too.
//! No network.
#![allow(unsafe_code, reason = "an allocator can only be counted by being one")]
#![allow(dead_code, reason = "not every test program asks for everything")]
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread asked for and has not given back, less those that it gave back for others.
    static BYTES: Cell<usize> = const { Cell::new(0) };
    /// The most that [`BYTES`] were since [`most_bytes_since_now`].
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// Allocations of this thread so far.
pub(crate) fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// Bytes that this thread holds beyond those that it held when this gave `before`.
pub(crate) fn bytes_since(before: usize) -> usize {
    BYTES.get().wrapping_sub(before)
}

/// From now on [`most_bytes_since`] looks.
pub(crate) fn most_bytes_since_now() {
    MOST.set(BYTES.get());
}

/// The most that this thread held since [`most_bytes_since_now`], beyond what it held when [`bytes_since`] gave `before`.
pub(crate) fn most_bytes_since(before: usize) -> usize {
    MOST.get().wrapping_sub(before)
}

/// The system's allocator, counting.
struct Counting;

/// Counts a block that had one size and now has another; none is 0.
fn resize(before: usize, after: usize) {
    // While a thread ends its locals may be gone; nothing is measured then.
    let _ = BYTES.try_with(|bytes| {
        bytes.set(bytes.get().wrapping_add(after).wrapping_sub(before));
        // A thread that frees what others allocated wraps around; its most says nothing.
        let _ = MOST.try_with(|most| most.set(most.get().max(bytes.get())));
    });
    if after > 0 {
        let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
    }
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        resize(0, layout.size());
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        resize(layout.size(), 0);
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        resize(layout.size(), new_size);
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
