//! What is done once a second: registration, truncation, progress, forgetting, figures.

use std::time::Duration;

use futures::future::join_all;
use menagerie_types::command::Command;
use menagerie_types::command::internal::RegisterReplica;
use menagerie_types::{LogIndex, OpCode, SessionId};
use tracing::debug;

use super::Context;

const TICK: Duration = Duration::from_secs(1);
/// Ticks between two looks at what else can be forgotten.
const SWEEP_TICKS: u64 = 10;

pub(super) async fn run(context: Context) {
    let mut registered = None;
    let mut truncated = LogIndex(0);
    let mut ticks = 0u64;
    loop {
        if context.replica.fault().is_none() {
            register(&context, &mut registered);
            truncate(&context, &mut truncated).await;
        }
        if ticks.is_multiple_of(SWEEP_TICKS) {
            let state = context.replica.state.read();
            context.replica.links.lock().sweep_history(&state);
        }
        context.replica.with_links(|state, links| links.tell_progress(state.index(), state.zxid()));
        figures(&context);
        tokio::select! {
            () = context.replica.checkpointed.notified() => {}
            () = tokio::time::sleep(TICK) => ticks += 1,
        }
    }
}

/// Tells the log how far this replica's durable checkpoint reaches. At most one such command is on its way.
fn register(context: &Context, registered: &mut Option<LogIndex>) {
    let replica = &context.replica;
    let checkpoint = replica.checkpoint_index();
    if *registered == Some(checkpoint) || replica.proposer.has_unacknowledged() {
        return;
    }
    let body = RegisterReplica { replica: replica.options.id, checkpoint }.encode();
    let command =
        Command { op: OpCode::RegisterReplica, session: SessionId::NONE, xid: 0, auth: &[], body: &body };
    replica.proposer.push(&command);
    replica.proposer.wake();
    *registered = Some(checkpoint);
}

/// Lets every member drop the log that enough durable checkpoints cover, but for a margin.
async fn truncate(context: &Context, truncated: &mut LogIndex) {
    let (safe, applied) = {
        let state = context.replica.state.read();
        (state.safe_truncation(), state.index())
    };
    let margin = context.replica.options.truncate_margin;
    let target = LogIndex(safe.0.min(applied.0.saturating_sub(margin)));
    if target.0 == 0 || target.0 < truncated.0 + context.replica.options.truncate_step {
        return;
    }
    *truncated = target;
    let members = context.ensemble.members();
    let calls = members.iter().map(|(id, member)| async move { (*id, member.truncate(target).await) });
    for (member, result) in join_all(calls).await {
        match result {
            Ok(first) => debug!(%member, %first, "log truncated"),
            Err(error) => debug!(%member, %error, "log not truncated, the next time reaches further"),
        }
    }
}

fn figures(context: &Context) {
    let status = context.replica.status();
    let (links, watches, history) = context.replica.links.lock().sizes();
    metrics::gauge!("znode_count").set(status.znode_count as f64);
    metrics::gauge!("watch_count").set(watches as f64);
    metrics::gauge!("ephemerals_count").set(status.ephemeral_count as f64);
    metrics::gauge!("approximate_data_size").set(status.data_bytes as f64);
    metrics::gauge!("global_sessions").set(status.session_count as f64);
    metrics::gauge!("menagerie_tree_store_applied_index").set(status.applied_index.0 as f64);
    metrics::gauge!("menagerie_tree_store_zxid").set(status.zxid.0 as f64);
    metrics::gauge!("menagerie_tree_store_checkpoint_index").set(status.checkpoint_index.0 as f64);
    metrics::gauge!("menagerie_tree_store_links").set(links as f64);
    metrics::gauge!("menagerie_tree_store_result_history_bytes").set(history as f64);
    metrics::gauge!("menagerie_tree_store_serving").set(f64::from(u8::from(status.serving)));
}
