//! What a follower does when its leader's process has died: it does not wait for the election timeout.
//!
//! A process that ends takes its connections and its port with it. So a connection that breaks, to an address that then
//! refuses another one, tells within milliseconds that the leader is gone, and with it its term: a member that starts
//! again does not lead on. A leader that is paused, slow or cut off refuses nothing; for it the timeouts decide.
//!
//! A follower that knows gives up the lease that it holds for the leader, and asks for pre-votes after a pause that
//! grows with its rank, so that two do not stand in each other's way. Members that have not found out themselves refuse
//! as ever: a leader that a majority hears is not deposed, whatever one follower believes.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use menagerie_host::Host;
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient};
use openraft::raft::TransferLeaderRequest;
use tokio::net::TcpStream;
use tracing::{debug, info};

use crate::leadership::Leadership;
use crate::types::{self, Raft, Vote};

/// Between attempts to listen to a leader that is not to be reached and refuses nothing.
const LISTEN_PAUSE: Duration = Duration::from_millis(250);
/// A port that does not answer in this time refuses nothing.
const PROBE_TIMEOUT: Duration = Duration::from_millis(100);
/// The port of a dying process may outlive its connections for a moment.
const PROBES: u32 = 10;
const PROBE_PAUSE: Duration = Duration::from_millis(5);
/// An election on the same network takes less.
const HEAD_START: Duration = Duration::from_millis(40);
/// The others may find out a little later.
const ASKS: u32 = 10;
const ASK_PAUSE: Duration = Duration::from_millis(25);

/// What the leader's address says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Refused,
    Connected,
    Silent,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Probe,
    Pause(Duration),
    GiveUpLease,
    AskForVotes,
    Done,
}

/// How far a follower is with one leader. A plain value; it ends as soon as there is another vote.
#[derive(Debug)]
struct Case {
    /// Voters with a lower id, the leader aside.
    rank: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Doubting { probes: u32 },
    Probing { probes: u32 },
    Convinced,
    Yielding,
    Asking { asks: u32 },
    Waiting { asks: u32 },
    Over,
}

impl Case {
    fn new(rank: u32) -> Self {
        Self { rank, state: State::Doubting { probes: 0 } }
    }

    /// The next step; `answer` is what the last one came to if it was a probe.
    fn next(&mut self, answer: Option<Answer>) -> Step {
        let (state, step) = match (self.state, answer) {
            (State::Doubting { probes: PROBES }, _) => (State::Over, Step::Done),
            (State::Doubting { probes }, _) => (State::Probing { probes: probes + 1 }, Step::Probe),
            (State::Probing { .. }, Some(Answer::Refused)) => (State::Convinced, Step::GiveUpLease),
            (State::Probing { probes }, Some(Answer::Connected)) => {
                (State::Doubting { probes }, Step::Pause(PROBE_PAUSE))
            }
            (State::Probing { .. }, _) => (State::Over, Step::Done),
            (State::Convinced, _) => (State::Yielding, Step::Pause(HEAD_START * self.rank)),
            (State::Yielding, _) => (State::Asking { asks: 1 }, Step::AskForVotes),
            (State::Asking { asks: ASKS }, _) => (State::Over, Step::Done),
            (State::Asking { asks }, _) => (State::Waiting { asks }, Step::Pause(ASK_PAUSE)),
            (State::Waiting { asks }, _) => (State::Asking { asks: asks + 1 }, Step::AskForVotes),
            (State::Over, _) => (State::Over, Step::Done),
        };
        self.state = state;
        step
    }
}

/// Listens to whoever leads, for as long as it does.
pub(crate) async fn run(raft: Raft, id: u64, host: Arc<dyn Host>) {
    let mut leadership = Leadership::new(&raft);
    loop {
        let vote = leadership.vote();
        if let Some((rank, address)) = followed(&leadership, id, &vote) {
            tokio::select! {
                () = attend((&raft, &*host), rank, &address, &vote) => {}
                () = leadership.superseded(&vote) => {}
            }
        }
        // Also when the ensemble has changed, and with it who follows whom.
        if leadership.holds(&vote) && !leadership.changed().await {
            return;
        }
    }
}

/// This member's rank, and its leader's address; none unless it votes and follows the leader of that vote.
fn followed(leadership: &Leadership, id: u64, vote: &Vote) -> Option<(u32, String)> {
    let leader = vote.leader_id().voted_for;
    let membership = leadership.membership();
    let voters: Vec<u64> = membership.voter_ids().collect();
    if leader == id || !vote.is_committed() || !voters.contains(&id) {
        return None;
    }
    let rank = voters.iter().filter(|voter| **voter < id && **voter != leader).count();
    let node = membership.membership().get_node(&leader)?;
    Some((u32::try_from(rank).ok()?, types::address(node).to_owned()))
}

/// Listens to the leader again and again, and settles the case each time the connection breaks.
async fn attend((raft, host): (&Raft, &dyn Host), rank: u32, address: &str, vote: &Vote) {
    loop {
        listen(host, address).await;
        settle((raft, host), Case::new(rank), address, vote).await;
        tokio::time::sleep(LISTEN_PAUSE).await;
    }
}

/// Returns when there is no connection (any more).
async fn listen(host: &dyn Host, address: &str) {
    let Ok(channel) = channel::lazy_from(host, address) else { return };
    // What it says is not of interest here, but that it would end.
    if let Ok(mut leaders) = ConsensusClient::new(channel).leaders().await {
        while let Some(Ok(_)) = leaders.next().await {}
    }
}

async fn settle((raft, host): (&Raft, &dyn Host), mut case: Case, address: &str, vote: &Vote) {
    let mut answer = None;
    loop {
        let step = case.next(answer.take());
        debug!(?step, %vote, address, "the connection to the leader broke");
        let done = match step {
            Step::Probe => {
                answer = Some(probe(host, address).await);
                true
            }
            Step::Pause(pause) => {
                tokio::time::sleep(pause).await;
                true
            }
            Step::GiveUpLease => {
                info!(%vote, address, "the leader's process has ended");
                give_up_lease(raft, vote).await
            }
            Step::AskForVotes => raft.trigger().elect(true).await.is_ok(),
            Step::Done => false,
        };
        if !done {
            return;
        }
    }
}

/// To be told that the lead passes on to another member ends the lease; that it passes to the one that had it makes
/// nobody stand for election.
async fn give_up_lease(raft: &Raft, vote: &Vote) -> bool {
    let leader = vote.leader_id().voted_for;
    let request = TransferLeaderRequest::new(*vote, leader, None);
    raft.handle_transfer_leader(request).await.is_ok()
}

async fn probe(host: &dyn Host, address: &str) -> Answer {
    let connect = async {
        match host.connector() {
            Some(connector) => connector.connect(address.to_owned()).await.map(drop),
            None => TcpStream::connect(address).await.map(drop),
        }
    };
    match tokio::time::timeout(PROBE_TIMEOUT, connect).await {
        Ok(Ok(())) => Answer::Connected,
        Ok(Err(error)) => match error.kind() {
            ErrorKind::ConnectionRefused => Answer::Refused,
            // It was in the backlog of a port that was just closing.
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Answer::Connected,
            _ => Answer::Silent,
        },
        Err(_) => Answer::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All steps, when every probe comes to `answer`.
    fn steps(rank: u32, answer: Answer) -> Vec<Step> {
        let mut case = Case::new(rank);
        let mut last = None;
        std::iter::from_fn(|| {
            let step = case.next(last.take());
            last = (step == Step::Probe).then_some(answer);
            Some(step)
        })
        .take_while(|step| *step != Step::Done)
        .collect()
    }

    #[test]
    fn a_leader_whose_port_refuses_is_given_up_and_votes_are_asked_for_in_the_order_of_rank() {
        let steps = steps(2, Answer::Refused);
        assert_eq!(
            steps[..5],
            [
                Step::Probe,
                Step::GiveUpLease,
                Step::Pause(HEAD_START * 2),
                Step::AskForVotes,
                Step::Pause(ASK_PAUSE)
            ]
        );
        assert_eq!(steps.iter().filter(|step| **step == Step::AskForVotes).count(), ASKS as usize);
    }

    #[test]
    fn a_leader_that_can_be_connected_to_or_says_nothing_is_kept() {
        for answer in [Answer::Connected, Answer::Silent] {
            let steps = steps(0, answer);
            assert!(!steps.contains(&Step::GiveUpLease), "{steps:?}");
            assert!(!steps.contains(&Step::AskForVotes), "{steps:?}");
        }
        assert_eq!(
            steps(0, Answer::Connected).iter().filter(|s| **s == Step::Probe).count(),
            PROBES as usize
        );
        assert_eq!(steps(0, Answer::Silent), [Step::Probe]);
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_refuses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let host = menagerie_host::system();
        assert_eq!(probe(&*host, &address).await, Answer::Connected);
        drop(listener);
        assert_eq!(probe(&*host, &address).await, Answer::Refused);
    }
}
