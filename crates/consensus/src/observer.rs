//! What follows from Raft's news: metrics, where the log syncs, the end.

use std::sync::Arc;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::watch;

use crate::ConsensusError;
use crate::leadership::Leadership;
use crate::storage::Store;
use crate::types::Raft;

/// Follows Raft until it ends, then says why.
pub(crate) async fn run(raft: Raft, store: Arc<Store>, ended: watch::Sender<Option<ConsensusError>>) {
    let mut leadership = Leadership::new(&raft);
    let (mut last_term, mut led) = (0, false);
    loop {
        let (term, leads) = leadership.observed();
        metrics::gauge!("menagerie_consensus_term").set(term as f64);
        metrics::gauge!("menagerie_consensus_is_leader").set(f64::from(u8::from(leads)));
        if term > last_term {
            metrics::counter!("menagerie_consensus_terms_total").increment(term - last_term);
        }
        if leads && (!led || term > last_term) {
            metrics::counter!("menagerie_consensus_elections_won_total").increment(1);
        }
        (last_term, led) = (term, leads);
        if let Err(error) = store.adopt(leadership.membership().membership()) {
            tracing::error!(%error, "log cannot change its thread");
        }
        if !leadership.changed().await {
            break;
        }
    }
    metrics::gauge!("menagerie_consensus_is_leader").set(0.0);
    let why = match &raft.metrics().borrow_watched().running_state {
        Ok(()) => "raft ended without a reason".into(),
        Err(fatal) => fatal.to_string(),
    };
    ended.send_replace(Some(ConsensusError::Stopped(why)));
}
