//! `mntr`: one line for each figure.

use std::fmt::Display;
use std::sync::atomic::Ordering;

use super::{Gathered, VERSION, outstanding};
use crate::Shared;
use crate::worker::Core;

/// Those of ZooKeeper's figures that are there.
pub fn monitor(core: &Core, shared: &Shared, gathered: &Gathered) -> String {
    let (facts, stats) = (core.facts.lock().clone(), &core.stats);
    let mut text = String::new();
    let mut line = |key: &str, value: &dyn Display| text += &format!("zk_{key}\t{value}\n");
    line("version", &VERSION);
    line("server_state", &if core.read_only.is_on() { "read-only" } else { facts.mode.as_str() });
    match facts.mode.as_str() {
        _ if core.read_only.is_on() => {}
        "leader" => line("peer_state", &"leading - broadcast"),
        "follower" => line("peer_state", &"following - broadcast"),
        "observer" => line("peer_state", &"observing - broadcast"),
        _ => {}
    }
    let (least, average, most) = stats.latency_ms();
    line("avg_latency", &average);
    line("max_latency", &most);
    line("min_latency", &least);
    line("packets_received", &stats.received_total());
    line("packets_sent", &stats.sent_total());
    line("num_alive_connections", &stats.connections());
    line("outstanding_requests", &outstanding(gathered));
    line("uptime", &stats.began().elapsed().as_millis());
    line("znode_count", &(facts.znode_count + 1));
    line("watch_count", &gathered.parts.iter().map(|part| part.watch_count).sum::<usize>());
    line("ephemerals_count", &facts.ephemeral_count);
    line("approximate_data_size", &facts.data_bytes);
    line("global_sessions", &facts.session_count);
    line("local_sessions", &gathered.parts.iter().map(|part| part.local_sessions).sum::<usize>());
    line("open_file_descriptor_count", &open_files());
    line("max_file_descriptor_count", &open_files_max());
    line("connection_drop_probability", &format!("{:?}", shared.throttle.chance()));
    line("outstanding_tls_handshake", &stats.handshakes.load(Ordering::Relaxed));
    line("connection_rejected", &stats.rejected.load(Ordering::Relaxed));
    line("large_requests_rejected", &stats.large_requests_rejected.load(Ordering::Relaxed));
    line("throttled_ops", &stats.throttled_ops.load(Ordering::Relaxed));
    if facts.mode == "leader" && !core.read_only.is_on() {
        let (followers, observers) = gathered.synced;
        line("quorum_size", &facts.voters);
        line("learners", &facts.members.saturating_sub(1));
        line("synced_followers", &followers);
        line("synced_non_voting_followers", &observers);
        line("synced_observers", &observers);
    }
    text
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn open_files_max() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
