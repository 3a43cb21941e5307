//! multi: several writes, all or nothing (reference 2.16).

use bytes::BytesMut;
use menagerie_jute::{Create2Response, MultiOp, PathResponse, multi_ops, multi_reply, write};
use menagerie_types::{ErrorCode, OpCode};

use super::{Change, ChangeKind, Create, Txn};
use crate::tree::Tree;

/// What a multi did, and what is answered: the body of a reply without error, also when an operation failed.
#[derive(Debug, Default)]
pub(crate) struct Multi<'a> {
    pub(crate) changes: Vec<Change<'a>>,
    pub(crate) body: BytesMut,
}

impl Tree {
    /// Does all of the operations or none. An error means that the request is not a multi of writes.
    pub(crate) fn multi<'a>(&mut self, txn: &Txn<'_>, body: &'a [u8]) -> Result<Multi<'a>, ErrorCode> {
        let ops: Result<Vec<_>, _> = multi_ops(body).collect();
        let ops = ops.map_err(|_| ErrorCode::MarshallingError)?;
        if ops.iter().any(|(_, op)| op.is_read()) {
            return Err(ErrorCode::MarshallingError);
        }
        let mut multi = Multi::default();
        self.begin();
        for (at, (code, op)) in ops.iter().enumerate() {
            if let Err(error) = self.step(txn, (*code, op), &mut multi) {
                self.rollback();
                return match error {
                    ErrorCode::MarshallingError => Err(error),
                    error => Ok(failed(at, ops.len(), error)),
                };
            }
        }
        self.commit();
        multi_reply::end(&mut multi.body);
        Ok(multi)
    }

    fn step<'a>(
        &mut self,
        txn: &Txn<'_>,
        (code, op): (i32, &MultiOp<'a>),
        multi: &mut Multi<'a>,
    ) -> Result<(), ErrorCode> {
        match op {
            MultiOp::Create(request, _) => {
                let op = if code == OpCode::Create.code() { OpCode::Create } else { OpCode::Create2 };
                self.create_step(txn, &Create::new(*request, op), code, multi)?;
            }
            MultiOp::CreateContainer(request) => {
                self.create_step(txn, &Create::new(*request, OpCode::CreateContainer), code, multi)?;
            }
            MultiOp::CreateTtl(request) => self.create_step(txn, &Create::with_ttl(*request), code, multi)?,
            MultiOp::Delete(request) => {
                multi.changes.push(self.delete(txn, request.path, request.version)?);
                multi_reply::result_header(&mut multi.body, code);
            }
            MultiOp::SetData(request) => {
                let id = self.set_data(txn, request)?;
                multi_reply::result_header(&mut multi.body, code);
                write::stat(&mut multi.body, &self.get(id).stat());
                multi.changes.push(self.change(ChangeKind::DataSet, id, request.path.into()));
            }
            MultiOp::Check(request) => {
                self.check(txn, request)?;
                multi_reply::result_header(&mut multi.body, code);
            }
            MultiOp::GetData(_) | MultiOp::GetChildren(_) => return Err(ErrorCode::MarshallingError),
        }
        Ok(())
    }

    fn create_step<'a>(
        &mut self,
        txn: &Txn<'_>,
        request: &Create<'a>,
        code: i32,
        multi: &mut Multi<'a>,
    ) -> Result<(), ErrorCode> {
        let (id, path) = self.create(txn, request)?;
        multi_reply::result_header(&mut multi.body, code);
        if code == OpCode::Create.code() {
            PathResponse { path: &path }.encode(&mut multi.body);
        } else {
            Create2Response { path: &path, stat: request.stat(self.get(id)) }.encode(&mut multi.body);
        }
        multi.changes.push(self.change(ChangeKind::Created, id, path));
        Ok(())
    }
}

/// Those before the culprit get 0, those after it RUNTIMEINCONSISTENCY.
fn failed<'a>(culprit: usize, count: usize, error: ErrorCode) -> Multi<'a> {
    let mut body = BytesMut::new();
    for at in 0..count {
        let code = match at.cmp(&culprit) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => error.code(),
            std::cmp::Ordering::Greater => ErrorCode::RuntimeInconsistency.code(),
        };
        multi_reply::error_result(&mut body, code);
    }
    multi_reply::end(&mut body);
    Multi { changes: Vec::new(), body }
}
