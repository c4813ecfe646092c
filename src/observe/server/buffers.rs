//! The buffer that great answers are read into, kept between them. No network.
use std::collections::HashMap;
use std::sync::Mutex;

use crate::cluster::lock;

/// Answers shorter than this are not worth remembering.
const GREAT_BYTES: usize = 64 << 10;
/// So many queries' lengths are remembered.
const REMEMBERED: usize = 256;

/// One kept buffer and the lengths of great answers.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    buffer: Vec<u8>,
    /// By query.
    lengths: HashMap<u64, usize>,
}

impl Buffers {
    /// An empty buffer that holds this query's answer without growing, if it is about as long as the last one, or as long
    /// as `announced`; never more than `most` bytes are set aside.
    pub(super) fn take(&self, query: u64, announced: Option<u64>, most: usize) -> Vec<u8> {
        let mut kept = lock(&self.0);
        let known = kept.lengths.get(&query).copied().unwrap_or_default();
        let expected = announced
            .and_then(|length| usize::try_from(length).ok())
            // A little more than last time: answers grow by a few series.
            .unwrap_or(known + known / 8)
            .min(most);
        if expected >= GREAT_BYTES && kept.buffer.capacity() >= expected {
            return std::mem::take(&mut kept.buffer);
        }
        Vec::with_capacity(expected)
    }

    /// Takes a buffer back after its answer was decoded.
    pub(super) fn give(&self, query: u64, mut buffer: Vec<u8>) {
        if buffer.len() < GREAT_BYTES {
            return;
        }
        let mut kept = lock(&self.0);
        if kept.lengths.len() >= REMEMBERED && !kept.lengths.contains_key(&query) {
            kept.lengths.clear();
        }
        kept.lengths.insert(query, buffer.len());
        buffer.clear();
        if buffer.capacity() > kept.buffer.capacity() {
            kept.buffer = buffer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_great_answer_is_read_into_the_buffer_of_the_last_one() {
        let buffers = Buffers::default();
        let mut first = buffers.take(1, None, 1 << 20);
        first.resize(100_000, 0);
        let memory = first.as_ptr();
        first.reserve_exact(50_000);
        let memory = if first.as_ptr() == memory {
            memory
        } else {
            first.as_ptr()
        };
        buffers.give(1, first);
        let second = buffers.take(1, None, 1 << 20);
        assert_eq!((second.as_ptr(), second.len()), (memory, 0));
        let meanwhile = buffers.take(1, None, 1 << 20);
        assert_eq!(meanwhile.capacity(), 112_500, "long enough from the start");
        assert_eq!(
            buffers.take(2, None, 1 << 20).capacity(),
            0,
            "nothing is known of it"
        );
        assert_eq!(buffers.take(2, Some(9 << 30), 1 << 20).capacity(), 1 << 20);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let buffers = Buffers::default();
        for query in 0..1000 {
            buffers.give(query, vec![0; GREAT_BYTES]);
        }
        assert!(lock(&buffers.0).lengths.len() <= REMEMBERED);
    }
}
