//! What an ensemble promises, over real connections.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use menagerie_proto::ServiceError;
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient};
use menagerie_types::{LogIndex, NodeId};
use support::{Ensemble, read_to, send, texts, until};

#[tokio::test]
async fn three_members_deliver_the_same_gapless_log_in_the_order_of_each_stream() {
    let ensemble = Ensemble::start(3);
    let (leader, one) = ensemble.propose().await;
    let other = ensemble.member(leader).consensus.propose().await.expect("the member leads");
    for at in 0..100 {
        send(&one, format!("one {at:03}")).await;
        send(&other, format!("other {at:03}")).await;
    }
    send(&one, "end of one").await;
    send(&other, "end of other").await;
    let mut logs = Vec::new();
    for member in ensemble.alive() {
        let done = |entries: &[_]| {
            let texts = texts(entries);
            texts.iter().any(|text| text == "end of one") && texts.iter().any(|text| text == "end of other")
        };
        logs.push(support::read_until(&member.consensus, 1, done).await);
        assert!(!member.consensus.syncs_inline(), "a member with peers syncs beside Raft");
    }
    let shortest = logs.iter().map(Vec::len).min().expect("three logs");
    logs.iter_mut().for_each(|log| log.truncate(shortest));
    assert_eq!(logs[0], logs[1]);
    assert_eq!(logs[0], logs[2]);
    for name in ["one ", "other "] {
        let of_stream: Vec<_> = texts(&logs[0]).into_iter().filter(|text| text.starts_with(name)).collect();
        assert_eq!(of_stream.len(), 100);
        assert!(of_stream.is_sorted(), "in the order sent");
    }
    assert!(logs[0][0].chunks.is_empty(), "the first entry is the membership");
    let followers = ensemble.alive().filter(|member| member.consensus.id() != NodeId(leader));
    for follower in followers {
        assert!(follower.consensus.raft_calls().append > 0, "entries come by stream");
    }
}

/// Within hours there would be no election.
const NO_TIMEOUT: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(7200));

#[tokio::test]
async fn when_the_leaders_process_ends_nobody_waits_for_the_election_timeout() {
    // Its first leader an ensemble may find by timeouts.
    let founded = Arc::new(AtomicBool::new(false));
    let no_more = Arc::clone(&founded);
    let mut ensemble = Ensemble::start_tuned(3, move |options| {
        if no_more.load(Ordering::SeqCst) {
            options.election_timeout = NO_TIMEOUT;
        }
    });
    let (first, proposals) = ensemble.propose().await;
    send(&proposals, "founded").await;
    founded.store(true, Ordering::SeqCst);
    for follower in (1..=3).filter(|id| *id != first) {
        ensemble.stop(follower);
        ensemble.restart(follower).await;
        read_to(&ensemble.member(follower).consensus, 1, "founded").await;
    }
    for _ in 0..3 {
        let (leader, proposals) = ensemble.propose().await;
        send(&proposals, format!("by {leader}")).await;
        // Both followers have heard of it: two of three would do for the entry.
        for member in ensemble.alive() {
            read_to(&member.consensus, 1, &format!("by {leader}")).await;
        }
        ensemble.stop(leader);
        let (next, _proposals) = ensemble.propose().await;
        assert_ne!(next, leader);
        ensemble.restart(leader).await;
        // Then it has heard of the new leader.
        read_to(&ensemble.member(leader).consensus, 1, &format!("by {leader}")).await;
    }
}

#[tokio::test]
async fn when_the_leader_stops_its_streams_end_and_another_member_takes_over() {
    let mut ensemble = Ensemble::start(3);
    let (leader, proposals) = ensemble.propose().await;
    send(&proposals, "before").await;
    read_to(&ensemble.member(leader).consensus, 1, "before").await;
    ensemble.stop(leader);
    let ended = proposals.ended.await.expect("the stream says why it ended");
    assert!(matches!(ended, ServiceError::NotLeader { .. } | ServiceError::Unavailable(_)), "{ended}");

    let (next, proposals) = ensemble.propose().await;
    assert_ne!(next, leader);
    let voter = ensemble.alive().find(|member| member.consensus.id() != NodeId(next)).expect("two are left");
    assert!(voter.consensus.raft_calls().pre_vote > 0, "an election begins with a pre-vote");
    send(&proposals, "after").await;
    ensemble.restart(leader).await;
    for member in ensemble.alive() {
        let texts = texts(&read_to(&member.consensus, 1, "after").await);
        assert_eq!(texts, ["before", "after"]);
    }
}

#[tokio::test]
async fn leadership_can_be_handed_over_and_old_streams_learn_to_whom() {
    let ensemble = Ensemble::start(3);
    let (leader, proposals) = ensemble.propose().await;
    let target = leader % 3 + 1;
    // Everyone must have the log before one of them can be asked to lead.
    send(&proposals, "before").await;
    for member in ensemble.alive() {
        read_to(&member.consensus, 1, "before").await;
    }
    ensemble.member(leader).consensus.transfer_leadership(Some(NodeId(target))).await.expect("handed over");
    let ended = proposals.ended.await.expect("the stream says why it ended");
    assert!(matches!(ended, ServiceError::NotLeader { .. }), "{ended}");
    assert_eq!(ensemble.leader().await, target);
    assert!(ensemble.member(target).consensus.raft_calls().transfer_leader > 0);
    ensemble.member(target).consensus.transfer_leadership(None).await.expect("handed over to any voter");
    assert_ne!(ensemble.leader().await, target);
}

#[tokio::test]
async fn a_member_that_was_away_catches_up_from_the_log() {
    let mut ensemble = Ensemble::start(3);
    let (leader, proposals) = ensemble.propose().await;
    let away = leader % 3 + 1;
    ensemble.stop(away);
    for at in 0..300 {
        send(&proposals, format!("{at}")).await;
    }
    send(&proposals, "end").await;
    ensemble.restart(away).await;
    let entries = read_to(&ensemble.member(away).consensus, 1, "end").await;
    assert_eq!(texts(&entries).len(), 301);
    assert_eq!(ensemble.member(away).consensus.raft_calls().install_snapshot, 0);
}

#[tokio::test]
async fn an_empty_member_begins_where_the_truncated_log_does() {
    let mut ensemble = Ensemble::start(3);
    let (leader, proposals) = ensemble.propose().await;
    let lost = leader % 3 + 1;
    send(&proposals, "old").await;
    for member in ensemble.alive() {
        read_to(&member.consensus, 1, "old").await;
    }
    ensemble.stop(lost);
    ensemble.wipe(lost);
    send(&proposals, "middle").await;
    let keep = read_to(&ensemble.member(leader).consensus, 1, "middle").await.last().expect("entries").index;
    let first = until("truncation", || async {
        let first =
            ensemble.member(leader).consensus.truncate(LogIndex(keep.0 - 1)).await.expect("truncates");
        (first == keep).then_some(first)
    })
    .await;
    assert_eq!(ensemble.member(leader).status().await.first_index, first);
    let early = ensemble.member(leader).consensus.tail(LogIndex(1)).await.err();
    assert_eq!(early, Some(ServiceError::Truncated { first }));

    ensemble.restart(lost).await;
    send(&proposals, "new").await;
    let begins = until("the snapshot", || async {
        let status = ensemble.member(lost).status().await;
        (status.first_index >= first).then_some(status.first_index)
    })
    .await;
    let refused = ensemble.member(lost).consensus.tail(LogIndex(begins.0 - 1)).await.err();
    assert_eq!(refused, Some(ServiceError::Truncated { first: begins }));
    let there = read_to(&ensemble.member(lost).consensus, begins.0, "new").await;
    let here = read_to(&ensemble.member(leader).consensus, begins.0, "new").await;
    assert_eq!(there, here);
    assert!(ensemble.member(lost).consensus.raft_calls().install_snapshot > 0);

    // And it remembers where its log begins, and who its peers are.
    ensemble.stop(lost);
    ensemble.restart(lost).await;
    assert_eq!(ensemble.member(lost).status().await.first_index, begins);
    until("the membership", || async {
        (ensemble.member(lost).status().await.members.len() == 3).then_some(())
    })
    .await;
    read_to(&ensemble.member(lost).consensus, begins.0, "new").await;
}

#[tokio::test]
async fn a_learner_has_the_log_but_no_vote() {
    let mut ensemble = Ensemble::start_tuned(3, |options| options.members[2].voter = false);
    let (_, proposals) = ensemble.propose().await;
    send(&proposals, "seen").await;
    assert_eq!(texts(&read_to(&ensemble.member(3).consensus, 1, "seen").await), ["seen"]);
    let status = until("the membership", || async {
        let status = ensemble.member(3).status().await;
        (status.members.len() == 3 && status.state == "learner").then_some(status)
    })
    .await;
    assert!(!status.members[2].voter && status.members[0].voter);
    // Two voters of two are needed: one of them and the learner are no majority.
    ensemble.stop(2);
    let stalled = ensemble.member(1).consensus.barrier().await;
    assert!(stalled.is_err(), "{stalled:?}");
}

#[tokio::test]
async fn two_of_three_found_the_ensemble_and_the_third_joins_it() {
    for absent in [1, 3] {
        let mut ensemble = Ensemble::start_without(3, absent);
        let (_, proposals) = ensemble.propose().await;
        send(&proposals, "served by two").await;
        ensemble.restart(absent).await;
        let texts = texts(&read_to(&ensemble.member(absent).consensus, 1, "served by two").await);
        assert_eq!(texts, ["served by two"]);
    }
}

#[tokio::test]
async fn a_wiped_founder_joins_the_ensemble_that_exists() {
    let mut ensemble = Ensemble::start(3);
    let (_, proposals) = ensemble.propose().await;
    send(&proposals, "kept").await;
    for member in ensemble.alive() {
        read_to(&member.consensus, 1, "kept").await;
    }
    let term = ensemble.member(2).status().await.term;
    ensemble.stop(1);
    ensemble.wipe(1);
    ensemble.restart(1).await;
    assert_eq!(texts(&read_to(&ensemble.member(1).consensus, 1, "kept").await), ["kept"]);
    assert!(ensemble.member(1).status().await.term >= term);
}

#[tokio::test]
async fn followers_refuse_proposals_and_barriers_and_name_the_leader() {
    let ensemble = Ensemble::start(3);
    let leader = ensemble.leader().await;
    let follower = leader % 3 + 1;
    let expected = ServiceError::NotLeader { leader: Some(NodeId(leader)) };
    let local = &ensemble.member(follower).consensus;
    until("the follower knows", || async {
        (local.propose().await.err().as_ref() == Some(&expected)).then_some(())
    })
    .await;
    assert_eq!(local.barrier().await, Err(expected.clone()));
    let address = &ensemble.members[follower as usize - 1].address;
    let remote = ConsensusClient::new(channel::lazy(address).expect("an address"));
    assert_eq!(remote.propose().await.err(), Some(expected));
}

#[tokio::test]
async fn a_barrier_is_at_or_above_everything_acknowledged() {
    let ensemble = Ensemble::start(3);
    let (leader, proposals) = ensemble.propose().await;
    let consensus = &ensemble.member(leader).consensus;
    for at in 0..20 {
        send(&proposals, format!("{at}")).await;
        let seen = read_to(consensus, 1, &format!("{at}")).await.last().expect("entries").index;
        let (one, other) = tokio::join!(consensus.barrier(), consensus.barrier());
        assert!(one.expect("the leader answers") >= seen);
        assert!(other.expect("the leader answers") >= seen);
    }
}

#[tokio::test]
async fn a_lone_voter_syncs_inline_and_restarts_with_everything() {
    let now = std::sync::Arc::new(AtomicI64::new(1_000_000));
    let clock = now.clone();
    let mut ensemble = Ensemble::start_tuned(1, move |options| {
        let clock = clock.clone();
        // Steps back by a second each time it is asked.
        options.clock = std::sync::Arc::new(move || clock.fetch_sub(1000, Ordering::SeqCst));
    });
    let (_, proposals) = ensemble.propose().await;
    for at in 0..10 {
        send(&proposals, format!("{at}")).await;
        read_to(&ensemble.member(1).consensus, 1, &format!("{at}")).await;
    }
    until("the mode", || async { ensemble.member(1).consensus.syncs_inline().then_some(()) }).await;
    let before = ensemble.member(1).status().await;
    ensemble.stop(1);
    ensemble.restart(1).await;
    let (_, proposals) = ensemble.propose().await;
    send(&proposals, "again").await;
    let entries = read_to(&ensemble.member(1).consensus, 1, "again").await;
    assert_eq!(texts(&entries).len(), 11);
    assert_eq!(entries.last().expect("entries").time_ms, 1_000_000, "as the clock only went back");
    until("the mode", || async { ensemble.member(1).consensus.syncs_inline().then_some(()) }).await;
    let after = ensemble.member(1).status().await;
    assert!(after.term > before.term, "a restarted leader never leads on in the same term");
    assert!(after.last_index > before.last_index);
    assert_eq!(after.members, before.members);

    // Time is known even when every entry that held it is gone.
    let consensus = &ensemble.member(1).consensus;
    let first = consensus.truncate(after.last_index).await.expect("truncates");
    assert_eq!(first, after.last_index.next());
    ensemble.stop(1);
    ensemble.restart(1).await;
    let (_, proposals) = ensemble.propose().await;
    send(&proposals, "last").await;
    let entries = read_to(&ensemble.member(1).consensus, first.0, "last").await;
    assert!(entries.iter().all(|entry| entry.time_ms == 1_000_000));
}

#[tokio::test]
async fn shutdown_ends_streams_and_tails() {
    use futures::StreamExt;
    let ensemble = Ensemble::start(1);
    let (_, proposals) = ensemble.propose().await;
    let consensus = ensemble.member(1).consensus.clone();
    let mut tail = consensus.tail(LogIndex(100)).await.expect("waits beyond the end");
    consensus.shutdown().await;
    assert!(matches!(tail.next().await, Some(Err(ServiceError::Unavailable(_)))));
    assert!(proposals.ended.await.is_ok());
    consensus.ended().await;
    assert!(consensus.propose().await.is_err());
}

#[tokio::test]
async fn a_member_that_hears_nobody_deposes_no_healthy_leader() {
    let (ensemble, gate) = Ensemble::start_gated().await;
    until("the others to lead", || async {
        let leader = ensemble.leader().await;
        if leader == 3 {
            let handed = ensemble.member(3).consensus.transfer_leadership(Some(NodeId(1))).await;
            handed.expect("handed over");
        }
        (leader != 3).then_some(())
    })
    .await;
    let (leader, proposals) = ensemble.propose().await;
    send(&proposals, "before").await;
    read_to(&ensemble.member(3).consensus, 1, "before").await;
    let term = ensemble.member(leader).status().await.term;
    let asked = || ensemble.member(leader).consensus.raft_calls().pre_vote;

    gate.set_open(false);
    let before = asked();
    until("some attempts of the cut off member", || async { (asked() >= before + 3).then_some(()) }).await;
    send(&proposals, "meanwhile").await;
    read_to(&ensemble.member(leader).consensus, 1, "meanwhile").await;
    assert_eq!(ensemble.member(3).status().await.term, term, "it only asked whether it could win");

    gate.set_open(true);
    read_to(&ensemble.member(3).consensus, 1, "meanwhile").await;
    let status = ensemble.member(leader).status().await;
    assert_eq!((status.state.as_str(), status.term), ("leader", term));
    send(&proposals, "after").await;
    read_to(&ensemble.member(3).consensus, 1, "after").await;
}

/// What was acknowledged is on the leader and one follower; that follower loses its disk while the other one, which
/// has been away, comes back, and the leader dies. The two that are left must not decide without it.
#[tokio::test]
async fn a_wiped_voter_elects_nobody_who_lacks_what_it_acknowledged() {
    let mut ensemble = Ensemble::start(3);
    let (leader, proposals) = ensemble.propose().await;
    send(&proposals, "before").await;
    read_to(&ensemble.member(leader).consensus, 1, "before").await;
    let (away, wiped) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    ensemble.stop(away);
    let (leader, proposals) = ensemble.propose().await;
    send(&proposals, "acknowledged").await;
    read_to(&ensemble.member(leader).consensus, 1, "acknowledged").await;
    let (holder, wiped) = if leader == wiped { (6 - away - wiped, wiped) } else { (leader, wiped) };
    ensemble.stop(holder);
    ensemble.stop(wiped);
    ensemble.wipe(wiped);
    ensemble.restart(wiped).await;
    ensemble.restart(away).await;
    // Many election timeouts. A member that decided too early would lead by then.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
    while tokio::time::Instant::now() < deadline {
        for member in ensemble.alive() {
            let status = member.status().await;
            assert_ne!(status.state, "leader", "{status:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensemble.restart(holder).await;
    let (leader, proposals) = ensemble.propose().await;
    send(&proposals, "after").await;
    let log = read_to(&ensemble.member(leader).consensus, 1, "after").await;
    assert!(log.iter().flat_map(|entry| &entry.chunks).any(|chunk| chunk == "acknowledged"));
    read_to(&ensemble.member(wiped).consensus, 1, "after").await;
    // It counts again: without the one that was away, the two others go on.
    ensemble.stop(away);
    let (leader, proposals) = ensemble.propose().await;
    send(&proposals, "last").await;
    read_to(&ensemble.member(leader).consensus, 1, "last").await;
}

/// A leader of an earlier term that has not heard of its end must not find a majority in a voter that has forgotten it.
#[tokio::test]
async fn a_wiped_voter_waits_for_enough_others_and_again_after_a_restart() {
    let mut ensemble = Ensemble::start(3);
    let (leader, proposals) = ensemble.propose().await;
    send(&proposals, "kept").await;
    for member in ensemble.alive() {
        read_to(&member.consensus, 1, "kept").await;
    }
    let (other, wiped) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    ensemble.stop(other);
    ensemble.stop(wiped);
    ensemble.wipe(wiped);
    for _ in 0..2 {
        ensemble.restart(wiped).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
        while tokio::time::Instant::now() < deadline {
            assert_eq!(ensemble.member(wiped).status().await.last_index.0, 0, "it follows nobody yet");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ensemble.stop(wiped);
    }
    ensemble.restart(wiped).await;
    ensemble.restart(other).await;
    read_to(&ensemble.member(wiped).consensus, 1, "kept").await;
}
