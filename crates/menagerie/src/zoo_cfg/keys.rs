//! Every key that ZooKeeper knows in zoo.cfg, and what becomes of it here.

use crate::suggest::nearest;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has its effect.
    Honoured,
    /// It cannot have its effect; this one sentence says why, or what to use instead.
    Ignored(&'static str),
}

use Fate::{Honoured, Ignored};

const TLS: &str = "TLS is not available yet; connections are not encrypted";
const SASL: &str = "SASL is not available; clients authenticate by the digest scheme";
const RAFT: &str = "members talk gRPC and elect by Raft; there is nothing to set";
const LOG: &str = "the log batches by what is queued and syncs every batch before it is acknowledged; there is nothing to set";
const CHECKPOINT: &str = "checkpoints are incremental and scheduled by log size; there is nothing to set";
const PURGE: &str = "disk use is bounded without it: the log is truncated behind checkpoints";
const THREADS: &str = "this server has other threads; use --gateway-threads";
const THROTTLE: &str = "requests are limited by bounded queues; maxClientCnxns still applies";
const DYNAMIC: &str = "membership is not changed at run time yet; it is as server.N lists it";
const CACHE: &str = "reads are encoded from memory without a cache";
const CONTAINER: &str = "containers are not reaped yet";
const EXTENDED: &str = "TTL nodes are not available yet";
const QUOTA: &str = "quotas are not enforced yet";
const READ_ONLY: &str = "read-only mode is not available yet";
const SUPER: &str = "super users are not available yet";
const AUTH: &str = "only the world scheme is enforced yet";
const JVM: &str = "there is no Java virtual machine here";
const WATCHES: &str = "watches are kept once for each gateway and path; there is nothing to choose";
const METRICS: &str = "Prometheus metrics are always at /metrics of the admin port";
const OBSERVERS: &str = "observers tail the log like every other member; there is nothing to set";
const QUORUMS: &str = "every participant has one vote; the quorum is their majority";
const LOCAL_SESSIONS: &str = "all sessions are global";
const DIGEST: &str = "the tree's digest is always computed and compared";
const AUDIT: &str = "there is no audit log yet";
const KEEPALIVE: &str = "dead clients are found by their session timeout";

/// By name. `server.N`, `group.N` and `weight.N` are handled apart.
const KEYS: &[(&str, Fate)] = &[
    ("dataDir", Honoured),
    ("dataLogDir", Honoured),
    ("clientPort", Honoured),
    ("clientPortAddress", Honoured),
    ("tickTime", Honoured),
    ("initLimit", Honoured),
    ("syncLimit", Honoured),
    ("minSessionTimeout", Honoured),
    ("maxSessionTimeout", Honoured),
    ("maxClientCnxns", Honoured),
    ("electionAlg", Honoured),
    ("quorumListenOnAllIPs", Honoured),
    ("peerType", Honoured),
    ("dynamicConfigFile", Honoured),
    ("standaloneEnabled", Honoured),
    ("4lw.commands.whitelist", Honoured),
    ("admin.enableServer", Honoured),
    ("admin.serverAddress", Honoured),
    ("admin.serverPort", Honoured),
    ("jute.maxbuffer", Honoured),
    ("datadir.autocreate", Honoured),
    ("forceSync", Honoured),
    ("leaderServes", Honoured),
    ("skipACL", Honoured),
    ("menagerie.grpcAddress", Honoured),
    ("secureClientPort", Ignored(TLS)),
    ("secureClientPortAddress", Ignored(TLS)),
    ("sslQuorum", Ignored(TLS)),
    ("portUnification", Ignored(TLS)),
    ("sslQuorumReloadCertFiles", Ignored(TLS)),
    ("client.portUnification", Ignored(TLS)),
    ("client.certReload", Ignored(TLS)),
    ("fips-mode", Ignored(TLS)),
    ("serverCnxnFactory", Ignored("there is one network layer; nothing to choose")),
    ("observerMasterPort", Ignored(OBSERVERS)),
    ("syncEnabled", Ignored(OBSERVERS)),
    ("observer.reconnectDelayMs", Ignored(OBSERVERS)),
    ("observer.election.DelayMs", Ignored(OBSERVERS)),
    ("connectToLearnerMasterLimit", Ignored(RAFT)),
    ("clientPortListenBacklog", Ignored("the backlog is 1024")),
    ("localSessionsEnabled", Ignored(LOCAL_SESSIONS)),
    ("localSessionsUpgradingEnabled", Ignored(LOCAL_SESSIONS)),
    ("autopurge.snapRetainCount", Ignored(PURGE)),
    ("autopurge.purgeInterval", Ignored(PURGE)),
    ("reconfigEnabled", Ignored(DYNAMIC)),
    ("multiAddress.enabled", Ignored("the first address of each server is used")),
    ("multiAddress.reachabilityCheckTimeoutMs", Ignored("the first address of each server is used")),
    ("multiAddress.reachabilityCheckEnabled", Ignored("the first address of each server is used")),
    ("oraclePath", Ignored("a quorum needs a majority; run three members")),
    ("admin.idleTimeout", Ignored("the admin server has no such limit")),
    ("admin.commandURL", Ignored("the admin server answers /healthz, /readyz, /status and /metrics")),
    ("jute.maxbuffer.extrasize", Ignored("jute.maxbuffer alone counts")),
    ("allowSaslFailedClients", Ignored(SASL)),
    ("sessionRequireClientSASLAuth", Ignored(SASL)),
    ("letAnySaslUserDoX", Ignored(SASL)),
    ("sasl.serverconfig", Ignored(SASL)),
    ("security.auth_to_local", Ignored(SASL)),
    ("audit.enable", Ignored(AUDIT)),
    ("audit.impl.class", Ignored(AUDIT)),
    ("clientTcpKeepAlive", Ignored(KEEPALIVE)),
    ("tcpKeepAlive", Ignored("members ping one another once a second")),
    (
        "closeSessionTxn.enabled",
        Ignored("closing a session is one command that removes its ephemerals; always so"),
    ),
    ("cnxTimeout", Ignored(RAFT)),
    ("quorumCnxnTimeoutMs", Ignored(RAFT)),
    ("commitLogCount", Ignored("a member that lags catches up from the log")),
    ("db.autocreate", Ignored("an empty member may always vote; do not empty more than a minority")),
    ("digest.enabled", Ignored(DIGEST)),
    ("superDigest", Ignored(SUPER)),
    ("IPAuthenticationProvider.usexforwardedfor", Ignored(AUTH)),
    ("emulate353TTLNodes", Ignored(EXTENDED)),
    ("extendedTypesEnabled", Ignored(EXTENDED)),
    ("enableEagerACLCheck", Ignored("ACLs are checked when a write is applied")),
    ("enforce.auth.enabled", Ignored(AUTH)),
    ("enforce.auth.schemes", Ignored(AUTH)),
    ("ensembleAuthName", Ignored(AUTH)),
    ("enforceQuota", Ignored(QUOTA)),
    ("flushDelay", Ignored(LOG)),
    ("maxWriteQueuePollTime", Ignored(LOG)),
    ("maxBatchSize", Ignored(LOG)),
    ("preAllocSize", Ignored(LOG)),
    ("txnLogSizeLimitInKb", Ignored(LOG)),
    ("fsync.warningthresholdms", Ignored("slow syncs show in the log's metrics")),
    ("globalOutstandingLimit", Ignored(THROTTLE)),
    ("largeRequestMaxBytes", Ignored(THROTTLE)),
    ("largeRequestThreshold", Ignored(THROTTLE)),
    ("throttled_op_wait_time", Ignored(THROTTLE)),
    ("request_stale_latency_check", Ignored(THROTTLE)),
    ("request_stale_connection_check", Ignored(THROTTLE)),
    ("request_throttler.shutdownTimeout", Ignored(THROTTLE)),
    ("maxCnxns", Ignored("use maxClientCnxns, which counts by client address")),
    ("maxResponseCacheSize", Ignored(CACHE)),
    ("maxGetChildrenResponseCacheSize", Ignored(CACHE)),
    ("snapCount", Ignored(CHECKPOINT)),
    ("snapSizeLimitInKb", Ignored(CHECKPOINT)),
    ("snapshot.compression.method", Ignored(CHECKPOINT)),
    ("snapshot.trust.empty", Ignored(CHECKPOINT)),
    ("serializeLastProcessedZxid.enabled", Ignored(CHECKPOINT)),
    ("readonlymode.enabled", Ignored(READ_ONLY)),
    ("watchManagerName", Ignored(WATCHES)),
    ("watcherCleanThreadsNum", Ignored(WATCHES)),
    ("watcherCleanThreshold", Ignored(WATCHES)),
    ("watcherCleanIntervalInSeconds", Ignored(WATCHES)),
    ("maxInProcessingDeadWatchers", Ignored(WATCHES)),
    ("bitHashCacheSize", Ignored(WATCHES)),
    ("traceFile", Ignored("use --log-level debug")),
];

/// By what a key begins with, where ZooKeeper has a family of keys.
const FAMILIES: &[(&str, Fate)] = &[
    ("ssl.", Ignored(TLS)),
    ("netty.", Ignored("there is one network layer; nothing to choose")),
    ("nio.", Ignored(THREADS)),
    ("quorum.auth.", Ignored(SASL)),
    ("quorum.cnxn.", Ignored(RAFT)),
    ("metricsProvider.", Ignored(METRICS)),
    ("jvm.pause.", Ignored(JVM)),
    ("commitProcessor.", Ignored(THREADS)),
    ("connection_throttle_", Ignored(THROTTLE)),
    ("request_throttle_", Ignored(THROTTLE)),
    ("fastleader.", Ignored(RAFT)),
    ("leader.", Ignored(RAFT)),
    ("learner.", Ignored(RAFT)),
    ("znode.container.", Ignored(CONTAINER)),
    ("kerberos.", Ignored(SASL)),
    ("authProvider.", Ignored(AUTH)),
    ("DigestAuthenticationProvider.", Ignored(SUPER)),
    ("X509AuthenticationProvider.", Ignored(SUPER)),
    ("admin.", Ignored("the admin server answers plain HTTP on admin.serverPort")),
    ("group.", Ignored(QUORUMS)),
    ("weight.", Ignored(QUORUMS)),
];

/// What becomes of `key`; for a key that ZooKeeper does not know, what may have been meant.
pub fn fate(key: &str) -> Result<Fate, String> {
    let exact = KEYS.iter().find(|(name, _)| *name == key);
    let family = || FAMILIES.iter().find(|(prefix, _)| key.starts_with(prefix));
    if let Some((_, fate)) = exact.or_else(family) {
        return Ok(*fate);
    }
    if let Some(short) = key.strip_prefix("zookeeper.")
        && fate(short).is_ok()
    {
        return Err(format!("write it as {short} in this file"));
    }
    if key.to_lowercase().starts_with("server") {
        return Err("did you mean server.N, such as server.1=host:2888:3888?".to_owned());
    }
    match nearest(key, KEYS.iter().map(|(name, _)| *name)) {
        Some(known) => Err(format!("did you mean {known}?")),
        None => Err("remove it, or check its spelling".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_listed_twice() {
        let mut names: Vec<_> = KEYS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn families_cover_their_members_and_exact_keys_win() {
        assert_eq!(fate("ssl.quorum.keyStore.location"), Ok(Ignored(TLS)));
        assert_eq!(fate("admin.serverPort"), Ok(Honoured));
        assert_eq!(fate("quorumListenOnAllIPs"), Ok(Honoured));
    }

    #[test]
    fn unknown_keys_get_a_hint() {
        assert_eq!(fate("tickTme"), Err("did you mean tickTime?".into()));
        assert_eq!(fate("zookeeper.snapCount"), Err("write it as snapCount in this file".into()));
        assert_eq!(fate("server1"), Err("did you mean server.N, such as server.1=host:2888:3888?".into()));
        assert_eq!(fate("colour"), Err("remove it, or check its spelling".into()));
    }
}
