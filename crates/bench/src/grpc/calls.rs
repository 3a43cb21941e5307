//! One call of each kind, and whether its answer is the right one.

use std::rc::Rc;

use bytes::Bytes;
use menagerie_proto::pb::v1::menagerie_client::MenagerieClient;
use menagerie_proto::pb::v1::operation::Kind as OperationKind;
use menagerie_proto::pb::v1::{
    CreateMode, CreateRequest, DeleteRequest, ExistsRequest, GetRequest, ListChildrenRequest, MultiRequest,
    Operation, SetRequest, Stat,
};
use tonic::Status;
use tonic::transport::Channel;

use crate::load::Plan;
use crate::mix::Kind;
use crate::wire::Fault;

/// A channel, and what is asked over it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The stub.
    pub client: MenagerieClient<Channel>,
    /// What the znodes are called and hold.
    pub plan: Rc<Plan>,
    /// Their data.
    pub data: Bytes,
}

impl Caller {
    /// getData.
    pub async fn get(&mut self, key: u64) -> Result<(), Fault> {
        let request = GetRequest { path: self.plan.key(key), ..Default::default() };
        let answer = self.client.get(request).await.map_err(told)?.into_inner();
        if answer.data != self.data {
            return Err("get: other data".to_owned());
        }
        self.check(Kind::Get, answer.stat)
    }

    /// setData.
    pub async fn set(&mut self, key: u64) -> Result<(), Fault> {
        let request = self.set_request(key);
        let answer = self.client.set(request).await.map_err(told)?.into_inner();
        self.check(Kind::Set, answer.stat)
    }

    /// exists.
    pub async fn exists(&mut self, key: u64) -> Result<(), Fault> {
        let request = ExistsRequest { path: self.plan.key(key), ..Default::default() };
        let answer = self.client.exists(request).await.map_err(told)?.into_inner();
        self.check(Kind::Exists, answer.stat)
    }

    /// create of a persistent znode.
    pub async fn create(&mut self, path: String, data: Bytes) -> Result<(), Fault> {
        let mode = CreateMode::Persistent.into();
        let request = CreateRequest { path: path.clone(), data, mode, ..Default::default() };
        let answer = self.client.create(request).await.map_err(told)?.into_inner();
        if answer.path == path { Ok(()) } else { Err(format!("create: created {}", answer.path)) }
    }

    /// delete.
    pub async fn delete(&mut self, path: String) -> Result<(), Fault> {
        let request = DeleteRequest { path, ..Default::default() };
        self.client.delete(request).await.map_err(told).map(|_| ())
    }

    /// getChildren.
    pub async fn children(&mut self) -> Result<(), Fault> {
        let request = ListChildrenRequest { path: self.plan.parent(), ..Default::default() };
        let answer = self.client.list_children(request).await.map_err(told)?.into_inner();
        let count = answer.children.len();
        if count == self.plan.args.children as usize { Ok(()) } else { Err(format!("children: {count}")) }
    }

    /// multi of setData.
    pub async fn multi(&mut self, keys: impl Iterator<Item = u64>) -> Result<(), Fault> {
        let operations: Vec<_> =
            keys.map(|key| Operation { kind: Some(OperationKind::Set(self.set_request(key))) }).collect();
        let asked = operations.len();
        let answer = self.client.multi(MultiRequest { operations, session: 0 }).await.map_err(told)?;
        let results = answer.into_inner().results.len();
        if results == asked { Ok(()) } else { Err(format!("multi: {results} results")) }
    }

    fn set_request(&self, key: u64) -> SetRequest {
        SetRequest { path: self.plan.key(key), data: self.data.clone(), ..Default::default() }
    }

    fn check(&self, kind: Kind, stat: Option<Stat>) -> Result<(), Fault> {
        let told = stat.map(|stat| stat.data_length);
        let right = told.is_some_and(|told| usize::try_from(told) == Ok(self.data.len()));
        if right { Ok(()) } else { Err(format!("{}: dataLength {told:?}", kind.name())) }
    }
}

fn told(status: Status) -> Fault {
    format!("{}: {}", status.code(), status.message())
}
