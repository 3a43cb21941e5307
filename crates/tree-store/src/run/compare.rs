//! Comparing digests with the peers: a replica that differs stops serving.

use std::cmp::Ordering;

use futures::future::join_all;
use menagerie_types::NodeId;
use tracing::error;

use super::Context;
use super::digests::{Verdict, verdict};

pub(super) async fn run(context: Context) {
    loop {
        tokio::time::sleep(context.replica.options.digest_interval).await;
        if context.replica.fault().is_none() && !context.peers.is_empty() {
            compare(&context).await;
        }
    }
}

/// Compares with each peer at the peer's zxid, as far as that is known here. A peer that is ahead compares with this
/// replica in its turn.
pub(super) async fn compare(context: &Context) {
    let replica = &context.replica;
    let statuses = join_all(context.peers.iter().map(|peer| peer.status())).await;
    let (mut same, mut different) = (0, Vec::<NodeId>::new());
    for status in statuses.into_iter().flatten() {
        let Some(ours) = replica.digests.lock().at(status.zxid) else { continue };
        match ours.cmp(&status.digest) {
            Ordering::Equal => same += 1,
            _ => {
                let (id, zxid, theirs) = (replica.options.id, status.zxid, status.digest);
                error!(replica = %id, peer = %status.id, %zxid, ours, theirs, "digests differ");
                different.push(status.id);
            }
        }
    }
    let reason = match verdict(same, different.len()) {
        Verdict::Agreed | Verdict::Majority => return,
        Verdict::Minority => "most replicas have another digest".to_owned(),
        // Both sides look at themselves; one whose memory or disk went wrong finds out.
        Verdict::Undecided => match context.checkpointer.verify().await {
            Ok(()) => return,
            Err(error) => format!("the state does not give its own digest: {error}"),
        },
    };
    replica.fail(reason.clone());
    context.checkpointer.set_aside(reason);
}
