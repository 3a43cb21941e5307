//! `menagerie consensus`: one member of the log.

use std::sync::Arc;

use menagerie_proto::consensus::Member;
use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::ConsensusArgs;
use crate::data_dir::DataDir;
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::parts::cluster::{self, Following, Seeds};
use crate::parts::consensus::{self, Founding};
use crate::parts::remote;
use crate::process::Process;
use crate::threads::RuntimeThread;

/// Runs until a signal.
pub async fn run(args: &ConsensusArgs, recorder: PrometheusHandle) -> Result<()> {
    let (internal, admin) = component::bind(&args.common)?;
    let data = DataDir::open(&args.data_dir)?;
    let id = args.id.node_id();
    let line = component::introduce("consensus", id, &internal);
    let mut process = Process::new(recorder);
    let thread = RuntimeThread::start("consensus")?;
    let member = |(id, address): (_, &str)| Member {
        id,
        address: address.to_owned(),
        voter: true,
        info: String::new(),
    };
    let members = args.peers.iter().map(member).collect();
    let founding = Founding { id, members, joins: args.join, dir: data.log() };
    let part = consensus::start(&mut process, &thread, founding).await?;
    part.hand_over_on_stop(&mut process, &thread);
    let own = (id, Arc::new(part.local.clone()) as _);
    let following = Following {
        seeds: Seeds { consensus: args.peers.clone(), ..Seeds::default() },
        consensus: Some(part.local.clone()),
        store: None,
        ensembles: vec![remote::ensemble(&args.peers, Some(own))?],
        stores: Vec::new(),
        trackers: None,
        classic: None,
    };
    cluster::follow(&process, following);
    component::serve(&process, &thread, part.serve_on(GrpcServer::new()), internal).await?;
    process.run(admin, line).await
}
