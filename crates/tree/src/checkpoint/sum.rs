//! What records add up to, without a tree: the digest is a sum over them.

use menagerie_jute::{AclList, Reader};
use xxhash_rust::xxh3::xxh3_64;

use super::record::{self, Key};
use super::{CheckpointError, Meta};
use crate::acl::FixedAcl;
use crate::exactly_once;
use crate::row_hash::row_hash;
use crate::sessions;
use crate::tree::znode::{StatWords, data_crc};

/// Adds up the records of a state, in the order of their keys, in constant memory.
#[derive(Debug, Default)]
pub struct Sum {
    last_key: Vec<u8>,
    digest: u64,
    znodes: u64,
    ephemerals: u64,
    sessions: u64,
    incarnations: u64,
    replicas: u64,
    /// The lease counts even if it has no record.
    lease: Option<u64>,
}

impl Sum {
    /// Takes one record, whole and in order.
    pub fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), CheckpointError> {
        self.add(key, value).map_err(|reason| CheckpointError::record(key, reason))
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if key <= &self.last_key[..] {
            return Err("out of order");
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        let body = record::open(key, value)?;
        let malformed = "malformed";
        let hash = match Key::decode(key).ok_or("unknown key")? {
            Key::Znode(path) => {
                let fields = record::read_znode(body).ok_or(malformed)?;
                let list = AclList::decode(&mut Reader::new(fields.acl)).ok().flatten();
                let acl = FixedAcl::stored(&list.ok_or("malformed acl")?).raw().to_vec();
                self.znodes += 1;
                self.ephemerals += u64::from(menagerie_types::SessionId(fields.owner).is_assignable());
                StatWords {
                    path_hash: xxh3_64(path.as_bytes()),
                    acl_hash: xxh3_64(&acl),
                    data_len: fields.data.map(<[u8]>::len),
                    zxids: fields.zxids,
                    times: fields.times,
                    owner: fields.owner,
                    data_crc: data_crc(fields.data),
                    versions: fields.versions,
                }
                .digest()
            }
            Key::Incarnation(id) => {
                self.incarnations += 1;
                exactly_once::hash(id, &record::read_incarnation(body).ok_or(malformed)?)
            }
            Key::Ensemble => {
                let index = record::read_replica(body).ok_or(malformed)?;
                if index.0 == 0 { 0 } else { row_hash(b'c', &[index.0]) }
            }
            Key::Lease => {
                self.lease = Some(record::read_lease(body).ok_or(malformed)?.digest());
                0
            }
            Key::Registration(role, id) => record::read_registration(body).ok_or(malformed)?.digest(role, id),
            Key::Replica(id) => {
                self.replicas += 1;
                row_hash(b'r', &[id.0, record::read_replica(body).ok_or(malformed)?.0])
            }
            Key::Session(id) => {
                self.sessions += 1;
                sessions::hash(id, &record::read_session(body).ok_or(malformed)?)
            }
        };
        self.digest = self.digest.wrapping_add(hash);
        Ok(())
    }

    /// Number of ephemeral znodes so far.
    pub fn ephemerals(&self) -> u64 {
        self.ephemerals
    }

    /// Number of znodes so far.
    pub fn znodes(&self) -> u64 {
        self.znodes
    }

    /// Checks that the records add up to `meta`.
    pub fn check(&self, meta: &Meta) -> Result<(), CheckpointError> {
        let lease = self.lease.unwrap_or_else(|| crate::lease::LeaseState::default().digest());
        if (self.znodes, self.sessions, self.incarnations, self.replicas)
            != (meta.znodes, meta.sessions, meta.incarnations, meta.replicas)
        {
            return Err(CheckpointError::Mismatch("number of records"));
        }
        if self.digest.wrapping_add(lease) != meta.digest {
            return Err(CheckpointError::Mismatch("digest"));
        }
        Ok(())
    }
}
