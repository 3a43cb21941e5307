//! ZooKeeper's operations, typed: each sends one request and waits for its reply.

use bytes::{Bytes, BytesMut};
use menagerie_jute::{
    AclList, AddWatchRequest, AuthPacket, Create2Response, CreateRequest, CreateTtlRequest, DeleteRequest,
    GetChildren2Response, GetDataResponse, MultiOp, PathRequest, PathResponse, PathWatchRequest, Reader,
    SetAclRequest, SetDataRequest, SetWatches, encode_multi, write,
};
use menagerie_types::{Acl, CreateMode, ErrorCode, OpCode, Stat};

use crate::multi::outcomes;
use crate::pipe::Number;
use crate::{Client, ClientError, MultiOutcome};

impl Client {
    /// Creates a znode that all may use, and returns its path. Containers have [`create2`](Self::create2), and TTL
    /// znodes [`create_ttl`](Self::create_ttl).
    pub async fn create(&self, path: &str, data: &[u8], mode: CreateMode) -> Result<String, ClientError> {
        self.create_with_acl(path, data, &[Acl::open()], mode).await
    }

    /// Creates a znode with an ACL, and returns its path.
    pub async fn create_with_acl(
        &self,
        path: &str,
        data: &[u8],
        acl: &[Acl],
        mode: CreateMode,
    ) -> Result<String, ClientError> {
        let mut acls = BytesMut::new();
        write::acl_vec(&mut acls, acl);
        let acl = AclList::decode(&mut Reader::new(&acls))?;
        let request = CreateRequest { path, data: Some(data), acl, flags: mode as i32 };
        let body = self.call(OpCode::Create, |out| request.encode(out)).await?;
        Ok(PathResponse::decode(&mut Reader::new(&body))?.path.to_owned())
    }

    /// Creates a znode or container that all may use, and returns its path and Stat.
    pub async fn create2(
        &self,
        path: &str,
        data: &[u8],
        mode: CreateMode,
    ) -> Result<(String, Stat), ClientError> {
        let op = if mode == CreateMode::Container { OpCode::CreateContainer } else { OpCode::Create2 };
        let request =
            CreateRequest { path, data: Some(data), acl: Some(AclList::open()), flags: mode as i32 };
        created(&self.call(op, |out| request.encode(out)).await?)
    }

    /// Creates a znode that all may use and that goes when unused for `ttl_ms`, and returns its path and Stat.
    pub async fn create_ttl(
        &self,
        path: &str,
        data: &[u8],
        mode: CreateMode,
        ttl_ms: i64,
    ) -> Result<(String, Stat), ClientError> {
        let acl = Some(AclList::open());
        let request = CreateTtlRequest { path, data: Some(data), acl, flags: mode as i32, ttl: ttl_ms };
        created(&self.call(OpCode::CreateTtl, |out| request.encode(out)).await?)
    }

    /// Deletes a znode of this version; -1 is any.
    pub async fn delete(&self, path: &str, version: i32) -> Result<(), ClientError> {
        self.call(OpCode::Delete, |out| DeleteRequest { path, version }.encode(out)).await.map(drop)
    }

    /// The Stat of a znode, or `None` if it is not there.
    pub async fn exists(&self, path: &str) -> Result<Option<Stat>, ClientError> {
        self.exists_request(PathWatchRequest { path, watch: false }).await
    }

    /// The same, with a watch, whether it is there or not.
    pub async fn exists_and_watch(&self, path: &str) -> Result<Option<Stat>, ClientError> {
        self.exists_request(PathWatchRequest { path, watch: true }).await
    }

    /// Data and Stat.
    pub async fn get(&self, path: &str) -> Result<(Option<Bytes>, Stat), ClientError> {
        self.get_request(PathWatchRequest { path, watch: false }).await
    }

    /// The same, with a watch.
    pub async fn get_and_watch(&self, path: &str) -> Result<(Option<Bytes>, Stat), ClientError> {
        self.get_request(PathWatchRequest { path, watch: true }).await
    }

    /// Replaces the data of a znode of this version; -1 is any.
    pub async fn set(&self, path: &str, data: &[u8], version: i32) -> Result<Stat, ClientError> {
        let request = SetDataRequest { path, data: Some(data), version };
        let body = self.call(OpCode::SetData, |out| request.encode(out)).await?;
        Ok(Reader::new(&body).stat()?)
    }

    /// Names of the children, sorted, and Stat.
    pub async fn get_children2(&self, path: &str) -> Result<(Vec<String>, Stat), ClientError> {
        self.children_request(PathWatchRequest { path, watch: false }).await
    }

    /// The same, with a watch.
    pub async fn get_children2_and_watch(&self, path: &str) -> Result<(Vec<String>, Stat), ClientError> {
        self.children_request(PathWatchRequest { path, watch: true }).await
    }

    /// The ACL and Stat.
    pub async fn get_acl(&self, path: &str) -> Result<(Vec<Acl>, Stat), ClientError> {
        let body = self.call(OpCode::GetAcl, |out| PathRequest { path }.encode(out)).await?;
        let mut reader = Reader::new(&body);
        Ok((reader.acl_vec()?.unwrap_or_default(), reader.stat()?))
    }

    /// Replaces the ACL of a znode of this ACL version; -1 is any.
    pub async fn set_acl(&self, path: &str, acl: &[Acl], version: i32) -> Result<Stat, ClientError> {
        let mut acls = BytesMut::new();
        write::acl_vec(&mut acls, acl);
        let request = SetAclRequest { path, acl: AclList::decode(&mut Reader::new(&acls))?, version };
        let body = self.call(OpCode::SetAcl, |out| request.encode(out)).await?;
        Ok(Reader::new(&body).stat()?)
    }

    /// Waits until this server has caught up with the leader.
    pub async fn sync(&self, path: &str) -> Result<(), ClientError> {
        self.call(OpCode::Sync, |out| PathRequest { path }.encode(out)).await.map(drop)
    }

    /// Writes, all or nothing. A multi that failed is a result too: its outcomes are all [`MultiOutcome::Failed`].
    pub async fn multi(&self, ops: &[MultiOp<'_>]) -> Result<Vec<MultiOutcome>, ClientError> {
        outcomes(&self.call(OpCode::Multi, |out| encode_multi(out, ops)).await?)
    }

    /// Several reads, each with an outcome of its own.
    pub async fn multi_read(&self, ops: &[MultiOp<'_>]) -> Result<Vec<MultiOutcome>, ClientError> {
        outcomes(&self.call(OpCode::MultiRead, |out| encode_multi(out, ops)).await?)
    }

    /// Sets watches again after [`reconnect`](Self::reconnect); what was missed comes as events before this returns.
    pub async fn set_watches(&self, watches: &SetWatches<'_>) -> Result<(), ClientError> {
        self.call(OpCode::SetWatches, |out| watches.encode(out)).await.map(drop)
    }

    /// Sets a persistent watch (mode 0), or a recursive one (mode 1).
    pub async fn add_watch(&self, path: &str, mode: i32) -> Result<(), ClientError> {
        self.call(OpCode::AddWatch, |out| AddWatchRequest { path, mode }.encode(out)).await.map(drop)
    }

    /// Presents credentials. The server closes the connection after refusing them.
    pub async fn add_auth(&self, scheme: &str, auth: &[u8]) -> Result<(), ClientError> {
        let packet = AuthPacket { auth_type: 0, scheme: Some(scheme), auth: Some(auth) };
        let pending = self.pipe().submit(Number::Auth, OpCode::Auth.code(), |out| packet.encode(out)).await?;
        pending.await?.into_body().map(drop)
    }

    /// Ends the session, with its ephemerals, and the connection.
    pub async fn close(self) -> Result<(), ClientError> {
        self.call(OpCode::CloseSession, |_| {}).await.map(drop)
    }

    async fn exists_request(&self, request: PathWatchRequest<'_>) -> Result<Option<Stat>, ClientError> {
        match self.call(OpCode::Exists, |out| request.encode(out)).await {
            Ok(body) => Ok(Some(Reader::new(&body).stat()?)),
            Err(ClientError::Server(ErrorCode::NoNode)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get_request(&self, request: PathWatchRequest<'_>) -> Result<(Option<Bytes>, Stat), ClientError> {
        let body = self.call(OpCode::GetData, |out| request.encode(out)).await?;
        let response = GetDataResponse::decode(&mut Reader::new(&body))?;
        Ok((data_of(&body, response.data), response.stat))
    }

    async fn children_request(
        &self,
        request: PathWatchRequest<'_>,
    ) -> Result<(Vec<String>, Stat), ClientError> {
        let body = self.call(OpCode::GetChildren2, |out| request.encode(out)).await?;
        let response = GetChildren2Response::decode(&mut Reader::new(&body))?;
        let mut children: Vec<String> = response.children.into_iter().map(str::to_owned).collect();
        children.sort_unstable();
        Ok((children, response.stat))
    }

    /// Sends one request and waits for its body.
    async fn call(&self, op: OpCode, body: impl FnOnce(&mut BytesMut)) -> Result<Bytes, ClientError> {
        self.send_with(op, body).await?.await?.into_body()
    }
}

/// Data of a record in `body`, shared with it.
pub(crate) fn data_of(body: &Bytes, data: Option<&[u8]>) -> Option<Bytes> {
    data.map(|data| body.slice_ref(data))
}

fn created(body: &Bytes) -> Result<(String, Stat), ClientError> {
    let response = Create2Response::decode(&mut Reader::new(body))?;
    Ok((response.path.to_owned(), response.stat))
}
