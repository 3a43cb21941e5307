//! The ensemble changes while it works.

mod support;

use std::time::Duration;

use menagerie_proto::ServiceError;
use menagerie_proto::consensus::{Consensus, Member};
use menagerie_types::{LogIndex, NodeId};
use support::{Ensemble, until};

/// Whoever leads; strangers have no say.
async fn leader(ensemble: &Ensemble) -> u64 {
    until("a leader", || async {
        for member in ensemble.alive() {
            let status = member.status().await;
            if status.state == "leader" {
                return Some(status.id.0);
            }
        }
        None
    })
    .await
}

/// Asks whoever leads, again after a change of leader.
async fn change(
    ensemble: &Ensemble,
    expected: LogIndex,
    members: &[Member],
) -> Result<LogIndex, ServiceError> {
    until("a leader that changes the ensemble", || async {
        let leader = leader(ensemble).await;
        match ensemble.member(leader).consensus.change_membership(expected, members.to_vec()).await {
            Err(ServiceError::NotLeader { .. }) => None,
            // What it was founded with is not committed yet.
            Err(ServiceError::InProgress(_)) if expected == LogIndex(0) => None,
            outcome => Some(outcome),
        }
    })
    .await
}

async fn stands_at(ensemble: &Ensemble) -> LogIndex {
    until("what the ensemble was founded with to be committed", || async {
        let status = ensemble.member(leader(ensemble).await).status().await;
        (status.commit_index >= status.membership_index).then_some(status.membership_index)
    })
    .await
}

/// Everybody who belongs to the ensemble knows who does.
async fn all_know(ensemble: &Ensemble, wanted: &[Member]) {
    until("all members to know the ensemble", || async {
        for member in wanted {
            let status = ensemble.member(member.id.0).status().await;
            if status.members != wanted {
                return None;
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_grows_to_three_and_shrinks_to_another_one() {
    let mut ensemble = Ensemble::start(1);
    let proposals = until("a stream of proposals", || async {
        ensemble.member(leader(&ensemble).await).consensus.propose().await.ok()
    })
    .await;
    proposals.chunks.send(bytes::Bytes::from_static(b"before")).await.expect("a leader");
    for _ in 0..2 {
        ensemble.add_stranger();
    }
    let three = ensemble.members.clone();
    let at = change(&ensemble, stands_at(&ensemble).await, &three).await.expect("grows");
    all_know(&ensemble, &three).await;
    assert_eq!(stands_at(&ensemble).await, at);
    // The new ones have what was written before they came.
    let behind = ensemble.member(leader(&ensemble).await).status().await.commit_index;
    for id in 1..=3 {
        until("the log", || async {
            (ensemble.member(id).status().await.commit_index >= behind).then_some(())
        })
        .await;
    }
    let last = vec![three[2].clone()];
    change(&ensemble, LogIndex(0), &last).await.expect("shrinks");
    until("the last one to lead", || async {
        let status = ensemble.member(3).status().await;
        (status.state == "leader" && status.members == last).then_some(())
    })
    .await;
    ensemble.member(3).consensus.barrier().await.expect("it needs nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_based_on_an_older_ensemble_is_refused() {
    let mut ensemble = Ensemble::start(1);
    let before = stands_at(&ensemble).await;
    ensemble.add_stranger();
    let both = ensemble.members.clone();
    change(&ensemble, before, &both).await.expect("grows");
    let again = change(&ensemble, before, &both[..1]).await;
    assert!(matches!(again, Err(ServiceError::InProgress(_))), "{again:?}");
    all_know(&ensemble, &both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_nobody_can_reach_is_not_taken_in() {
    let ensemble = Ensemble::start_tuned(3, |options| options.join_timeout = Duration::from_millis(300));
    let mut wanted = ensemble.members.clone();
    wanted.push(Member { id: NodeId(9), address: "127.0.0.1:1".into(), voter: true, info: String::new() });
    let outcome = change(&ensemble, LogIndex(0), &wanted).await;
    assert!(matches!(outcome, Err(ServiceError::NotInSync(_))), "{outcome:?}");
    all_know(&ensemble, &ensemble.members).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_becomes_a_learner_and_says_something_else_of_itself() {
    let ensemble = Ensemble::start(3);
    let mut wanted = ensemble.members.clone();
    wanted[0].voter = false;
    wanted[1].info = "server.2=elsewhere".into();
    change(&ensemble, LogIndex(0), &wanted).await.expect("changes");
    all_know(&ensemble, &wanted).await;
    until("the learner to learn", || async {
        (ensemble.member(1).status().await.state == "learner").then_some(())
    })
    .await;
}
