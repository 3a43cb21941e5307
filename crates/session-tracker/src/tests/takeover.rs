//! Several trackers, and one that is cut off, paused or killed.

use menagerie_proto::ServiceError;

use super::*;

/// For a while, touches one session wherever a tracker is active, as gateways do.
async fn keep_alive(trackers: &[&Running], session: SessionId, for_ms: u64) {
    for _ in 0..for_ms / 250 {
        for running in trackers {
            assert_ne!(running.touch(session).await, Some(false), "the session is gone");
        }
        advance(250).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_refuses_and_names_the_active_one() {
    let fake = Fake::new();
    let _active = Running::start_active(1, &fake).await;
    let standby = Running::start(2, &fake);
    advance(10_000).await;
    let refused = ServiceError::NotActive { active: Some(NodeId(1)) };
    assert_eq!(standby.tracker.establish(OWNER, vec![new_session()]).await, Err(refused.clone()));
    assert_eq!(standby.tracker.touch(OWNER, Vec::new()).await, Err(refused));
    assert_eq!(fake.lease().epoch, 1);
}

#[tokio::test(start_paused = true)]
async fn a_standby_takes_over_from_a_killed_tracker_and_touched_sessions_live_on() {
    let fake = Fake::new();
    let first = Running::start_active(1, &fake).await;
    let second = Running::start(2, &fake);
    let (session, silent) = (first.open().await, first.open().await);
    keep_alive(&[&first, &second], session.session, 3_000).await;
    first.kill().await;
    keep_alive(&[&second], session.session, 3_000).await;
    assert!(second.is_active().await);
    assert!(fake.session(silent.session).is_some(), "a takeover gives everyone a full timeout");
    keep_alive(&[&second], session.session, 4 * TIMEOUT_MS).await;
    assert_eq!(fake.expired().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [silent.session]);
    let moved = second.tracker.establish(OWNER, vec![again(&session)]).await.expect("it is active");
    assert!(moved[0].is_some());
}

#[tokio::test(start_paused = true)]
async fn a_restarted_tracker_gets_its_lease_back_at_once() {
    let fake = Fake::new();
    let first = Running::start_active(1, &fake).await;
    let session = first.open().await.session;
    first.kill().await;
    let restarted = Running::start(1, &fake);
    advance(100).await;
    assert_eq!(restarted.touch(session).await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_paused_tracker_confirms_and_expires_nothing() {
    let fake = Fake::new();
    let first = Running::start_active(1, &fake).await;
    let session = first.open().await.session;
    let second = Running::start(2, &fake);
    advance(500).await;
    first.pause(true);
    advance(1_400).await;
    assert_eq!(first.touch(session).await, None);
    second.until_active().await;
    keep_alive(&[&first, &second], session, 5 * TIMEOUT_MS).await;
    first.pause(false);
    keep_alive(&[&first, &second], session, 5 * TIMEOUT_MS).await;
    assert!(!first.is_active().await);
    assert!(second.is_active().await);
    assert_eq!(fake.expired(), []);
}

#[tokio::test(start_paused = true)]
async fn a_tracker_alone_expires_nobody_right_after_a_long_pause() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let session = running.open().await.session;
    running.pause(true);
    advance(20 * TIMEOUT_MS).await;
    running.pause(false);
    advance(TIMEOUT_MS).await;
    assert_eq!(running.touch(session).await, Some(true));
    assert_eq!(fake.expired(), []);
}

#[tokio::test(start_paused = true)]
async fn nobody_expires_while_the_log_has_no_leader_and_all_are_alive_afterwards() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let session = running.open().await.session;
    fake.set_leader(false);
    advance(10 * TIMEOUT_MS).await;
    assert_eq!(running.touch(session).await, None);
    fake.set_leader(true);
    running.until_active().await;
    assert_eq!(running.touch(session).await, Some(true));
    assert_eq!(fake.expired(), []);
}

#[tokio::test(start_paused = true)]
async fn a_challenged_tracker_stands_by_and_another_takes_over() {
    let fake = Fake::new();
    let first = Running::start_active(1, &fake).await;
    let second = Running::start(2, &fake);
    let session = first.open().await.session;
    advance(200).await;
    fake.challenge();
    advance(100).await;
    assert!(second.is_active().await);
    let refused = ServiceError::NotActive { active: Some(NodeId(2)) };
    assert_eq!(first.tracker.touch(OWNER, vec![session]).await, Err(refused));
    keep_alive(&[&first, &second], session, 3 * TIMEOUT_MS).await;
    assert_eq!(fake.lease().epoch, 2);
}

#[tokio::test(start_paused = true)]
async fn a_challenged_tracker_without_a_rival_comes_back() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let session = running.open().await.session;
    fake.challenge();
    until(async || !running.is_active().await).await;
    running.until_active().await;
    assert_eq!(fake.lease().epoch, 2);
    assert_eq!(running.touch(session).await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_goes_to_a_standby_at_once() {
    let fake = Fake::new();
    let first = Running::start_active(1, &fake).await;
    let second = Running::start(2, &fake);
    let session = first.open().await.session;
    advance(200).await;
    first.tracker.release().await;
    assert!(!first.is_active().await);
    advance(100).await;
    assert_eq!(second.touch(session).await, Some(true));
    keep_alive(&[&first, &second], session, 3 * TIMEOUT_MS).await;
    assert!(!first.is_active().await);
}
