//! Whether a reply is the right one.

use menagerie_jute::multi_reply::MultiResult;
use menagerie_jute::{
    GetChildrenResponse, GetDataResponse, JuteError, PathResponse, Reader, StatResponse, multi_reply,
};

use super::lanes::Asked;
use super::plan::Plan;
use crate::mix::Kind;
use crate::wire::{DIGITS, Fault, digits};

/// What replies have to say.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    plan: &'a Plan,
    /// Paths of created znodes up to their number, persistent and ephemeral.
    made: [String; 2],
}

impl<'a> Expected<'a> {
    /// From the servers of `plan`.
    pub fn new(plan: &'a Plan) -> Self {
        let stem = |ephemeral| {
            let mut path = plan.made(ephemeral, 0);
            path.truncate(path.len() - DIGITS);
            path
        };
        Self { plan, made: [stem(false), stem(true)] }
    }

    /// Judges the body of a reply without an error.
    pub fn check(&self, asked: &Asked, body: &[u8]) -> Result<(), Fault> {
        let complaint = self.complaint(asked, body).map_err(|error| error.to_string())?;
        complaint.map_or(Ok(()), |complaint| Err(format!("{}: {complaint}", asked.kind.name())))
    }

    fn complaint(&self, asked: &Asked, body: &[u8]) -> Result<Option<String>, JuteError> {
        let mut reader = Reader::new(body);
        let complaint = match asked.kind {
            Kind::Get => {
                let reply = GetDataResponse::decode(&mut reader)?;
                let right = reply.data.unwrap_or_default() == &self.plan.payload[..];
                (!right).then(|| "other data".to_owned()).or_else(|| self.data_length(reply.stat.data_length))
            }
            Kind::Set | Kind::Exists => self.data_length(StatResponse::decode(&mut reader)?.stat.data_length),
            Kind::Create | Kind::Ephemeral => {
                let path = PathResponse::decode(&mut reader)?.path;
                let stem = &self.made[usize::from(asked.ephemeral)];
                let number = path.strip_prefix(stem.as_str());
                let right = number.is_some_and(|number| number.as_bytes() == digits(asked.number));
                (!right).then(|| format!("created {path}"))
            }
            Kind::Delete => None,
            Kind::Children => {
                let children = GetChildrenResponse::decode(&mut reader)?.children.len();
                (children != self.plan.args.children as usize).then(|| format!("{children} children"))
            }
            Kind::Multi => {
                let results = multi_reply::decode(&mut reader)?;
                let all = results.len() == self.plan.args.multi_ops as usize;
                let good = results.iter().all(|result| matches!(result, MultiResult::SetData(_)));
                (!all || !good).then(|| format!("{} results, not all of setData", results.len()))
            }
            Kind::Sync => {
                let path = PathResponse::decode(&mut reader)?.path;
                (path != self.plan.target.prefix).then(|| format!("path {path}"))
            }
        };
        Ok(complaint.or_else(|| (!reader.is_empty()).then(|| "bytes left over".to_owned())))
    }

    fn data_length(&self, told: i32) -> Option<String> {
        (usize::try_from(told) != Ok(self.plan.payload.len())).then(|| format!("dataLength {told}"))
    }
}
