//! The gRPC API for clients: the service, reflection, health.

use menagerie_proto::pb::v1::FILE_DESCRIPTOR_SET;
use tonic_reflection::server::Builder;

use super::gateway::GatewayPart;
use crate::error::{Error, Result};
use crate::grpc::GrpcServer;
use crate::listen::Bound;
use crate::process::Process;

const NAME: &str = "grpc api";

/// Serves clients of `gateway` on the runtime that calls.
pub fn serve(process: &Process, gateway: &GatewayPart, bound: Bound) -> Result<()> {
    let fail = |error: tonic_reflection::server::Error| Error::component(NAME, error);
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let server = GrpcServer::new()
        .with(menagerie_gateway::grpc::service(gateway.api.clone()))
        .with(builder().build_v1().map_err(fail)?)
        // Older tools know only this one.
        .with(builder().build_v1alpha().map_err(fail)?);
    // The task ends with its runtime: streams of clients may stay open until then.
    server.serve(bound, process.board.ready(), process.stop_token()).map(drop)
}
