//! What becomes of containers and TTL znodes.

use menagerie_types::ErrorCode;

use super::*;

const INTERVAL_MS: u64 = 60_000;
/// 10,000 a minute.
const PACE_MS: u64 = 6;

fn names(reaped: &[(String, u64)]) -> Vec<&str> {
    reaped.iter().map(|(path, _)| path.as_str()).collect()
}

/// What a test sees, it sees a few milliseconds later.
fn is_about(at: u64, expected: u64) -> bool {
    at.abs_diff(expected) < 50
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_reaped_at_a_steady_pace_from_one_interval_on() {
    let fake = Fake::new();
    for n in 0..20 {
        fake.make_due(&format!("/c{n:02}"), Ok(()));
    }
    let running = Running::start_active(1, &fake).await;
    let active = fake.now_ms();
    until(async || fake.reaped().len() == 20).await;
    let reaped = fake.reaped();
    assert_eq!(fake.looks().iter().map(|look| (look.1, look.2)).collect::<Vec<_>>(), [(0, 10_000)]);
    assert!(is_about(fake.looks()[0].0, active + INTERVAL_MS), "{active} {:?}", fake.looks());
    assert_eq!(names(&reaped), (0..20).map(|n| format!("/c{n:02}")).collect::<Vec<_>>());
    assert!(reaped.windows(2).all(|pair| pair[1].1 - pair[0].1 >= PACE_MS), "{reaped:?}");
    assert!(reaped[19].1 - reaped[0].1 < 20 * (PACE_MS + 3), "{reaped:?}");
    fake.make_due("/later", Ok(()));
    advance(INTERVAL_MS).await;
    assert_eq!(fake.reaped().len(), 21);
    assert!(is_about(fake.looks()[1].0, fake.looks()[0].0 + INTERVAL_MS), "{:?}", fake.looks());
    assert!(running.is_active().await);
}

#[tokio::test(start_paused = true)]
async fn races_with_clients_are_passed_over_and_looked_at_again() {
    let fake = Fake::new();
    fake.queue_reads();
    for (path, code) in
        [("/b", ErrorCode::NotEmpty), ("/c", ErrorCode::NoNode), ("/d", ErrorCode::BadVersion)]
    {
        fake.make_due(path, Err(code));
    }
    fake.make_due("/a", Ok(()));
    fake.make_due("/e", Ok(()));
    let options = SessionTrackerOptions {
        container_check_interval: Duration::from_secs(5),
        container_max_never_used: Duration::from_secs(300),
        ..SessionTrackerOptions::new(NodeId(1), TICK)
    };
    let running = Running::start_with(options, &fake);
    running.until_active().await;
    until(async || fake.looks().len() == 2).await;
    assert_eq!(names(&fake.reaped()), ["/a", "/e"]);
    assert_eq!(fake.looks()[0].1, 300_000);
    fake.make_due("/b", Ok(()));
    until(async || fake.reaped().len() == 3).await;
    assert_eq!(running.tracker.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_standby_reaps_nothing_and_goes_on_after_a_takeover_in_the_middle() {
    let fake = Fake::new();
    for n in 0..2_000 {
        fake.make_due(&format!("/c{n:04}"), Ok(()));
    }
    let first = Running::start_active(1, &fake).await;
    let second = Running::start(2, &fake);
    until(async || fake.reaped().len() > 500).await;
    assert_eq!(fake.looks().len(), 1, "only one of them looks");
    first.pause(true);
    second.until_active().await;
    let (taken_over, so_far) = (fake.now_ms(), fake.reaped().len());
    assert!(so_far < 1_500, "{so_far}");
    first.pause(false);
    advance(INTERVAL_MS / 2).await;
    let looked = fake.looks().len();
    assert_eq!(fake.reaped().len(), so_far, "the first one's candidates are forgotten");
    assert!(looked <= 1, "{:?}", fake.looks());
    until(async || fake.reaped().len() == 2_000).await;
    let looks = fake.looks();
    assert!(looks.len() == 2 && is_about(looks[1].0, taken_over + INTERVAL_MS), "{taken_over} {looks:?}");
    let mut reaped = fake.reaped();
    reaped.sort();
    reaped.dedup_by(|a, b| a.0 == b.0);
    assert_eq!(reaped.len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_links_and_leaders_come_and_go() {
    let fake = Fake::new();
    fake.queue_reads();
    for n in 0..300 {
        fake.make_due(&format!("/c{n:03}"), Ok(()));
    }
    let options = SessionTrackerOptions {
        container_check_interval: Duration::from_secs(5),
        ..SessionTrackerOptions::new(NodeId(1), TICK)
    };
    let running = Running::start_with(options, &fake);
    running.until_active().await;
    for round in 0..40 {
        advance(300).await;
        match round % 4 {
            0 => fake.close_links(),
            1 => fake.set_leader(false),
            2 => fake.set_leader(true),
            _ => fake.lose_history(),
        }
    }
    fake.set_leader(true);
    until(async || fake.reaped().len() == 300 && running.tracker.pending() == 0).await;
}
