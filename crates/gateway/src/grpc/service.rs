//! The calls of the service.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use menagerie_jute::RequestHeader;
use menagerie_proto::pb::v1::{self as pb, menagerie_server::Menagerie};
use menagerie_types::{OpCode, SessionId};
use tonic::{Request, Response, Status, Streaming};

use super::failure::Failure;
use super::{replies, requests, sessions, watch};
use crate::{ApiHandle, ApiReply};

/// The gRPC API over the gateway's workers.
#[derive(Clone, Debug)]
pub struct GrpcApi {
    api: ApiHandle,
}

/// An operation as the workers take it.
struct Operation<'a> {
    session: i64,
    op: OpCode,
    /// The request record.
    body: Bytes,
    /// For errors.
    path: &'a str,
}

impl GrpcApi {
    pub(super) fn new(api: ApiHandle) -> Self {
        Self { api }
    }

    async fn write(&self, operation: Operation<'_>) -> Result<ApiReply, Failure> {
        let Operation { op, path, .. } = operation;
        let (session, body) = self.check(operation)?;
        let reply =
            self.api.execute(session, op, body).await.map_err(|error| Failure::from(error).at(path))?;
        replies::accept(reply, path)
    }

    async fn read(&self, operation: Operation<'_>, linearizable: bool) -> Result<ApiReply, Failure> {
        let Operation { op, path, .. } = operation;
        let (session, body) = self.check(operation)?;
        let reply = if linearizable {
            self.api.read_linearizable(session, op, body).await
        } else {
            self.api.execute(session, op, body).await
        };
        reply.map_err(|error| Failure::from(error).at(path))
    }

    fn check(&self, operation: Operation<'_>) -> Result<(SessionId, Bytes), Failure> {
        let Operation { session, body, path, .. } = operation;
        let session = sessions::held(&self.api, session)?;
        let (len, len_max) = (RequestHeader::LEN + body.len(), self.api.frame_len_max());
        if len > len_max {
            let message =
                format!("a request of {len} bytes (as a ZooKeeper client would send it), {len_max} allowed");
            return Err(Failure::invalid(message).at(path));
        }
        Ok((session, body))
    }
}

#[async_trait]
impl Menagerie for GrpcApi {
    type KeepAliveStream = BoxStream<'static, Result<pb::KeepAliveResponse, Status>>;
    type WatchStream = BoxStream<'static, Result<pb::WatchEvent, Status>>;

    async fn create(
        &self,
        request: Request<pb::CreateRequest>,
    ) -> Result<Response<pb::CreateResponse>, Status> {
        let request = request.into_inner();
        let (session, path) = (request.session, request.path.as_str());
        let body = requests::create(&request)?;
        let reply = self.write(Operation { session, op: OpCode::Create2, body, path }).await?;
        Ok(Response::new(replies::create(&reply)?))
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        let pb::GetRequest { path, session, linearizable } = request.into_inner();
        let body = requests::read(&path)?;
        let read = Operation { session, op: OpCode::GetData, body, path: &path };
        let reply = replies::accept(self.read(read, linearizable).await?, &path)?;
        Ok(Response::new(replies::get(&reply)?))
    }

    async fn set(&self, request: Request<pb::SetRequest>) -> Result<Response<pb::SetResponse>, Status> {
        let request = request.into_inner();
        let (session, path) = (request.session, request.path.as_str());
        let body = requests::set(&request)?;
        let reply = self.write(Operation { session, op: OpCode::SetData, body, path }).await?;
        Ok(Response::new(replies::set(&reply)?))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteRequest>,
    ) -> Result<Response<pb::DeleteResponse>, Status> {
        let request = request.into_inner();
        let (session, path) = (request.session, request.path.as_str());
        let body = requests::delete(&request)?;
        let reply = self.write(Operation { session, op: OpCode::Delete, body, path }).await?;
        Ok(Response::new(pb::DeleteResponse { zxid: reply.zxid.0 }))
    }

    async fn exists(
        &self,
        request: Request<pb::ExistsRequest>,
    ) -> Result<Response<pb::ExistsResponse>, Status> {
        let pb::ExistsRequest { path, session, linearizable } = request.into_inner();
        let body = requests::read(&path)?;
        let read = Operation { session, op: OpCode::Exists, body, path: &path };
        let reply = self.read(read, linearizable).await?;
        Ok(Response::new(replies::exists(reply, &path)?))
    }

    async fn list_children(
        &self,
        request: Request<pb::ListChildrenRequest>,
    ) -> Result<Response<pb::ListChildrenResponse>, Status> {
        let pb::ListChildrenRequest { path, session, linearizable } = request.into_inner();
        let body = requests::read(&path)?;
        let read = Operation { session, op: OpCode::GetChildren2, body, path: &path };
        let reply = replies::accept(self.read(read, linearizable).await?, &path)?;
        Ok(Response::new(replies::list_children(&reply)?))
    }

    async fn multi(&self, request: Request<pb::MultiRequest>) -> Result<Response<pb::MultiResponse>, Status> {
        let request = request.into_inner();
        let (session, body) = (request.session, requests::multi(&request)?);
        let reply = self.write(Operation { session, op: OpCode::Multi, body, path: "" }).await?;
        Ok(Response::new(replies::multi(&reply, &request.operations)?))
    }

    async fn open_session(
        &self,
        request: Request<pb::OpenSessionRequest>,
    ) -> Result<Response<pb::OpenSessionResponse>, Status> {
        Ok(Response::new(sessions::open(&self.api, request.get_ref()).await?))
    }

    async fn keep_alive(
        &self,
        request: Request<Streaming<pb::KeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        Ok(Response::new(sessions::keep_alive(self.api.clone(), request.into_inner())))
    }

    async fn close_session(
        &self,
        request: Request<pb::CloseSessionRequest>,
    ) -> Result<Response<pb::CloseSessionResponse>, Status> {
        let session = request.get_ref().session;
        if session == 0 {
            return Err(Failure::invalid("no session is named").into());
        }
        let close = Operation { session, op: OpCode::CloseSession, body: Bytes::new(), path: "" };
        let reply = self.write(close).await?;
        Ok(Response::new(pb::CloseSessionResponse { zxid: reply.zxid.0 }))
    }

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(watch::watch(&self.api, request.get_ref()).await?))
    }
}
