//! The public gRPC API (`proto/menagerie/v1`): protobuf messages to the same jute records that ZooKeeper clients send,
//! and the replies back. Nothing is decided here that a ZooKeeper client would see decided elsewhere.
//!
//! A call whose caller has given up is dropped with its future; what it had already asked for is still done.

mod failure;
mod replies;
mod requests;
mod service;
mod sessions;
mod status;
mod watch;

use menagerie_proto::pb::v1::menagerie_server::MenagerieServer;

use crate::ApiHandle;

pub use service::GrpcApi;

/// The service, to be added to a tonic server. Requests are bounded as those of ZooKeeper clients are.
pub fn service(api: ApiHandle) -> MenagerieServer<GrpcApi> {
    // Protobuf may take more bytes than jute; the exact bound is that of the jute record.
    let decoded_len_max = api.frame_len_max().saturating_mul(2);
    MenagerieServer::new(GrpcApi::new(api)).max_decoding_message_size(decoded_len_max)
}

#[cfg(test)]
mod tests;
