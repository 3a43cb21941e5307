//! Sessions that begin and end in every way, with ephemerals: those of a living session stay, those of an ended one go.

use std::time::Duration;

use menagerie_types::CreateMode;
use rand::Rng;
use rand::rngs::StdRng;

use super::request::Request;
use super::session::Session;
use super::{ROOT, pause};

const PACE: Duration = Duration::from_millis(150);
/// Short enough that a session which is without a connection for so long is alive afterwards.
const AWAY: Duration = Duration::from_millis(800);

pub(super) fn parent() -> String {
    format!("{ROOT}/ephemeral")
}

/// Long enough that it is dead.
const GONE: Duration = Duration::from_secs(6);

/// Until the run ends.
pub(super) async fn run(mut session: Session, mut random: StdRng) {
    let (mut number, mut own) = (0, Vec::<String>::new());
    let mut id = session.id();
    while !session.shared.is_stopping() {
        pause(&mut random, PACE).await;
        match random.random_range(0..100) {
            0..40 => {
                number += 1;
                let path = format!("{}/{}-{number}", parent(), session.number);
                let (value, mode) = (session.id(), CreateMode::Ephemeral);
                let done = session.one(Request::Create { path: path.clone(), value, mode }).await;
                if session.id() != id {
                    id = session.id();
                    own.clear();
                }
                if done.is_some_and(|done| done.good().is_some()) {
                    own.push(path);
                }
            }
            40..85 if !own.is_empty() => {
                let path = own[random.random_range(0..own.len())].clone();
                session.one(Request::Get { path, watch: false }).await;
                if session.id() != id {
                    own.clear();
                }
            }
            85..91 => session.stay_away(AWAY).await,
            91 => session.stay_away(GONE).await,
            92..94 => session.close().await,
            94..97 => session.leave().await,
            _ => {}
        }
    }
    session.close().await;
}
