//! An in-memory file system that crashes and fails on demand.

