//! gRPC servers: one for the other components, one for clients, both with the standard health service.

use menagerie_proto::channel;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::Request;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::error::Result;
use crate::listen::Bound;

/// The name under which health says only that the process answers: for liveness probes, which must not restart a
/// member that waits for the others.
const LIVE: &str = "live";

/// The services behind one port.
pub struct GrpcServer {
    routes: RoutesBuilder,
    /// What health checks may name; the empty name is the whole process.
    names: Vec<&'static str>,
}

impl GrpcServer {
    /// Without services.
    pub fn new() -> Self {
        Self { routes: Routes::builder(), names: vec![""] }
    }

    /// Adds a service, which the health service then knows by name.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = std::convert::Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Serves on the runtime that calls, healthy while `ready`, until `stop`. Streams still open then go on until
    /// the task is aborted or the runtime ends.
    pub fn serve(
        self,
        bound: Bound,
        ready: watch::Receiver<bool>,
        stop: CancellationToken,
    ) -> Result<JoinHandle<()>> {
        let Self { mut routes, names } = self;
        let incoming = TcpIncoming::from(bound.into_tokio()?).with_nodelay(Some(true));
        let (reporter, health) = tonic_health::server::health_reporter();
        routes.add_service(health);
        let server = channel::server().add_routes(routes.routes());
        let stopped = stop.clone();
        Ok(tokio::spawn(async move {
            let report = tokio::spawn(report(reporter, names, ready));
            if let Err(error) = server.serve_with_incoming_shutdown(incoming, stopped.cancelled_owned()).await
            {
                tracing::error!(%error, "grpc server ended");
            }
            report.abort();
        }))
    }
}

async fn report(reporter: HealthReporter, names: Vec<&'static str>, mut ready: watch::Receiver<bool>) {
    reporter.set_service_status(LIVE, ServingStatus::Serving).await;
    loop {
        let status =
            if *ready.borrow_and_update() { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in &names {
            reporter.set_service_status(*name, status).await;
        }
        if ready.changed().await.is_err() {
            return;
        }
    }
}
