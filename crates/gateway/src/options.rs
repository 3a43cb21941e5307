//! What a gateway is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use menagerie_auth::{Enforcement, Properties, Registry, SaslServer};
use menagerie_host::Host;
use menagerie_jute::four_letter::FourLetterWord;
use menagerie_types::command::Policy;

use crate::about::About;
use crate::limits::Limits;
use crate::tls::Secure;

/// Longer than a client on the same network takes to answer, and than a fast disk takes to sync.
const ATTENTION: Duration = Duration::from_micros(200);

/// Settings of a gateway; [`GatewayOptions::default`] is ZooKeeper's behaviour.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where ZooKeeper clients connect without TLS. Default 127.0.0.1:2181.
    pub client_addr: Option<SocketAddr>,
    /// Where and how they connect with TLS. Default: nowhere.
    pub secure: Option<Secure>,
    /// Threads that serve connections, each with a link of its own; connections are dealt round-robin. At least 1;
    /// default: half of the processors.
    pub threads: usize,
    /// Largest frame a client may send (`jute.maxbuffer`). Default 1,048,575 bytes.
    pub jute_max_buffer: usize,
    /// How long a worker stays awake for more when it has little to do and more mostly came at once; zero for never. Default
    /// 200 us, never with a single processor.
    pub attention: Duration,
    /// Connections from one address (`maxClientCnxns`); 0 for no limit. Default 60.
    pub max_client_cnxns: usize,
    /// A connection that has not asked for a session by then is closed. Default 10 s, as ZooKeeper's.
    pub handshake_timeout: Duration,
    /// How often heard-of sessions are reported to the tracker; a few times per smallest session timeout.
    /// Default 200 ms.
    pub touch_interval: Duration,
    /// How long an active tracker may be out of reach before its lease is challenged. Default 500 ms.
    pub challenge_after: Duration,
    /// Four-letter words that are answered; `srvr` always is.
    pub four_letter_words: Vec<FourLetterWord>,
    /// Listen backlog. Default 1,024.
    pub backlog: i32,
    /// The system probes idle connections (`clientTcpKeepAlive`). Default false.
    pub tcp_keep_alive: bool,
    /// How much clients may ask for at a time.
    pub limits: Limits,
    /// What `srvr` and `stat` show as the mode when the log has only one voter: `standalone`.
    pub standalone: bool,
    /// Commands of one worker that may wait for their results, in bytes, before it stops reading writes.
    /// Default 64 MiB.
    pub outstanding_bytes: usize,
    /// What `conf` says beyond these options.
    pub about: About,
    /// Clients that ask for no more are served while there is no quorum (`readonlymode.enabled`). Default false.
    pub read_only_mode: bool,
    /// What commands of this gateway's clients may do beyond the defaults. Nothing by default.
    pub policy: Policy,
    /// ACLs are not checked for clients of this gateway (`skipACL`). Default false.
    pub skip_acl: bool,
    /// The schemes by which clients show who they are. Default: `ip` and `digest`.
    pub registry: Registry,
    /// Who may log in by SASL. Default: there is no SASL.
    pub sasl: Option<SaslServer>,
    /// What every connection must have shown. Default: nothing.
    pub enforcement: Enforcement,
    /// Sockets and threads. Default: the operating system's.
    pub host: Arc<dyn Host>,
}

impl GatewayOptions {
    /// [`Self::policy`], with the schemes that ACLs may name.
    pub(crate) fn policy(&self) -> Policy {
        let schemes = self.registry.schemes();
        self.policy.with_if(Policy::SASL, schemes.sasl).with_if(Policy::X509, schemes.x509)
    }
}

impl Default for GatewayOptions {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            client_addr: Some(SocketAddr::from(([127, 0, 0, 1], 2181))),
            secure: None,
            threads: (processors / 2).max(1),
            attention: if processors > 1 { ATTENTION } else { Duration::ZERO },
            jute_max_buffer: menagerie_jute::frame::LEN_MAX_DEFAULT,
            max_client_cnxns: 60,
            handshake_timeout: Duration::from_secs(10),
            touch_interval: Duration::from_millis(200),
            challenge_after: Duration::from_millis(500),
            four_letter_words: vec![
                FourLetterWord::Srvr,
                FourLetterWord::Ruok,
                FourLetterWord::Stat,
                FourLetterWord::Isro,
            ],
            backlog: 1024,
            tcp_keep_alive: false,
            limits: Limits::default(),
            standalone: false,
            outstanding_bytes: 64 * 1024 * 1024,
            about: About::default(),
            read_only_mode: false,
            policy: Policy::NONE,
            skip_acl: false,
            // Without settings there is nothing to refuse.
            registry: Registry::configure(&Properties::default(), false).unwrap_or_default(),
            sasl: None,
            enforcement: Enforcement::default(),
            host: menagerie_host::system(),
        }
    }
}
