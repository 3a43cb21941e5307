//! What is done once a second: registration, truncation, progress, forgetting, figures.

use std::time::Duration;

use futures::future::join_all;
use menagerie_types::LogIndex;
use tracing::{debug, warn};

use super::Context;
use super::bootstrap::Alarm;
use super::registration::Registration;
use super::retained::Retained;

const TICK: Duration = Duration::from_secs(1);
/// Until the replica has registered: others wait for one that is not known yet.
const FIRST_TICK: Duration = Duration::from_millis(50);
/// Ticks between two looks at what else can be forgotten.
const SWEEP_TICKS: u64 = 10;

/// Ends when the replica was taken out of the directory, with what is to be said then.
pub(super) async fn run(context: Context) -> String {
    let mut registration = Registration::default();
    let mut truncation = Truncation::default();
    let mut ticks = 0u64;
    loop {
        if context.replica.fault().is_none() {
            if let Err(removed) = registration.keep(&context) {
                return removed;
            }
            truncation.run(&context).await;
        }
        if ticks.is_multiple_of(SWEEP_TICKS) {
            let state = context.replica.state.read();
            context.replica.links.lock().sweep_history(&state);
        }
        context.replica.with_links(|state, links| links.tell_progress(state.index(), state.zxid()));
        figures(&context);
        let pause = if registration.is_made() { TICK } else { FIRST_TICK };
        tokio::select! {
            () = context.replica.checkpointed.notified() => {}
            () = tokio::time::sleep(pause) => ticks += 1,
        }
    }
}

/// What is known of the log's truncation.
#[derive(Default)]
struct Truncation {
    done: LogIndex,
    retained: Retained,
    alarm: Alarm,
}

impl Truncation {
    /// Lets every member drop the log that enough durable checkpoints cover, but for a margin.
    async fn run(&mut self, context: &Context) {
        let options = &context.replica.options;
        let (safe, newest, applied) = {
            let state = context.replica.state.read();
            (state.safe_truncation(), state.newest_checkpoint(), state.index())
        };
        self.retained.note(applied, context.replica.log_bytes_total());
        let bytes = self.retained.behind(safe);
        metrics::gauge!("menagerie_tree_store_log_retained_bytes").set(bytes as f64);
        let enough = if bytes > options.log_bytes_max { newest } else { safe };
        if bytes > options.log_bytes_max / 2 && self.alarm.is_due() {
            let old = old_checkpoints(context, safe);
            let max = options.log_bytes_max;
            warn!(bytes, max, replicas = ?old, "the log is kept for tree stores whose checkpoints are old; beyond max it is truncated all the same, and they fetch a checkpoint from another one");
        }
        let target = LogIndex(enough.0.min(applied.0.saturating_sub(options.truncate_margin)));
        if target.0 == 0 || target.0 < self.done.0 + options.truncate_step {
            return;
        }
        self.done = target;
        let members = context.ensemble.members();
        let calls = members.iter().map(|(id, member)| async move { (*id, member.truncate(target).await) });
        for (member, result) in join_all(calls).await {
            match result {
                Ok(first) => debug!(%member, %first, "log truncated"),
                Err(error) => debug!(%member, %error, "log not truncated, the next time reaches further"),
            }
        }
    }
}

/// The replicas whose checkpoints reach no further, and how far they do.
fn old_checkpoints(context: &Context, safe: LogIndex) -> Vec<(u64, u64)> {
    let state = context.replica.state.read();
    state.replicas().filter(|(_, at)| *at <= safe).map(|(id, at)| (id.0, at.0)).collect()
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
