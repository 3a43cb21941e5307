//! Leaders that hang: the other members tell who leads now.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use menagerie_proto::consensus::{ConsensusStatus, Leaders};
use menagerie_types::command::{Command, read_chunk};
use menagerie_types::{IncarnationId, OpCode, SessionId};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use super::*;
use crate::Proposer;

/// A member that takes what is proposed while it leads, and hangs otherwise, as a paused process does.
struct Fake {
    id: NodeId,
    leader: watch::Receiver<Leader>,
    taken: mpsc::UnboundedSender<(NodeId, Bytes)>,
    /// Streams that hang must not end.
    hanging: Mutex<Vec<oneshot::Sender<ServiceError>>>,
}

impl Fake {
    /// The first member is the one that hangs once it does not lead any more.
    fn is_paused(&self) -> bool {
        self.id == NodeId(1) && self.leader.borrow().id != self.id
    }
}

#[async_trait]
impl Consensus for Fake {
    async fn propose(&self) -> ServiceResult<Proposals> {
        let leader = *self.leader.borrow();
        if leader.id != self.id {
            return match self.is_paused() {
                true => std::future::pending().await,
                false => Err(ServiceError::NotLeader { leader: Some(leader.id) }),
            };
        }
        let (chunks, mut proposed) = mpsc::channel::<Bytes>(4);
        let (end, ended) = oneshot::channel();
        self.hanging.lock().push(end);
        let (id, taken) = (self.id, self.taken.clone());
        tokio::spawn(async move {
            while let Some(chunk) = proposed.recv().await {
                taken.send((id, chunk)).expect("the test listens");
            }
        });
        Ok(Proposals { term: leader.term, chunks, ended })
    }

    async fn tail(&self, _: LogIndex) -> ServiceResult<Tail> {
        Err(ServiceError::Invalid("not asked".into()))
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        let leads = self.leader.borrow().id == self.id;
        match leads {
            true => Ok(LogIndex(self.id.0)),
            false => std::future::pending().await,
        }
    }

    async fn truncate(&self, _: LogIndex) -> ServiceResult<LogIndex> {
        Err(ServiceError::Invalid("not asked".into()))
    }

    async fn change_membership(&self, _: LogIndex, _: Vec<Member>) -> ServiceResult<LogIndex> {
        Err(ServiceError::Invalid("not asked".into()))
    }

    async fn transfer_leadership(&self, _: Option<NodeId>) -> ServiceResult<NodeId> {
        unreachable!("not asked here")
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        if self.is_paused() {
            return std::future::pending().await;
        }
        // A paused member stays silent on streams that stand, too.
        let follow = |(mut leader, silent): (watch::Receiver<Leader>, bool), first: bool| async move {
            if !first {
                leader.changed().await.ok()?;
                if silent {
                    return std::future::pending().await;
                }
            }
            let now = *leader.borrow_and_update();
            Some((Ok(now), ((leader, silent), false)))
        };
        let start = ((self.leader.clone(), self.id == NodeId(1)), true);
        Ok(stream::unfold(start, move |(state, first)| follow(state, first)).boxed())
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        let leader = *self.leader.borrow();
        Ok(ConsensusStatus {
            id: self.id,
            term: leader.term,
            leader: Some(leader.id),
            ..ConsensusStatus::default()
        })
    }
}

struct World {
    ensemble: Ensemble,
    leader: watch::Sender<Leader>,
    taken: mpsc::UnboundedReceiver<(NodeId, Bytes)>,
}

fn world() -> World {
    let (leader, known) = watch::channel(Leader { term: 1, id: NodeId(1) });
    let (sender, taken) = mpsc::unbounded_channel();
    let member = |n| {
        let (id, hanging) = (NodeId(n), Mutex::default());
        let fake = Fake { id, leader: known.clone(), taken: sender.clone(), hanging };
        (id, Arc::new(fake) as Arc<dyn Consensus>)
    };
    World { ensemble: Ensemble::new((1..=3).map(member).collect()), leader, taken }
}

fn noop() -> Command<'static> {
    Command { op: OpCode::Noop, session: SessionId::NONE, xid: 0, auth: &[], body: b"x" }
}

#[tokio::test(start_paused = true)]
async fn what_a_hanging_leader_was_sent_goes_to_the_one_that_the_others_name() {
    let World { ensemble, leader, mut taken } = world();
    let proposer = Proposer::new(IncarnationId(7));
    tokio::spawn(proposer.clone().run(ensemble));
    for (term, id) in [(1, 1), (2, 3), (5, 2)] {
        leader.send_replace(Leader { term, id: NodeId(id) });
        proposer.push(&noop());
        proposer.wake();
        let chunk = loop {
            let (by, chunk) = taken.recv().await.expect("the proposer runs");
            if by == NodeId(id) {
                break chunk;
            }
        };
        let (header, _) = read_chunk(&chunk).expect("a chunk");
        assert_eq!(header.first_seq, 1, "everything unacknowledged comes again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_barrier_does_not_wait_for_a_leader_that_hangs() {
    let World { ensemble, leader, .. } = world();
    let deadline = Duration::from_secs(5);
    assert_eq!(ensemble.barrier(deadline).await, Ok(LogIndex(1)));
    assert_eq!(ensemble.nearest().await, 0);
    let asked = tokio::spawn({
        let ensemble = ensemble.clone();
        leader.send_replace(Leader { term: 2, id: NodeId(2) });
        async move { ensemble.barrier(deadline).await }
    });
    assert_eq!(asked.await.expect("no panic"), Ok(LogIndex(2)));
}

#[tokio::test(start_paused = true)]
async fn a_tail_moves_to_another_leader_and_stays_with_the_same_one() {
    let World { ensemble, leader, .. } = world();
    let at = ensemble.nearest().await;
    assert_eq!((at, ensemble.term()), (0, 1));
    let mut moved = Box::pin(ensemble.nearer(ensemble.members()[at].0));
    let silence = Duration::from_secs(60);
    assert!(tokio::time::timeout(silence, &mut moved).await.is_err());
    leader.send_replace(Leader { term: 2, id: NodeId(1) });
    assert!(tokio::time::timeout(silence, &mut moved).await.is_err(), "the same one leads on");
    leader.send_replace(Leader { term: 3, id: NodeId(3) });
    assert_eq!(moved.await, 2);
}
