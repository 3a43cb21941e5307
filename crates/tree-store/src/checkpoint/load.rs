//! From a checkpoint to a state, verified.

use std::path::Path;

use bytes::Bytes;
use menagerie_tree::{Loader, Meta, State};
use tokio::sync::mpsc;

use super::meta::{self, META_KEY};
use super::store::{CheckpointStore, no_changes};
use super::stream::StreamReader;
use crate::TreeStoreError;

/// The state that a checkpoint holds, if it adds up; None if it was never committed.
pub(super) fn load(store: &dyn CheckpointStore) -> Result<Option<State>, TreeStoreError> {
    let Some(meta) = store.meta()? else { return Ok(None) };
    let mut loader = State::loader();
    loader.expect(meta.znodes);
    store.for_each(&mut |key, value| feed(&mut loader, key, value))?;
    finish(loader, &meta).map(Some)
}

/// Builds a checkpoint in `store`, which is empty, and the state from what a peer sends. Nothing counts before all of
/// it has come and adds up. `path` is what errors name.
pub(super) async fn receive(
    pieces: &mut mpsc::Receiver<Bytes>,
    store: &mut dyn CheckpointStore,
    path: &Path,
) -> Result<State, TreeStoreError> {
    let mut reader = StreamReader::default();
    let mut loader = State::loader();
    let mut meta = None;
    while let Some(piece) = pieces.recv().await {
        reader.push(&piece);
        while let Some((key, value)) = reader.next()? {
            if meta.is_some() {
                return Err(TreeStoreError::Corrupt("records follow the meta record".into()));
            }
            if key == META_KEY {
                meta = Some(meta::decode(&value, path)?);
                continue;
            }
            feed(&mut loader, &key, &value)?;
            store.fill(&key, &value)?;
        }
    }
    let Some(meta) = meta.filter(|_| reader.is_empty()) else {
        return Err(TreeStoreError::Corrupt("the stream ended too early".into()));
    };
    let state = finish(loader, &meta)?;
    store.commit(&mut no_changes, &meta)?;
    Ok(state)
}

fn feed(loader: &mut Loader, key: &[u8], value: &[u8]) -> Result<(), TreeStoreError> {
    loader.record(key, value).map_err(|error| TreeStoreError::Corrupt(error.to_string()))
}

fn finish(loader: Loader, meta: &Meta) -> Result<State, TreeStoreError> {
    loader.finish(meta).map_err(|error| TreeStoreError::Corrupt(error.to_string()))
}
