//! The crate zookeeper-client: all that it can ask of a server. tests/compat/lib/run.py runs this.

mod acls;
mod data;
mod harness;
mod multi;
mod sessions;
mod watches;

use std::process::ExitCode;

use anyhow::Result;
use harness::{Case, OPEN, Outcome, connect, within};

/// Runs one case with a client and a znode of its own and prints how it went.
macro_rules! run {
    ($failed:ident, $($group:ident: $($case:ident),+;)+) => {
        $($({
            let name = concat!(stringify!($group), "/", stringify!($case));
            let wanted = std::env::args().nth(1).is_none_or(|only| name.contains(&only));
            if wanted {
                let outcome = match prepare(stringify!($case)).await {
                    Ok(case) => $group::$case(&case).await,
                    Err(error) => Err(error),
                };
                match outcome {
                    Ok(Outcome::Passed) => println!("ok {name}"),
                    Ok(Outcome::NotHere) => println!("# {name}: not in this shape"),
                    Err(error) => {
                        $failed += 1;
                        println!("not ok {name}: {}", format!("{error:#}").replace('\n', " "));
                    }
                }
            }
        })+)+
    };
}

async fn prepare(name: &str) -> Result<Case> {
    let zk = connect().await?;
    let root = format!("/rust-{}-{name}", std::process::id());
    within("create", zk.create(&root, b"", &OPEN)).await?;
    Ok(Case { zk, root })
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut failed = 0;
    run! { failed,
        data: create_get_set_delete, create_modes, errors_of_the_tree, children, containers_and_ttl_nodes_are_reaped,
            ephemerals_of_a_session, descendants, config_and_reconfig, a_pipeline_keeps_its_order,
            clickhouse_59489_create_with_stat, clickhouse_55595_no_create_ends_in_connection_loss;
        acls: default_and_versions, digest_identities, sasl_digest_md5, wrong_sasl_password;
        multi: all_or_nothing, failure_is_told_by_index, reads_of_one_moment, check_then_write;
        watches: one_shot, event_names_its_zxid, clickhouse_59489_persistent, clickhouse_59489_recursive,
            clickhouse_115477_recursive_events_carry_the_znodes_path, clickhouse_59489_removed_when_dropped,
            persistent_and_one_shot_together, under_a_chroot;
        sessions: taken_over, wrong_password, timeout, end_of_ephemerals, lock_is_handed_on, restart_keeps_everything,
            moved_by_a_killed_server;
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
