//! An allocator that counts what its thread asks for.
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// Allocations of this thread so far.
pub(crate) fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// Bytes that this thread holds.
pub(crate) fn bytes() -> usize {
    BYTES.get()
}

/// The most that it held since [`most_bytes_since_now`].
pub(crate) fn most_bytes() -> usize {
    MOST.get()
}

pub(crate) fn most_bytes_since_now() {
    MOST.set(BYTES.get());
}

/// The system's allocator, counting.
struct Counting;

/// A block had one size and now has another; none is 0. While a thread ends its locals may be gone.
fn resize(before: usize, after: usize) {
    let _ = BYTES.try_with(|bytes| {
        bytes.set(bytes.get().wrapping_add(after).wrapping_sub(before));
        // A thread that frees what others allocated wraps around; it measures nothing.
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
