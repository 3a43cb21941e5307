//! gRPC channels and servers with the settings that long-lived streams of batches need.

use std::time::Duration;

use futures::TryFutureExt;
use hyper_util::rt::TokioIo;
use menagerie_host::{Host, SystemHost};
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint, Server};

/// Largest message between components, either way: a log entry of many commands, or a whole reply.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const STREAM_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 32 * 1024 * 1024;
const FRAME_BYTES: u32 = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// [`lazy_from`] the operating system's machine.
pub fn lazy(address: &str) -> Result<Channel, tonic::transport::Error> {
    lazy_from(&SystemHost, address)
}

/// A channel from `host` to `address` (`host:port`) that connects when first used, and again after a loss.
/// Fails on an address that is no authority.
pub fn lazy_from(host: &dyn Host, address: &str) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let Some(connector) = host.connector() else { return Ok(endpoint.connect_lazy()) };
    let connect = move |uri: Uri| {
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        connector.connect(authority).map_ok(TokioIo::new)
    };
    Ok(endpoint.connect_with_connector_lazy(tower::service_fn(connect)))
}

/// A server with the matching settings.
pub fn server() -> Server {
    Server::builder()
        .tcp_nodelay(true)
        .max_frame_size(FRAME_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}
