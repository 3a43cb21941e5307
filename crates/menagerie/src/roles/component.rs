//! What the four roles of the split deployment have in common.

use menagerie_link::Stores;
use menagerie_types::NodeId;
use tracing::info;

use crate::cli::{Common, Members};
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::listen::{self, Bound};
use crate::parts::cluster::{Own, StoreList};
use crate::parts::remote;
use crate::process::Process;
use crate::threads::RuntimeThread;

/// Binds the port for the other components, and the admin port if there is one.
pub fn bind(common: &Common) -> Result<(Bound, Option<Bound>)> {
    let internal = listen::bind(common.listen, "the other components")?;
    let admin = common.admin_addr.map(|address| listen::bind(address, "the admin server")).transpose()?;
    Ok((internal, admin))
}

/// Logs who starts; returns the line to print once it serves.
pub fn introduce(role: &str, id: NodeId, internal: &Bound) -> String {
    info!(version = env!("CARGO_PKG_VERSION"), role, %id, listen = %internal.address, "starting");
    format!("menagerie {role} {id} is serving: internal {}", internal.address)
}

/// The stores that a tracker or gateway begins with. They spread over the replicas by their ids.
pub fn stores(members: &Members, id: NodeId) -> Result<StoreList> {
    let list = StoreList { stores: Stores::new(Vec::new()), own: Own::None, spread: id.0.wrapping_sub(1) };
    list.stores.set(list.ordered(remote::stores(members)?));
    Ok(list)
}

/// Serves the other components on the component's own thread.
pub async fn serve(
    process: &Process,
    thread: &RuntimeThread,
    server: GrpcServer,
    bound: Bound,
) -> Result<()> {
    let (ready, stop) = (process.board.ready(), process.grpc_stop());
    thread.run(async move { server.serve(bound, ready, stop).map(drop) }).await?
}
