//! Random cases. Most steps do something sensible on few znodes, so that steps meet; errors are frequent, and rarely
//! end what the case does.

mod acls;
mod multis;
mod paths;
mod requests;
mod watches;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::case::{Action, Case, Connect, Step, Text};
use crate::servers::Profile;

const STEPS_MAX: usize = 56;
const PIPELINED_MAX: usize = 12;

/// Cases.
pub fn cases(profile: Profile) -> impl Strategy<Value = Case> {
    (setup(), vec(step(profile), 1..STEPS_MAX)).prop_map(|(mut steps, rest)| {
        steps.extend(rest);
        Case { steps }
    })
}

// Something to meet: without it, most of what follows would find nothing.
fn setup() -> impl Strategy<Value = Vec<Step>> {
    let created = subsequence(&["$/a", "$/b", "$/a/a", "$/a/b"][..], 0..=4);
    created.prop_map(|paths| {
        let send = |path: &&str| Action::Send(vec![requests::plain_create(path, "")]);
        paths.iter().map(|path| Step { client: 0, action: send(path) }).collect()
    })
}

fn step(profile: Profile) -> impl Strategy<Value = Step> {
    let client = select(&[0, 0, 0, 0, 1, 1, 1, 2, 2, 3][..]);
    (client, action(profile)).prop_map(|(client, action)| Step { client, action })
}

fn action(profile: Profile) -> BoxedStrategy<Action> {
    // Quotas are checked against what is applied: requests behind one another in one write see them in a race.
    let pipelined = if profile == Profile::Strict { 0 } else { 15 };
    prop_oneof![
        70 => requests::request(profile).prop_map(|request| Action::Send(vec![request])),
        pipelined => vec(requests::request(profile), 2..PIPELINED_MAX).prop_map(Action::Send),
        2 => requests::quota().prop_map(Action::Send),
        3 => connect().prop_map(Action::Connect),
        1 => Just(Action::Drop),
        3 => watches::set_watches().prop_map(Action::Rejoin),
        1 => frame(),
    ]
    .boxed()
}

fn connect() -> impl Strategy<Value = Connect> {
    let timeout_ms = select(&[30_000, 10_000, 0, -1, 1, 4_000, 60_000, i32::MAX, i32::MIN][..]);
    let read_only = select(&[Some(false), None, Some(true)][..]);
    prop_oneof![
        6 => Just(Connect::Attach),
        4 => (timeout_ms, read_only)
            .prop_map(|(timeout_ms, read_only)| Connect::New { timeout_ms, read_only }),
        1 => Just(Connect::WrongPassword),
        1 => select(&[None, Some(0), Some(15), Some(17)][..]).prop_map(Connect::OddPassword),
        1 => Just(Connect::Unknown),
        1 => Just(Connect::Ended),
        1 => Just(Connect::Ahead),
        1 => select(&[1, 16, 17, 20, 30][..]).prop_map(Connect::Cut),
    ]
}

// Too long, negative, or too short for a header.
fn frame() -> impl Strategy<Value = Action> {
    let frames: &[(i32, &[u8])] = &[
        (0, &[]),
        (4, &[0, 0, 0, 1]),
        (7, &[0, 0, 0, 1, 0, 0, 0]),
        (-1, &[0; 8]),
        (i32::MIN, &[0; 8]),
        (0x10_0001, &[0; 8]),
        (i32::MAX, &[0; 8]),
    ];
    select(frames).prop_map(|(len, payload)| Action::Frame(len, payload.to_vec()))
}

fn data() -> BoxedStrategy<Option<Vec<u8>>> {
    prop_oneof![
        8 => Just(Some(b"x".to_vec())),
        4 => Just(Some(Vec::new())),
        3 => Just(None),
        3 => Just(Some(b"0123456789".to_vec())),
        1 => Just(Some(vec![0xff; 40])),
        1 => Just(Some(vec![b'z'; 5_000])),
    ]
    .boxed()
}

fn version() -> impl Strategy<Value = i32> {
    select(&[-1, -1, -1, -1, 0, 0, 0, 1, 1, 2, 3, 99, -2, i32::MAX, i32::MIN][..])
}

fn text(text: &str) -> Text {
    Text::new(text)
}
