//! The decision pipeline.
