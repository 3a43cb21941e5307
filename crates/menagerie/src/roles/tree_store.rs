//! `menagerie tree-store`: one replica of the tree.

use menagerie_link::Stores;
use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::{TreeStoreArgs, advertised};
use crate::data_dir::DataDir;
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::parts::cluster::{self, Following, Own, Seeds, StoreList};
use crate::parts::{remote, tree_store};
use crate::process::Process;
use crate::threads::RuntimeThread;

/// Runs until a signal.
pub async fn run(args: &TreeStoreArgs, recorder: PrometheusHandle) -> Result<()> {
    let id = args.id.node_id();
    let (internal, admin) = component::bind(&args.common)?;
    let address = advertised(args.advertise.as_deref(), args.stores.get(id), internal.address)?;
    let data = DataDir::open(&args.data_dir)?;
    let line = component::introduce("tree-store", id, &internal);
    let mut process = Process::new(recorder);
    let thread = RuntimeThread::start("tree-store")?;
    let seeds = Seeds { consensus: args.consensus.clone(), stores: args.stores.clone(), trackers: None };
    let begins = seeds.clone();
    let connected = thread.run(async move {
        Ok((remote::ensemble(&begins.consensus, None)?, remote::stores(&begins.stores)?))
    });
    let (ensemble, others) = connected.await??;
    let peers = StoreList { stores: Stores::new(Vec::new()), own: Own::LeftOut(id), spread: id.0 };
    peers.stores.set(peers.ordered(others));
    let backends = (ensemble.clone(), peers.stores.clone());
    let loaded = tree_store::load((id, address, data.tree())).await?;
    let part = tree_store::start(&mut process, &thread, loaded, backends);
    let following = Following {
        seeds,
        consensus: None,
        store: Some(part.local.clone()),
        ensembles: vec![ensemble],
        stores: vec![peers],
        trackers: None,
        classic: None,
    };
    cluster::follow(&process, following);
    component::serve(&process, &thread, part.serve_on(GrpcServer::new()), internal).await?;
    process.run(admin, line).await
}
