//! Opening a link to one of several replicas.

use std::sync::Arc;

use menagerie_proto::tree_store::{LinkHello, StoreLink, TreeStore};
use menagerie_proto::{ServiceError, ServiceResult};

/// Tries every replica once, beginning with the `preferred`-th; returns which one it is linked to.
///
/// [`ServiceError::HistoryGone`] is returned only if every replica that answered said so: then the results that are
/// missing cannot be had, and the outcome of those commands stays unknown.
pub async fn open_link(
    stores: &[Arc<dyn TreeStore>],
    preferred: usize,
    hello: &LinkHello,
) -> ServiceResult<(usize, Box<dyn StoreLink>)> {
    let mut error = ServiceError::Unavailable("no tree store is configured".into());
    let mut all_gone = true;
    for offset in 0..stores.len() {
        let at = (preferred + offset) % stores.len();
        match stores[at].link(hello.clone()).await {
            Ok(link) => return Ok((at, link)),
            Err(e) => {
                all_gone &= matches!(e, ServiceError::HistoryGone(_));
                if all_gone || !matches!(e, ServiceError::HistoryGone(_)) {
                    error = e;
                }
            }
        }
    }
    Err(error)
}
