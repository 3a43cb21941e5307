//! The tower layers around every call of a component: metrics, deadline, retry. Local and remote callees get the same.

use std::future::{Future, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};

use crate::ServiceError;

/// How often a safe call is tried before its error is given to the caller.
const ATTEMPTS: u32 = 3;
const RETRY_DELAY: Duration = Duration::from_millis(20);

/// What can be called more than once; cheap to clone.
struct Invocation<T> {
    method: &'static str,
    /// Doing it twice is the same as doing it once.
    idempotent: bool,
    run: Arc<dyn Fn() -> BoxFuture<'static, Result<T, ServiceError>> + Send + Sync>,
}

impl<T> Clone for Invocation<T> {
    fn clone(&self) -> Self {
        Self { method: self.method, idempotent: self.idempotent, run: Arc::clone(&self.run) }
    }
}

/// The layers, built once for each component that is called.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    component: &'static str,
    deadline: Duration,
}

impl Stack {
    /// Layers for calls of `component` (a metric label), each attempt given up after `deadline`.
    pub fn new(component: &'static str, deadline: Duration) -> Self {
        Self { component, deadline }
    }

    /// Runs a call whose effect must not be repeated.
    pub async fn once<T, F, Fut>(&self, method: &'static str, run: F) -> Result<T, ServiceError>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, ServiceError>> + Send + 'static,
        T: Send + 'static,
    {
        self.invoke(Invocation { method, idempotent: false, run: Arc::new(move || Box::pin(run())) }).await
    }

    /// Runs a call that may be tried again after a retryable error or a missed deadline.
    pub async fn idempotent<T, F, Fut>(&self, method: &'static str, run: F) -> Result<T, ServiceError>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, ServiceError>> + Send + 'static,
        T: Send + 'static,
    {
        self.invoke(Invocation { method, idempotent: true, run: Arc::new(move || Box::pin(run())) }).await
    }

    /// Outermost first: the caller's metric covers all attempts, the deadline each of them.
    async fn invoke<T: Send + 'static>(&self, call: Invocation<T>) -> Result<T, ServiceError> {
        let layers = ServiceBuilder::new()
            .layer(MetricsLayer { component: self.component })
            .layer(RetryLayer::new(RetrySafe { left: ATTEMPTS - 1 }))
            .layer(TimeoutLayer::new(self.deadline));
        let answer: BoxFuture<'static, Result<T, BoxError>> = Box::pin(layers.service(Run).oneshot(call));
        answer.await.map_err(to_service_error)
    }
}

fn to_service_error(error: BoxError) -> ServiceError {
    match error.downcast::<ServiceError>() {
        Ok(error) => *error,
        Err(other) if other.is::<tower::timeout::error::Elapsed>() => ServiceError::Deadline,
        Err(other) => ServiceError::Internal(other.to_string()),
    }
}

/// The innermost service: runs the call.
#[derive(Clone, Copy)]
struct Run;

impl<T> Service<Invocation<T>> for Run {
    type Response = T;
    type Error = ServiceError;
    type Future = BoxFuture<'static, Result<T, ServiceError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Invocation<T>) -> Self::Future {
        (call.run)()
    }
}

#[derive(Clone)]
struct RetrySafe {
    left: u32,
}

impl<T> Policy<Invocation<T>, T, BoxError> for RetrySafe {
    type Future = BoxFuture<'static, ()>;

    fn retry(&mut self, call: &mut Invocation<T>, result: &mut Result<T, BoxError>) -> Option<Self::Future> {
        let error = result.as_ref().err()?;
        let retryable = match error.downcast_ref::<ServiceError>() {
            // Who is asked next is the caller's choice, made from the error's hint.
            Some(ServiceError::NotLeader { .. } | ServiceError::NotActive { .. }) => false,
            Some(error) => error.is_retryable() && call.idempotent,
            None => call.idempotent,
        };
        if !retryable || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(Box::pin(tokio::time::sleep(RETRY_DELAY)))
    }

    fn clone_request(&mut self, call: &Invocation<T>) -> Option<Invocation<T>> {
        Some(call.clone())
    }
}

#[derive(Clone, Copy)]
struct MetricsLayer {
    component: &'static str,
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Metrics<S> {
        Metrics { inner, component: self.component }
    }
}

#[derive(Clone)]
struct Metrics<S> {
    inner: S,
    component: &'static str,
}

impl<S, T> Service<Invocation<T>> for Metrics<S>
where
    S: Service<Invocation<T>, Response = T, Error = BoxError>,
    S::Future: Send + 'static,
    T: Send + 'static,
{
    type Response = T;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<T, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Invocation<T>) -> Self::Future {
        let (component, method, start) = (self.component, call.method, Instant::now());
        let answer = self.inner.call(call);
        Box::pin(async move {
            let result = answer.await;
            let outcome = if result.is_ok() { "ok" } else { "error" };
            metrics::counter!("menagerie_call_total", "component" => component, "method" => method, "outcome" => outcome)
                .increment(1);
            metrics::histogram!("menagerie_call_seconds", "component" => component, "method" => method)
                .record(start.elapsed().as_secs_f64());
            ready(result).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counting(
        fail_first: u32,
    ) -> (Arc<AtomicU32>, impl Fn() -> BoxFuture<'static, Result<u32, ServiceError>>) {
        let calls = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&calls);
        let run = move || {
            let n = seen.fetch_add(1, Ordering::SeqCst);
            Box::pin(ready(if n < fail_first { Err(ServiceError::Unavailable("x".into())) } else { Ok(n) }))
                as BoxFuture<'static, _>
        };
        (calls, run)
    }

    #[tokio::test(start_paused = true)]
    async fn safe_calls_are_retried_and_others_are_not() {
        let stack = Stack::new("test", Duration::from_secs(1));
        let (_, run) = counting(2);
        assert_eq!(stack.idempotent("m", run).await, Ok(2));
        let (calls, run) = counting(1);
        assert!(stack.once("m", run).await.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_answer_misses_its_deadline() {
        let stack = Stack::new("test", Duration::from_millis(50));
        let result: Result<(), _> = stack.once("m", std::future::pending).await;
        assert_eq!(result, Err(ServiceError::Deadline));
    }
}
