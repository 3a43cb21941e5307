//! Every key that ZooKeeper knows, in zoo.cfg or as a system property, and what becomes of it here.

use crate::suggest::nearest;

/// Whose setting it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A member with all components, from zoo.cfg. The other roles have flags for it.
    Member,
    /// Where sessions and reaped znodes are timed.
    Tracker,
    /// Where clients connect.
    Gateway,
}

impl Scope {
    /// The roles that take it.
    pub fn roles(self) -> &'static str {
        match self {
            Self::Member => "server alone; see this role's --help",
            Self::Tracker => "server, standalone and session-tracker",
            Self::Gateway => "server, standalone and gateway",
        }
    }
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has its effect, there.
    Honoured(Scope),
    /// It cannot have its effect; this one sentence says why, or what to use instead.
    Ignored(&'static str),
}

use Fate::{Honoured, Ignored};
use Scope::{Gateway, Member, Tracker};

const QUORUM_TLS: &str = "members talk plain gRPC to one another; keep their ports on a private network";
const CERTIFICATES: &str = "certificates are read at the start and trusted by trustStore alone";
const GSSAPI: &str = "clients log in by DIGEST-MD5; there is no Kerberos";
const RAFT: &str = "members talk gRPC and elect by Raft; there is nothing to set";
const LOG: &str = "the log batches by what is queued and syncs every batch before it is acknowledged; there is nothing to set";
const CHECKPOINT: &str = "checkpoints are incremental and scheduled by log size; there is nothing to set";
const PURGE: &str = "disk use is bounded without it: the log is truncated behind checkpoints";
const THREADS: &str = "this server has other threads; use --gateway-threads";
const NETWORK: &str = "there is one network layer; nothing to choose";
const STALE: &str = "requests of connections that are gone are never begun";
const CACHE: &str = "reads are encoded from memory without a cache";
const JVM: &str = "there is no Java virtual machine here";
const LOGGING: &str = "use --log-level, --log-format and stderr";
const WATCHES: &str = "watches are kept once for each gateway and path; there is nothing to choose";
const METRICS: &str = "Prometheus metrics are always at /metrics of the admin port";
const OBSERVERS: &str = "observers tail the log like every other member; there is nothing to set";
const QUORUMS: &str = "every participant has one vote; the quorum is their majority";
const LOCAL_SESSIONS: &str = "all sessions are global";
const DIGEST: &str = "the tree's digest is always computed and compared";
const AUDIT: &str = "there is no audit log yet";
const CLIENTS: &str = "it is a setting of clients";
const ADDRESSES: &str = "the first address of each server is used";

/// Names that ZooKeeper reads as system properties as they stand: a line of zoo.cfg, which sets the property with the
/// prefix, never reaches them.
const BARE: &[&str] = &[
    "jute.maxbuffer",
    "readonlymode.enabled",
    "znode.container.checkIntervalMs",
    "znode.container.maxPerMinute",
    "znode.container.maxNeverUsedIntervalMs",
    "java.security.auth.login.config",
];

/// By name. `server.N`, `group.N` and `weight.N` are handled apart.
const KEYS: &[(&str, Fate)] = &[
    ("dataDir", Honoured(Member)),
    ("dataLogDir", Honoured(Member)),
    ("clientPort", Honoured(Member)),
    ("clientPortAddress", Honoured(Member)),
    ("tickTime", Honoured(Member)),
    ("initLimit", Honoured(Member)),
    ("syncLimit", Honoured(Member)),
    ("electionAlg", Honoured(Member)),
    ("quorumListenOnAllIPs", Honoured(Member)),
    ("peerType", Honoured(Member)),
    ("dynamicConfigFile", Honoured(Member)),
    ("standaloneEnabled", Honoured(Member)),
    ("admin.enableServer", Honoured(Member)),
    ("admin.serverAddress", Honoured(Member)),
    ("admin.serverPort", Honoured(Member)),
    ("datadir.autocreate", Honoured(Member)),
    ("forceSync", Honoured(Member)),
    ("leaderServes", Honoured(Member)),
    ("menagerie.grpcAddress", Honoured(Member)),
    ("menagerie.join", Honoured(Member)),
    ("minSessionTimeout", Honoured(Tracker)),
    ("maxSessionTimeout", Honoured(Tracker)),
    ("znode.container.checkIntervalMs", Honoured(Tracker)),
    ("znode.container.maxPerMinute", Honoured(Tracker)),
    ("znode.container.maxNeverUsedIntervalMs", Honoured(Tracker)),
    ("maxClientCnxns", Honoured(Gateway)),
    ("maxCnxns", Honoured(Gateway)),
    ("4lw.commands.whitelist", Honoured(Gateway)),
    ("jute.maxbuffer", Honoured(Gateway)),
    ("clientPortListenBacklog", Honoured(Gateway)),
    ("clientTcpKeepAlive", Honoured(Gateway)),
    ("nio.sessionlessCnxnTimeout", Honoured(Gateway)),
    ("skipACL", Honoured(Gateway)),
    ("extendedTypesEnabled", Honoured(Gateway)),
    ("reconfigEnabled", Honoured(Gateway)),
    ("enforceQuota", Honoured(Gateway)),
    ("readonlymode.enabled", Honoured(Gateway)),
    ("globalOutstandingLimit", Honoured(Gateway)),
    ("largeRequestMaxBytes", Honoured(Gateway)),
    ("largeRequestThreshold", Honoured(Gateway)),
    ("throttled_op_wait_time", Honoured(Gateway)),
    ("request_throttle_max_requests", Honoured(Gateway)),
    ("connection_throttle_tokens", Honoured(Gateway)),
    ("connection_throttle_fill_time", Honoured(Gateway)),
    ("connection_throttle_fill_count", Honoured(Gateway)),
    ("connection_throttle_freeze_time", Honoured(Gateway)),
    ("connection_throttle_drop_increase", Honoured(Gateway)),
    ("connection_throttle_drop_decrease", Honoured(Gateway)),
    ("connection_throttle_decrease_ratio", Honoured(Gateway)),
    ("connection_throttle_weight_enabled", Honoured(Gateway)),
    ("connection_throttle_global_session_weight", Honoured(Gateway)),
    ("connection_throttle_local_session_weight", Honoured(Gateway)),
    ("connection_throttle_renew_session_weight", Honoured(Gateway)),
    ("secureClientPort", Honoured(Gateway)),
    ("secureClientPortAddress", Honoured(Gateway)),
    ("client.portUnification", Honoured(Gateway)),
    ("ssl.keyStore.location", Honoured(Gateway)),
    ("ssl.keyStore.password", Honoured(Gateway)),
    ("ssl.keyStore.passwordPath", Honoured(Gateway)),
    ("ssl.keyStore.type", Honoured(Gateway)),
    ("ssl.trustStore.location", Honoured(Gateway)),
    ("ssl.trustStore.password", Honoured(Gateway)),
    ("ssl.trustStore.passwordPath", Honoured(Gateway)),
    ("ssl.trustStore.type", Honoured(Gateway)),
    ("ssl.clientAuth", Honoured(Gateway)),
    ("ssl.protocol", Honoured(Gateway)),
    ("ssl.enabledProtocols", Honoured(Gateway)),
    ("ssl.ciphersuites", Honoured(Gateway)),
    ("ssl.handshakeDetectionTimeoutMillis", Honoured(Gateway)),
    ("ssl.authProvider", Honoured(Gateway)),
    ("ssl.crl", Honoured(Gateway)),
    ("ssl.ocsp", Honoured(Gateway)),
    ("ssl.clientHostnameVerification", Honoured(Gateway)),
    ("ssl.context.supplier.class", Honoured(Gateway)),
    ("netty.server.outstandingHandshake.limit", Honoured(Gateway)),
    ("DigestAuthenticationProvider.enabled", Honoured(Gateway)),
    ("DigestAuthenticationProvider.digestAlg", Honoured(Gateway)),
    ("DigestAuthenticationProvider.superDigest", Honoured(Gateway)),
    ("X509AuthenticationProvider.superUser", Honoured(Gateway)),
    ("ensembleAuthName", Honoured(Gateway)),
    ("superUser", Honoured(Gateway)),
    ("letAnySaslUserDoX", Honoured(Gateway)),
    ("SASLAuthenticationProvider.superPassword", Honoured(Gateway)),
    ("kerberos.removeHostFromPrincipal", Honoured(Gateway)),
    ("kerberos.removeRealmFromPrincipal", Honoured(Gateway)),
    ("sasl.serverconfig", Honoured(Gateway)),
    ("java.security.auth.login.config", Honoured(Gateway)),
    ("enforce.auth.enabled", Honoured(Gateway)),
    ("enforce.auth.schemes", Honoured(Gateway)),
    ("sessionRequireClientSASLAuth", Honoured(Gateway)),
    ("allowSaslFailedClients", Honoured(Gateway)),
    ("sslQuorum", Ignored(QUORUM_TLS)),
    ("portUnification", Ignored(QUORUM_TLS)),
    ("sslQuorumReloadCertFiles", Ignored(QUORUM_TLS)),
    ("client.certReload", Ignored(CERTIFICATES)),
    ("fips-mode", Ignored("TLS is of version 1.2 or 1.3 with today's cipher suites, whatever it says")),
    ("serverCnxnFactory", Ignored(NETWORK)),
    ("observerMasterPort", Ignored(OBSERVERS)),
    ("syncEnabled", Ignored(OBSERVERS)),
    ("observer.reconnectDelayMs", Ignored(OBSERVERS)),
    ("observer.election.DelayMs", Ignored(OBSERVERS)),
    ("connectToLearnerMasterLimit", Ignored(RAFT)),
    ("localSessionsEnabled", Ignored(LOCAL_SESSIONS)),
    ("localSessionsUpgradingEnabled", Ignored(LOCAL_SESSIONS)),
    ("autopurge.snapRetainCount", Ignored(PURGE)),
    ("autopurge.purgeInterval", Ignored(PURGE)),
    ("multiAddress.enabled", Ignored(ADDRESSES)),
    ("multiAddress.reachabilityCheckTimeoutMs", Ignored(ADDRESSES)),
    ("multiAddress.reachabilityCheckEnabled", Ignored(ADDRESSES)),
    ("oraclePath", Ignored("a quorum needs a majority; run three members")),
    ("admin.idleTimeout", Ignored("the admin server has no such limit")),
    ("admin.commandURL", Ignored("the admin server answers /healthz, /readyz, /status and /metrics")),
    ("security.auth_to_local", Ignored(GSSAPI)),
    ("audit.enable", Ignored(AUDIT)),
    ("audit.impl.class", Ignored(AUDIT)),
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
    ("superDigest", Ignored("ZooKeeper calls it DigestAuthenticationProvider.superDigest")),
    ("IPAuthenticationProvider.usexforwardedfor", Ignored("it concerns HTTP alone")),
    ("emulate353TTLNodes", Ignored("TTL znodes are those of ZooKeeper 3.5.4 and later")),
    ("enableEagerACLCheck", Ignored("ACLs are checked when a write is applied")),
    ("flushDelay", Ignored(LOG)),
    ("maxWriteQueuePollTime", Ignored(LOG)),
    ("maxBatchSize", Ignored(LOG)),
    ("preAllocSize", Ignored(LOG)),
    ("txnLogSizeLimitInKb", Ignored(LOG)),
    ("fsync.warningthresholdms", Ignored("slow syncs show in the log's metrics")),
    ("jute.maxbuffer.extrasize", Ignored("no length within a request can be above its own")),
    ("request_throttle_stall_time", Ignored("requests that wait go on as soon as there is room")),
    ("request_throttle_drop_stale", Ignored(STALE)),
    ("request_stale_latency_check", Ignored(STALE)),
    ("request_stale_connection_check", Ignored(STALE)),
    ("request_throttler.shutdownTimeout", Ignored(STALE)),
    ("maxResponseCacheSize", Ignored(CACHE)),
    ("maxGetChildrenResponseCacheSize", Ignored(CACHE)),
    ("snapCount", Ignored(CHECKPOINT)),
    ("snapSizeLimitInKb", Ignored(CHECKPOINT)),
    ("snapshot.compression.method", Ignored(CHECKPOINT)),
    ("snapshot.trust.empty", Ignored(CHECKPOINT)),
    ("serializeLastProcessedZxid.enabled", Ignored(CHECKPOINT)),
    ("watchManagerName", Ignored(WATCHES)),
    ("watcherCleanThreadsNum", Ignored(WATCHES)),
    ("watcherCleanThreshold", Ignored(WATCHES)),
    ("watcherCleanIntervalInSeconds", Ignored(WATCHES)),
    ("maxInProcessingDeadWatchers", Ignored(WATCHES)),
    ("bitHashCacheSize", Ignored(WATCHES)),
    ("traceFile", Ignored(LOGGING)),
    ("client.secure", Ignored(CLIENTS)),
    ("clientCnxnSocket", Ignored(CLIENTS)),
    ("disableAutoWatchReset", Ignored(CLIENTS)),
    ("request.timeout", Ignored(CLIENTS)),
    ("kinit", Ignored(CLIENTS)),
    ("server.principal", Ignored(CLIENTS)),
    ("server.realm", Ignored(CLIENTS)),
    ("electionPortBindRetry", Ignored(RAFT)),
    ("follower.nodelay", Ignored(RAFT)),
    ("root.logger", Ignored(LOGGING)),
];

/// By what a key begins with, where ZooKeeper has a family of keys.
const FAMILIES: &[(&str, Fate)] = &[
    ("authProvider.", Honoured(Gateway)),
    ("superUser.", Honoured(Gateway)),
    ("ssl.quorum.", Ignored(QUORUM_TLS)),
    ("ssl.", Ignored(CERTIFICATES)),
    ("sasl.", Ignored(CLIENTS)),
    ("netty.", Ignored(NETWORK)),
    ("nio.", Ignored(THREADS)),
    (
        "quorum.auth.",
        Ignored("members do not authenticate to one another; keep their ports on a private network"),
    ),
    ("quorum.cnxn.", Ignored(RAFT)),
    ("metricsProvider.", Ignored(METRICS)),
    ("jvm.pause.", Ignored(JVM)),
    ("jmx.", Ignored(JVM)),
    ("commitProcessor.", Ignored(THREADS)),
    ("fastleader.", Ignored(RAFT)),
    ("leader.", Ignored(RAFT)),
    ("learner.", Ignored(RAFT)),
    ("kerberos.", Ignored(GSSAPI)),
    ("admin.", Ignored("the admin server answers plain HTTP on admin.serverPort")),
    ("group.", Ignored(QUORUMS)),
    ("weight.", Ignored(QUORUMS)),
    ("messageTracker.", Ignored(RAFT)),
    ("pathStats.", Ignored(METRICS)),
    ("log.", Ignored(LOGGING)),
    ("tracelog.", Ignored(LOGGING)),
    ("console.", Ignored(LOGGING)),
];

/// The names of all settings that have an effect, those of families aside.
pub fn honoured() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(|(_, fate)| matches!(fate, Honoured(_))).map(|(name, _)| *name)
}

/// True for the names that ZooKeeper does not read from zoo.cfg.
pub fn is_bare_property(key: &str) -> bool {
    BARE.contains(&key)
}

/// What becomes of `key`; for a key that ZooKeeper does not know, what may have been meant.
pub fn fate(key: &str) -> Result<Fate, String> {
    let exact = KEYS.iter().find(|(name, _)| *name == key);
    let family = || FAMILIES.iter().find(|(prefix, _)| key.starts_with(prefix));
    if let Some((_, fate)) = exact.or_else(family) {
        return Ok(*fate);
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
        assert_eq!(fate("ssl.quorum.keyStore.location"), Ok(Ignored(QUORUM_TLS)));
        assert_eq!(fate("admin.serverPort"), Ok(Honoured(Member)));
        assert_eq!(fate("nio.sessionlessCnxnTimeout"), Ok(Honoured(Gateway)));
        assert_eq!(fate("superUser.2"), Ok(Honoured(Gateway)));
    }

    #[test]
    fn unknown_keys_get_a_hint() {
        assert_eq!(fate("tickTme"), Err("did you mean tickTime?".into()));
        assert_eq!(fate("server1"), Err("did you mean server.N, such as server.1=host:2888:3888?".into()));
        assert_eq!(fate("colour"), Err("remove it, or check its spelling".into()));
    }
}
