//! Comparing digests with the peers: a replica that differs stops serving.

use futures::future::join_all;
use tracing::error;

use super::Context;
use super::digests::{Verdict, verdict};

pub(super) async fn run(context: Context) {
    loop {
        tokio::time::sleep(context.replica.options.digest_interval).await;
        if context.replica.fault().is_none() {
            compare(&context).await;
        }
    }
}

/// Compares with each peer after the peer's last entry, as far as that is known here. A peer that is ahead compares with this
/// replica in its turn.
pub(super) async fn compare(context: &Context) {
    let replica = &context.replica;
    let peers = context.peers.list();
    let statuses = join_all(peers.iter().map(|(_, peer)| peer.status())).await;
    let (mut same, mut different) = (0, 0);
    for status in statuses.into_iter().flatten() {
        let Some(ours) = replica.digests.lock().at(status.applied_index) else { continue };
        if ours == status.digest {
            same += 1;
        } else {
            let (id, theirs) = (replica.options.id, status.digest);
            let (index, zxid) = (status.applied_index, status.zxid);
            error!(replica = %id, peer = %status.id, %index, %zxid, ours, theirs, "digests differ");
            different += 1;
        }
    }
    let reason = match verdict(same, different) {
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
