//! The admin server: metrics, health and status over plain HTTP.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::board::Board;

const METRICS_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone)]
struct Shown {
    board: Board,
    recorder: PrometheusHandle,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, board: Board, recorder: PrometheusHandle, stop: CancellationToken) {
    let served =
        axum::serve(listener, router(board, recorder)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "admin server ended; metrics and status are no longer served");
    }
}

fn router(board: Board, recorder: PrometheusHandle) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .with_state(Shown { board, recorder })
}

async fn metrics(State(shown): State<Shown>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_FORMAT)], shown.recorder.render()).into_response()
}

/// Names those that are not ready, for whoever looks at a failed probe.
async fn ready(State(shown): State<Shown>) -> Response {
    if *shown.board.ready().borrow() {
        return "ready\n".into_response();
    }
    let look = shown.board.look().await;
    let waiting: Vec<_> = look.iter().filter(|(_, c)| !c.ready).map(|(name, _)| *name).collect();
    let text = match waiting.join(", ") {
        names if names.is_empty() => "not ready: starting or stopping\n".to_owned(),
        names => format!("not ready: {names}\n"),
    };
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn status(State(shown): State<Shown>) -> Json<serde_json::Value> {
    Json(shown.board.status().await)
}
