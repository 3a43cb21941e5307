//! Transactions and reads of one moment.

use anyhow::{Result, ensure};
use zookeeper_client::{CheckWriteError, Error, MultiReadResult, MultiWriteError, MultiWriteResult};

use crate::harness::{Case, EPHEMERAL, OPEN, Outcome, within};

pub async fn all_or_nothing(case: &Case) -> Result<Outcome> {
    let (zk, path) = (&case.zk, &case.at("a"));
    let mut writer = zk.new_multi_writer();
    writer.add_create(path, b"1", &OPEN)?;
    writer.add_set_data(path, b"22", Some(0))?;
    writer.add_check_version(path, 1)?;
    writer.add_create(&case.at("a/e"), b"", &OPEN)?;
    writer.add_delete(&case.at("a/e"), Some(0))?;
    let results = within("multi", writer.commit()).await?;
    let [MultiWriteResult::Create { path: created, .. }, MultiWriteResult::SetData { stat }, rest @ ..] =
        &results[..]
    else {
        anyhow::bail!("{results:?}");
    };
    ensure!(created == path && stat.version == 1 && stat.czxid == stat.mzxid, "{results:?}");
    ensure!(matches!(
        rest,
        [MultiWriteResult::Check, MultiWriteResult::Create { .. }, MultiWriteResult::Delete]
    ));
    ensure!(zk.get_data(path).await?.0 == b"22");
    Ok(Outcome::Passed)
}

pub async fn failure_is_told_by_index(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    let mut writer = zk.new_multi_writer();
    writer.add_create(&case.at("a"), b"", &EPHEMERAL)?;
    writer.add_delete(&case.at("none"), None)?;
    writer.add_create(&case.at("b"), b"", &OPEN)?;
    let outcome = writer.commit().await;
    ensure!(
        outcome == Err(MultiWriteError::OperationFailed { index: 1, source: Error::NoNode }),
        "{outcome:?}"
    );
    ensure!(zk.check_stat(&case.at("a")).await?.is_none());
    Ok(Outcome::Passed)
}

pub async fn reads_of_one_moment(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    zk.create(&case.at("a"), b"1", &OPEN).await?;
    let mut reader = zk.new_multi_reader();
    reader.add_get_data(&case.at("a"))?;
    reader.add_get_children(&case.root)?;
    reader.add_get_data(&case.at("none"))?;
    let results = within("multiRead", reader.commit()).await?;
    ensure!(results.len() == 3);
    ensure!(matches!(&results[0], MultiReadResult::Data { data, stat } if data == b"1" && stat.version == 0));
    ensure!(matches!(&results[1], MultiReadResult::Children { children } if children == &["a"]));
    ensure!(matches!(&results[2], MultiReadResult::Error { err: Error::NoNode }), "{results:?}");
    Ok(Outcome::Passed)
}

pub async fn check_then_write(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    let mut good = zk.new_check_writer(&case.root, Some(0))?;
    good.add_create(&case.at("a"), b"", &OPEN)?;
    within("a write after a check", good.commit()).await?;
    let mut bad = zk.new_check_writer(&case.root, Some(7))?;
    bad.add_create(&case.at("b"), b"", &OPEN)?;
    ensure!(bad.commit().await == Err(CheckWriteError::CheckFailed { source: Error::BadVersion }));
    Ok(Outcome::Passed)
}
