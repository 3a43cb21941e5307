//! Results of multis, owned.

use bytes::Bytes;
use menagerie_jute::multi_reply::{self, MultiResult};
use menagerie_jute::{Create2Response, GetDataResponse, PathResponse, Reader};
use menagerie_types::Stat;

use crate::ClientError;
use crate::operations::data_of;

/// What became of one operation of a multi or multiRead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiOutcome {
    /// Created; the Stat is there unless the operation was create.
    Created {
        /// The whole path.
        path: String,
        /// The Stat.
        stat: Option<Stat>,
    },
    /// Deleted.
    Deleted,
    /// Data set.
    DataSet(Stat),
    /// Checked.
    Checked,
    /// Data read.
    Data {
        /// The data.
        data: Option<Bytes>,
        /// The Stat.
        stat: Stat,
    },
    /// Children read.
    Children(Vec<String>),
    /// The code of an error result. When a multi fails it is 0 before the culprit and -2 after it.
    Failed(i32),
}

/// Reads the outcomes from a reply's body.
pub(crate) fn outcomes(body: &Bytes) -> Result<Vec<MultiOutcome>, ClientError> {
    let results = multi_reply::decode(&mut Reader::new(body))?;
    Ok(results.into_iter().map(|result| outcome(body, result)).collect())
}

fn outcome(body: &Bytes, result: MultiResult<'_>) -> MultiOutcome {
    match result {
        MultiResult::Create(PathResponse { path }) => {
            MultiOutcome::Created { path: path.to_owned(), stat: None }
        }
        MultiResult::Create2(Create2Response { path, stat }) => {
            MultiOutcome::Created { path: path.to_owned(), stat: Some(stat) }
        }
        MultiResult::Delete => MultiOutcome::Deleted,
        MultiResult::SetData(stat) => MultiOutcome::DataSet(stat),
        MultiResult::Check => MultiOutcome::Checked,
        MultiResult::GetData(GetDataResponse { data, stat }) => {
            MultiOutcome::Data { data: data_of(body, data), stat }
        }
        MultiResult::GetChildren(response) => {
            MultiOutcome::Children(response.children.into_iter().map(str::to_owned).collect())
        }
        MultiResult::Error(code) => MultiOutcome::Failed(code),
    }
}
