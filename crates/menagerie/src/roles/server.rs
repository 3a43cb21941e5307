//! `menagerie server`: a member of a classic ensemble, from zoo.cfg.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use menagerie_gateway::{About, Quorum};
use menagerie_proto::consensus::Member;
use menagerie_types::NodeId;
use menagerie_types::command::Policy;
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::{info, warn};

use super::member::{self, Plan};
use crate::cli::{ClientLimits, ServerArgs};
use crate::data_dir::DataDir;
use crate::error::{Error, Result};
use crate::listen::{Bound, bind, resolve};
use crate::parts::cluster::NO_ADDRESS;
use crate::parts::{gateway, session_tracker};
use crate::zoo_cfg::{self, Server, ZooConfig, authority};

/// Runs until a signal.
pub async fn run(args: &ServerArgs, recorder: PrometheusHandle) -> Result<()> {
    let path = args.config.as_deref().or(args.path.as_deref()).unwrap_or(Path::new("zoo.cfg"));
    let config = zoo_cfg::load(path, &args.properties.given()?)?;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let mut options = gateway::options(&config.settings, &limits(args))?;
    let client_addr = config.client_addr.as_ref().map(|address| resolve(&address.place, &address.text));
    options.client_addr = client_addr.transpose()?;
    options.standalone = !config.is_ensemble();
    options.about = about(&config)?;
    options.policy = options.policy.with_if(Policy::ENSEMBLE, config.is_ensemble());
    let timeouts = (config.min_session_timeout_ms, config.max_session_timeout_ms);
    let id = NodeId(config.my_id);
    let tracker = session_tracker::options(id, config.tick_time_ms, timeouts, &config.settings)?;
    let grpc = grpc_addr(args, &config)?.map(|address| bind(address, "gRPC clients")).transpose()?;
    let internal = match internal_addr(&config)? {
        Some(address) => Some(bind(address, "the other members")?),
        None => member::internal_alone(args.listen)?,
    };
    let data = Directories::open(&config)?;
    introduce(&config, path);
    let plan = Plan {
        name: "server",
        id,
        founders: members(&config).into_iter().filter(|member| !config.joins || member.id != id).collect(),
        members: members(&config),
        log_dir: data.log(),
        tree_dir: data.tree.tree(),
        tracker,
        gateway: options,
        ensemble: config.is_ensemble(),
        internal,
        grpc,
        admin: admin(args, &config),
    };
    member::run(plan, recorder).await
}

fn introduce(config: &ZooConfig, path: &Path) {
    let version = env!("CARGO_PKG_VERSION");
    info!(version, config = %path.display(), id = config.my_id, members = config.servers.len(), "server starts");
    if config.is_ensemble() {
        info!("members talk gRPC on the first port of server.N; the second, the election port, is not used");
    }
}

/// What `conf` shows: ZooKeeper gives a server alone the id 0.
fn about(config: &ZooConfig) -> Result<About> {
    let absolute = |dir: &Path| std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let limit = |key| Ok::<u32, Error>(config.settings.number(key, 0..=u32::MAX)?.unwrap_or(0));
    let quorum = match config.me().filter(|_| config.is_ensemble()) {
        None => None,
        Some(me) => Some(Quorum {
            init_limit: limit("initLimit")?,
            sync_limit: limit("syncLimit")?,
            election_port: me.election_port,
            quorum_port: me.quorum_port,
            votes: me.votes,
        }),
    };
    Ok(About {
        server_id: if quorum.is_some() { config.my_id } else { 0 },
        tick_time_ms: config.tick_time_ms,
        session_timeouts_ms: (config.min_session_timeout_ms, config.max_session_timeout_ms),
        data_dir: absolute(&config.data_dir),
        log_dir: absolute(&config.data_log_dir),
        quorum,
    })
}

fn members(config: &ZooConfig) -> Vec<Member> {
    let member = |server: &Server| Member {
        id: NodeId(server.id),
        address: server.quorum_address(),
        voter: server.votes,
        info: server.to_string(),
    };
    if config.servers.is_empty() {
        return vec![Member {
            id: NodeId(config.my_id),
            address: NO_ADDRESS.into(),
            voter: true,
            info: String::new(),
        }];
    }
    config.servers.iter().map(member).collect()
}

/// The file has the other limits.
fn limits(args: &ServerArgs) -> ClientLimits {
    ClientLimits {
        max_client_cnxns: None,
        jute_maxbuffer: None,
        four_letter_words: None,
        gateway_threads: args.gateway_threads,
    }
}

/// A single member has nobody to listen for.
fn internal_addr(config: &ZooConfig) -> Result<Option<SocketAddr>> {
    let Some(me) = config.me().filter(|_| config.is_ensemble()) else { return Ok(None) };
    let host = if config.quorum_on_all_addresses { "0.0.0.0" } else { me.host.as_str() };
    resolve(&format!("server.{}", me.id), &authority(host, me.quorum_port)).map(Some)
}

fn grpc_addr(args: &ServerArgs, config: &ZooConfig) -> Result<Option<SocketAddr>> {
    match (args.grpc_addr, &config.grpc_addr) {
        (Some(address), _) => Ok(Some(address)),
        (None, Some(address)) => resolve(&address.place, &address.text).map(Some),
        (None, None) => Ok(None),
    }
}

/// Members on one machine share the default port, as in ZooKeeper: whoever comes second goes without.
fn admin(args: &ServerArgs, config: &ZooConfig) -> Option<Bound> {
    let address = match (args.admin_addr, &config.admin_addr) {
        (Some(address), _) => Ok(address),
        (None, Some(address)) => resolve(&address.place, &address.text),
        (None, None) => return None,
    };
    match address.and_then(|address| bind(address, "the admin server")) {
        Ok(bound) => Some(bound),
        Err(error) => {
            warn!("{error}; going on without it (set admin.serverPort, or admin.enableServer=false)");
            None
        }
    }
}

/// dataDir, and dataLogDir where that is another one: each has an owner of its own.
struct Directories {
    tree: DataDir,
    log: Option<DataDir>,
}

impl Directories {
    fn open(config: &ZooConfig) -> Result<Self> {
        let open = |path: &Path| {
            if config.create_dirs { DataDir::open(path) } else { DataDir::open_existing(path) }
        };
        let tree = open(&config.data_dir)?;
        if same(&config.data_dir, &config.data_log_dir) {
            return Ok(Self { tree, log: None });
        }
        if tree.log().exists() {
            let problem =
                "holds a log/, but dataLogDir is another directory; move log/ there, or remove dataLogDir";
            return Err(Error::data_dir(&config.data_dir, problem));
        }
        Ok(Self { tree, log: Some(open(&config.data_log_dir)?) })
    }

    fn log(&self) -> PathBuf {
        self.log.as_ref().unwrap_or(&self.tree).log()
    }
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
