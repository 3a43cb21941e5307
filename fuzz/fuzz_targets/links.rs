//! Batches between processes, command chunks and checkpoint records of any shape: refused or read, never a panic.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use menagerie_proto::tree_store::wire::{Requests, read_items};
use menagerie_tree::State;
use menagerie_types::command::{identities, read_chunk};

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 4 {
        0 => Requests::new(bytes).for_each(|request| drop(request)),
        1 => {
            let _ = read_items(&Bytes::copy_from_slice(bytes), |_| {});
        }
        2 => {
            let chunk = Bytes::copy_from_slice(bytes);
            if let Ok((_, commands)) = read_chunk(&chunk) {
                commands.take_while(Result::is_ok).flatten().for_each(|command| {
                    identities(command.auth).for_each(drop);
                });
            }
        }
        _ => {
            let mut loader = State::loader();
            let (key, value) = bytes.split_at(bytes.len() / 2);
            let _ = loader.record(key, value);
        }
    }
});
