use super::*;

mod model;

const ME: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);
const TTL: u64 = 600;

fn tracker() -> Tracker {
    Tracker::new(TrackerConfig { id: ME, tick_ms: 100, lease_ttl_ms: TTL as u32, jitter_ms: 0 })
}

fn session(id: i64) -> Session {
    Session { id: SessionId(id), timeout_ms: 2_000, password: [id as u8; 16], owner: IncarnationId(9) }
}

fn lease(epoch: u64, holder: Option<NodeId>) -> Lease {
    Lease { epoch, holder, ttl_ms: TTL as u32 }
}

fn ask(epoch: u64) -> Effect {
    Effect::ProposeLease { epoch, ttl_ms: TTL as u32 }
}

/// Active with epoch 1 since 0, over sessions 1 and 2.
fn active() -> Tracker {
    let mut tracker = tracker();
    tracker.lease_seen(0, lease(0, None));
    tracker.table_seen(0, vec![session(1), session(2)]);
    assert_eq!(tick(&mut tracker, 0), [ask(0)]);
    tracker.lease_answered(0, Some(1));
    assert_eq!(tracker.take_effects(), [Effect::Active { epoch: 1 }]);
    tracker.lease_seen(0, lease(1, Some(ME)));
    tracker
}

fn tick(tracker: &mut Tracker, now_ms: u64) -> Vec<Effect> {
    tracker.tick(now_ms);
    tracker.take_effects()
}

/// Ticks until `until`, with every lease command granted; what else was proposed, and when.
fn run(tracker: &mut Tracker, from: u64, until: u64) -> Vec<(u64, Effect)> {
    let mut proposed = Vec::new();
    for now in (from..=until).step_by(10) {
        for effect in tick(tracker, now) {
            match effect {
                Effect::ProposeLease { epoch, .. } => tracker.lease_answered(now, Some(epoch.max(1))),
                other => proposed.push((now, other)),
            }
        }
    }
    proposed
}

fn expire(id: i64) -> Effect {
    Effect::ProposeExpire { session: SessionId(id), epoch: 1 }
}

#[test]
fn a_fresh_active_tracker_gives_every_session_its_timeout_and_a_lease_time_more() {
    let proposed = run(&mut active(), 0, 5_000);
    assert_eq!(proposed, [(2_700, expire(1)), (2_700, expire(2))]);
}

#[test]
fn a_touched_session_outlives_the_others() {
    let mut tracker = active();
    run(&mut tracker, 0, 1_000);
    assert!(tracker.touch(1_000, SessionId(2)));
    assert!(!tracker.touch(1_000, SessionId(3)));
    let proposed = run(&mut tracker, 1_010, 5_000);
    assert_eq!(proposed, [(2_700, expire(1)), (3_100, expire(2))]);
}

#[test]
fn a_touch_soon_after_the_takeover_does_not_shorten_the_timeout_given_by_it() {
    let mut tracker = active();
    assert!(tracker.touch(100, SessionId(1)));
    assert_eq!(run(&mut tracker, 100, 5_000), [(2_700, expire(1)), (2_700, expire(2))]);
}

#[test]
fn an_expiry_is_proposed_once_and_the_session_no_longer_confirmed() {
    let mut tracker = active();
    assert_eq!(run(&mut tracker, 0, 4_000).len(), 2);
    assert!(!tracker.touch(4_000, SessionId(1)));
    tracker.expiry_answered(4_000, SessionId(1), ExpiryAnswer::Ended);
    assert_eq!(tracker.session(SessionId(1)), None);
    tracker.expiry_answered(4_000, SessionId(2), ExpiryAnswer::Refused);
    assert_eq!(run(&mut tracker, 4_000, 5_000), [(4_100, expire(2))]);
}

#[test]
fn a_closed_session_is_not_expired() {
    let mut tracker = active();
    tracker.closed(SessionId(1));
    assert_eq!(run(&mut tracker, 0, 5_000), [(2_700, expire(2))]);
}

#[test]
fn the_lease_is_renewed_every_third_of_its_time_with_one_command_in_flight() {
    let mut tracker = active();
    assert_eq!(tracker.next_wake_ms(0), Some(200));
    assert_eq!(tick(&mut tracker, 199), []);
    assert_eq!(tick(&mut tracker, 200), [ask(1)]);
    assert_eq!(tick(&mut tracker, 400), []);
    tracker.lease_answered(400, Some(1));
    assert_eq!(tracker.take_effects(), []);
    assert_eq!(tick(&mut tracker, 400), [ask(1)]);
}

#[test]
fn a_tracker_without_renewal_stops_by_itself_and_after_a_late_one_starts_afresh() {
    let mut tracker = active();
    assert_eq!(tracker.acting(599), Some(1));
    assert_eq!(tracker.acting(600), None);
    assert_eq!(tick(&mut tracker, 10_000), [ask(1)]);
    tracker.lease_answered(10_010, Some(1));
    assert_eq!(tracker.take_effects(), [Effect::Active { epoch: 1 }]);
    let proposed = run(&mut tracker, 10_010, 20_000);
    assert_eq!(proposed.first(), Some(&(12_700, expire(1))));
}

#[test]
fn a_renewal_counts_from_when_it_was_proposed() {
    let mut tracker = active();
    assert_eq!(tick(&mut tracker, 200), [ask(1)]);
    tracker.lease_answered(590, Some(1));
    assert_eq!(tracker.acting(799), Some(1));
    assert_eq!(tracker.acting(800), None);
}

#[test]
fn a_standby_tries_every_half_lease_time_and_at_once_after_a_challenge() {
    let mut tracker = tracker();
    tracker.lease_seen(0, lease(4, Some(OTHER)));
    tracker.table_seen(0, vec![session(1)]);
    assert_eq!(tick(&mut tracker, 300), []);
    assert_eq!(tick(&mut tracker, 301), [ask(0)]);
    tracker.lease_answered(310, None);
    assert_eq!(tick(&mut tracker, 610), []);
    tracker.lease_seen(610, lease(4, None));
    assert_eq!(tick(&mut tracker, 610), [ask(0)]);
    tracker.lease_answered(620, Some(5));
    assert_eq!(tracker.take_effects(), [Effect::Active { epoch: 5 }]);
}

#[test]
fn the_challenged_tracker_stops_and_lets_others_try_first() {
    let mut tracker = active();
    tracker.lease_seen(100, lease(1, None));
    assert_eq!(tracker.take_effects(), [Effect::Standby]);
    assert_eq!(tracker.acting(100), None);
    assert_eq!(tick(&mut tracker, 100 + TTL), []);
    assert_eq!(tick(&mut tracker, 100 + TTL + TTL / 8), [ask(0)]);
}

#[test]
fn a_grant_that_is_already_over_in_the_feed_does_not_make_active() {
    for after in [lease(1, None), lease(2, Some(OTHER))] {
        let mut tracker = tracker();
        tracker.lease_seen(0, lease(0, None));
        tracker.table_seen(0, vec![]);
        assert_eq!(tick(&mut tracker, 0), [ask(0)]);
        tracker.lease_seen(10, after);
        tracker.lease_answered(10, Some(1));
        assert_eq!(tracker.acting(10), None);
        assert_eq!(tracker.take_effects(), []);
    }
}

#[test]
fn a_fresh_table_keeps_the_deadlines_of_an_active_tracker() {
    let mut tracker = active();
    run(&mut tracker, 0, 1_000);
    let moved = Session { owner: IncarnationId(10), ..session(2) };
    tracker.lease_seen(1_000, lease(1, Some(ME)));
    tracker.table_seen(1_000, vec![session(1), moved, session(3)]);
    let proposed = run(&mut tracker, 1_010, 5_000);
    assert_eq!(proposed, [(2_700, expire(1)), (3_100, expire(2)), (3_100, expire(3))]);
}

#[test]
fn lost_proposals_are_made_again() {
    let mut tracker = active();
    assert_eq!(run(&mut tracker, 0, 2_700).len(), 2);
    tracker.proposals_lost(2_700);
    assert_eq!(run(&mut tracker, 2_710, 3_000), [(2_800, expire(1)), (2_800, expire(2))]);
}

#[test]
fn overdue_sessions_beyond_the_bound_wait_and_are_saved_by_a_touch() {
    let mut tracker = active();
    let many = EXPIRING_MAX as i64 + 1;
    tracker.table_seen(0, (1..=many).map(session).collect());
    assert_eq!(run(&mut tracker, 0, 3_000).len(), EXPIRING_MAX);
    let waiting = (1..=many).map(SessionId).filter(|id| tracker.due.contains(id)).collect::<Vec<_>>();
    assert_eq!(waiting.len(), 1);
    assert!(tracker.touch(3_000, waiting[0]));
    tracker.proposals_lost(3_000);
    assert_eq!(run(&mut tracker, 3_010, 3_100).len(), EXPIRING_MAX);
}

#[test]
fn a_released_lease_is_not_asked_for_again() {
    let mut tracker = active();
    assert_eq!(tracker.release(), Some(1));
    assert_eq!(tracker.acting(0), None);
    assert_eq!(run(&mut tracker, 0, 9_000), [(0, Effect::Standby)]);
    assert_eq!(tracker.next_wake_ms(9_000), None);
}
