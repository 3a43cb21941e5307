//! `menagerie tree-store`: one replica of the tree.

use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::TreeStoreArgs;
use crate::data_dir::DataDir;
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::parts::{remote, tree_store};
use crate::process::Process;
use crate::threads::RuntimeThread;

/// Runs until a signal.
pub async fn run(args: &TreeStoreArgs, recorder: PrometheusHandle) -> Result<()> {
    let (internal, admin) = component::bind(&args.common)?;
    let data = DataDir::open(&args.data_dir)?;
    let id = args.id.node_id();
    let line = component::introduce("tree-store", id, &internal);
    let mut process = Process::new(recorder);
    let thread = RuntimeThread::start("tree-store")?;
    let (members, stores) = (args.consensus.clone(), args.stores.clone());
    let connected = thread
        .run(async move { Ok((remote::ensemble(&members, None)?, remote::stores(&stores, Some(id))?)) });
    let part = tree_store::start(&mut process, &thread, (id, data.tree()), connected.await??).await?;
    component::serve(&process, &thread, part.serve_on(GrpcServer::new()), internal).await?;
    process.run(admin, move || println!("{line}")).await
}
