//! What gateways see of one active tracker.

use menagerie_proto::ServiceError;
use menagerie_types::Zxid;

use super::*;

#[tokio::test(start_paused = true)]
async fn sessions_are_opened_with_clamped_timeouts_and_distinct_ids_and_passwords() {
    let fake = Fake::new();
    let running = Running::start_active(0x1_05, &fake).await;
    let asked = [1, 10_000, i32::MAX];
    let attempts = asked.map(|timeout_ms| Attempt { timeout_ms, ..new_session() });
    let opened = running.tracker.establish(OWNER, attempts.to_vec()).await.expect("it is active");
    let opened: Vec<_> = opened.into_iter().map(|session| session.expect("opened")).collect();
    assert_eq!(opened.iter().map(|session| session.timeout_ms).collect::<Vec<_>>(), [4_000, 10_000, 40_000]);
    for session in &opened {
        let known = fake.session(session.session).expect("it is in the log");
        assert_eq!(
            (known.password, known.timeout_ms, known.owner),
            (session.password, session.timeout_ms, OWNER)
        );
        assert_eq!(session.session.0 >> 56, 5);
    }
    assert!(opened[0].password != opened[1].password && opened[0].session != opened[1].session);
    assert_eq!(opened[2].zxid, Zxid(opened[0].zxid.0 + 2));
}

#[tokio::test(start_paused = true)]
async fn the_right_password_moves_a_session_to_its_new_owner() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let session = running.open().await;
    let attempt = Attempt { timeout_ms: 9_000, ..again(&session) };
    let moved = running.tracker.establish(IncarnationId(78), vec![attempt]).await.expect("it is active");
    let moved = moved[0].expect("attached");
    assert_eq!((moved.session, moved.password, moved.timeout_ms), (session.session, session.password, 9_000));
    assert!(moved.zxid > session.zxid);
    let known = fake.session(session.session).expect("it is in the log");
    assert_eq!((known.owner, known.timeout_ms), (IncarnationId(78), 9_000));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_or_unknown_id_is_refused_and_disturbs_nothing() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let session = running.open().await;
    let before = (fake.session(session.session), fake.zxid());
    let mut wrong = again(&session);
    wrong.password[15] ^= 1;
    let short = Attempt { password: session.password[..15].to_vec(), ..again(&session) };
    let unknown = Attempt { session: SessionId(session.session.0 + 1), ..again(&session) };
    let attempts = vec![wrong, short, unknown];
    let answers = running.tracker.establish(IncarnationId(78), attempts).await.expect("it is active");
    assert_eq!(answers, [None, None, None]);
    assert_eq!((fake.session(session.session), fake.zxid()), before);
    assert_eq!(running.tracker.establish(OWNER, Vec::new()).await, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_silent_session_is_expired_in_time_and_a_touched_one_is_not() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    // The grace that follows each takeover is over.
    advance(TIMEOUT_MS).await;
    let (silent, touched) = (running.open().await.session, running.open().await.session);
    let mut elapsed_ms = 0;
    while elapsed_ms < 3 * TIMEOUT_MS {
        assert_eq!(running.touch(touched).await, Some(true));
        advance(500).await;
        elapsed_ms += 500;
        if elapsed_ms <= TIMEOUT_MS {
            assert!(fake.session(silent).is_some());
        }
        if elapsed_ms > TIMEOUT_MS + TICK.as_millis() as u64 {
            assert_eq!(fake.session(silent), None);
        }
    }
    assert_eq!(running.touch(silent).await, Some(false));
    assert_eq!(fake.expired().len(), 1);
    let again = running.tracker.establish(OWNER, vec![Attempt { session: silent, ..new_session() }]).await;
    assert_eq!(again, Ok(vec![None]));
}

#[tokio::test(start_paused = true)]
async fn a_taken_id_is_replaced_by_another() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    fake.take_ids(3);
    let session = running.open().await;
    assert!(fake.session(session.session).is_some());
    fake.take_ids(1_000);
    let answer = running.tracker.establish(OWNER, vec![new_session()]).await;
    assert!(matches!(answer, Err(ServiceError::Internal(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_change_costs_only_time() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    fake.set_leader(false);
    let tracker = running.tracker.clone();
    let opening =
        tokio::spawn(async move { tracker.establish(OWNER, vec![new_session(), new_session()]).await });
    advance(300).await;
    assert!(!opening.is_finished());
    fake.set_leader(true);
    let opened = opening.await.expect("no panic").expect("the call survives");
    assert!(opened.iter().all(Option::is_some));
    assert_eq!(fake.session_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn results_lost_with_a_link_come_over_the_next_one_and_nobody_expires() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let session = running.open().await.session;
    for _ in 0..40 {
        assert_eq!(running.touch(session).await, Some(true));
        let tracker = running.tracker.clone();
        let opening = tokio::spawn(async move { tracker.establish(OWNER, vec![new_session()]).await });
        tokio::task::yield_now().await;
        fake.close_links();
        assert!(opening.await.expect("no panic").expect("the call survives")[0].is_some());
        advance(500).await;
    }
    assert!(fake.session(session).is_some());
    assert!(running.is_active().await);
}

#[tokio::test(start_paused = true)]
async fn when_results_cannot_be_had_calls_fail_and_the_tracker_goes_on_anew() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let session = running.open().await.session;
    fake.set_leader(false);
    let tracker = running.tracker.clone();
    let opening = tokio::spawn(async move { tracker.establish(OWNER, vec![new_session()]).await });
    // By now the lease has lapsed, with a renewal on the way, too.
    advance(2_000).await;
    fake.lose_history();
    let answer = opening.await.expect("no panic");
    assert!(matches!(answer, Err(ServiceError::Unavailable(_))), "{answer:?}");
    fake.set_leader(true);
    running.until_active().await;
    assert_eq!(running.touch(session).await, Some(true));
    running.open().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_nothing_behind() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    fake.set_leader(false);
    for _ in 0..10 {
        let call = running.tracker.establish(OWNER, vec![new_session(); 100]);
        assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
    }
    assert!(running.tracker.pending() >= 1_000);
    fake.set_leader(true);
    until(async || running.tracker.pending() == 0).await;
    // What they had opened expires, since nobody touches it.
    assert_eq!(fake.session_count(), 1_000);
    until(async || fake.session_count() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn too_many_attempts_at_a_time_are_refused() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    let answer = running.tracker.establish(OWNER, vec![new_session(); 65_537]).await;
    assert!(matches!(answer, Err(ServiceError::Overloaded(_))), "{answer:?}");
    assert_eq!(fake.session_count(), 0);
    running.open().await;
}

#[tokio::test(start_paused = true)]
async fn calls_fail_once_the_driver_is_gone() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    fake.set_leader(false);
    let tracker = running.tracker.clone();
    let waiting = tokio::spawn(async move { tracker.establish(OWNER, vec![new_session()]).await });
    advance(1).await;
    let tracker = running.tracker.clone();
    running.kill().await;
    let answer = waiting.await.expect("no panic");
    assert!(matches!(answer, Err(ServiceError::Unavailable(_))), "{answer:?}");
    let answer = tracker.touch(OWNER, Vec::new()).await;
    assert!(matches!(answer, Err(ServiceError::Unavailable(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_just_in_time_is_not_expired() {
    let fake = Fake::new();
    let running = Running::start_active(1, &fake).await;
    advance(TIMEOUT_MS).await;
    let session = running.open().await;
    let opened_ms = fake.now_ms();
    let deadline_ms = ((opened_ms + TIMEOUT_MS) / 2_000 + 1) * 2_000;
    advance(deadline_ms - opened_ms - 10).await;
    // Overdue before the log has the attachment, were the attempt itself not a sign of life.
    fake.set_leader(false);
    let (tracker, attempt) = (running.tracker.clone(), again(&session));
    let attaching = tokio::spawn(async move { tracker.establish(IncarnationId(78), vec![attempt]).await });
    advance(100).await;
    fake.set_leader(true);
    assert!(attaching.await.expect("no panic").expect("the call survives")[0].is_some());
    advance(500).await;
    assert_eq!(fake.expired(), []);
}

#[tokio::test(start_paused = true)]
async fn a_tracker_with_a_short_tick_renews_in_time() {
    let fake = Fake::new();
    let running = Running::start_with_tick(1, &fake, Duration::from_millis(50));
    running.until_active().await;
    for _ in 0..2_000 {
        assert!(running.is_active().await);
        advance(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_link_begins_before_what_was_seen_on_the_last() {
    let fake = Fake::new();
    let active = Running::start_active(1, &fake).await;
    active.open().await;
    let _standby = Running::start(2, &fake);
    advance(50).await;
    let seen = fake.zxid();
    fake.close_links();
    advance(200).await;
    let hellos = fake.hellos();
    assert_eq!(hellos.len(), 4);
    assert!(hellos[2..].iter().all(|hello| hello.zxid.0 >= seen));
}
