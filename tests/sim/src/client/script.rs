//! What a client does next.

use std::collections::VecDeque;

use menagerie_types::ErrorCode;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::Duration;

use super::ClientPlan;
use super::session::Stop;
use crate::event::{Answer, ClientId, Event, Op};
use crate::world::World;

/// Registers that each client alone writes.
pub const REGISTERS: usize = 2;
/// Znodes that all write and watch.
pub const SHARED: usize = 3;
/// Parent of sequential znodes.
pub const SEQUENTIAL: &str = "/seq";
/// Parent of ephemerals.
pub const EPHEMERAL: &str = "/eph";
/// Where nothing is created any more after this many ephemerals of one client.
const EPHEMERALS_MAX: u32 = 40;

/// A register of a client.
pub fn register(client: ClientId, n: usize) -> String {
    format!("/r{client}-{n}")
}

/// Whether only one client writes it.
pub fn is_register(path: &str) -> bool {
    path.starts_with("/r")
}

/// A shared znode.
pub fn shared(n: usize) -> String {
    format!("/w{n}")
}

/// What comes next.
pub enum Next {
    Request(Op),
    Pause(Duration),
    Stop(Stop),
}

enum Phase {
    /// Makes what it works on; the rest of it.
    SetUp(VecDeque<String>),
    Work,
    /// Waits for its last answers.
    Winding,
    /// Waits for those of the others: what they look at must not change any more.
    Quiet,
    /// Looks at everything a last time; the rest of it.
    LastLook(VecDeque<Op>),
    Done,
}

/// See the module.
pub struct Script {
    id: ClientId,
    plan: ClientPlan,
    phase: Phase,
    /// Requests to come before the next pause.
    batch: usize,
    /// A request that goes with the one before.
    follows: Option<Op>,
    /// A request whose answer decides what comes next is under way.
    waits: bool,
    /// Makes values and names unique.
    counter: u64,
    ephemerals: u32,
}

impl Script {
    pub fn new(id: ClientId, plan: ClientPlan) -> Self {
        let mut paths: VecDeque<_> = [SEQUENTIAL, EPHEMERAL].map(str::to_owned).into();
        paths.extend((0..SHARED).map(shared));
        paths.extend((0..REGISTERS).map(|n| register(id, n)));
        let phase = Phase::SetUp(paths);
        Self { id, plan, phase, batch: 0, follows: None, waits: false, counter: 0, ephemerals: 0 }
    }

    /// A new connection: what was under way may not have happened.
    pub fn connected(&mut self) {
        self.waits = false;
        self.follows = None;
        if let Phase::LastLook(_) = self.phase {
            // Everything in one session, so that its zxids tell an order.
            self.phase = Phase::LastLook(self.last_looks());
        }
    }

    /// True while nothing may be sent.
    pub fn is_waiting(&self) -> bool {
        self.waits || matches!(self.phase, Phase::Done)
    }

    pub fn pick<T: Copy>(&self, rng: &mut StdRng, from: &[T]) -> T {
        from[rng.random_range(0..from.len())]
    }

    /// A random pause around `mean`.
    pub fn spread(&self, rng: &mut StdRng, mean: Duration) -> Duration {
        Duration::from_millis(rng.random_range(0..=mean.as_millis() as u64 * 2))
    }

    /// What to do next; `idle` when nothing is under way.
    pub fn next(&mut self, rng: &mut StdRng, world: &World, idle: bool) -> Next {
        if world.is_closing() && matches!(self.phase, Phase::Work) {
            self.phase = Phase::Winding;
        }
        if matches!(self.phase, Phase::Winding) && idle {
            world.client_is_quiet();
            self.phase = Phase::Quiet;
        }
        if matches!(self.phase, Phase::Quiet) && world.are_all_quiet() {
            self.phase = Phase::LastLook(self.last_looks());
        }
        match &mut self.phase {
            Phase::SetUp(paths) => match paths.front() {
                Some(path) => {
                    self.waits = true;
                    Next::Request(Op::Create { path: path.clone() })
                }
                None => {
                    self.phase = Phase::Work;
                    Next::Pause(Duration::ZERO)
                }
            },
            Phase::Work => self.work(rng, world, idle),
            Phase::LastLook(looks) => match looks.front() {
                Some(look) => {
                    self.waits = true;
                    Next::Request(look.clone())
                }
                None => {
                    self.phase = Phase::Done;
                    world.client_is_done();
                    Next::Pause(Duration::ZERO)
                }
            },
            Phase::Winding | Phase::Quiet | Phase::Done => Next::Pause(self.plan.think),
        }
    }

    /// The answer to a request, for those that were waited for.
    pub fn answered(&mut self, world: &World, op: &Op, answer: &Result<Answer, i32>) {
        match &mut self.phase {
            Phase::SetUp(paths) => {
                let there = answer.is_ok() || *answer == Err(ErrorCode::NodeExists.code());
                if there && matches!(op, Op::Create { path } if paths.front() == Some(path)) {
                    paths.pop_front();
                }
                self.waits = false;
            }
            Phase::LastLook(looks) if looks.front() == Some(op) => {
                looks.pop_front();
                if let Op::Get { path, .. } | Op::Children { path } = op {
                    let (client, path, answer) = (self.id, path.clone(), answer.clone());
                    world.emit(Event::LastLook { client, path, answer });
                }
                self.waits = false;
            }
            _ => self.waits = false,
        }
    }

    fn work(&mut self, rng: &mut StdRng, world: &World, idle: bool) -> Next {
        if let Some(op) = self.follows.take() {
            return Next::Request(op);
        }
        if self.batch == 0 {
            self.batch = rng.random_range(1..=self.plan.pipeline);
            if let Some(stop) = self.accident(rng, world, idle) {
                return stop;
            }
            return Next::Pause(self.spread(rng, self.plan.think));
        }
        self.batch -= 1;
        Next::Request(self.request(rng))
    }

    fn accident(&mut self, rng: &mut StdRng, world: &World, idle: bool) -> Option<Next> {
        if world.is_healing() {
            return None;
        }
        // In tenths of a per cent.
        let mut luck = rng.random_range(0..1000);
        for (chance, stop) in [(self.plan.moves, Stop::Move), (self.plan.deaths, Stop::Die)] {
            if luck < chance {
                return Some(Next::Stop(stop));
            }
            luck -= chance;
        }
        if luck < self.plan.closes && idle {
            self.waits = true;
            return Some(Next::Request(Op::Close));
        }
        None
    }

    fn request(&mut self, rng: &mut StdRng) -> Op {
        let own = register(self.id, rng.random_range(0..REGISTERS));
        let common = shared(rng.random_range(0..SHARED));
        match rng.random_range(0..100) {
            0..32 => Op::Set { path: own, value: self.unique() },
            32..55 => Op::Get { path: own, watch: false },
            55..68 => Op::Get { path: common, watch: true },
            68..80 => Op::Set { path: common, value: self.unique() },
            80..87 => {
                let value = self.unique();
                Op::CreateSequential { prefix: format!("{SEQUENTIAL}/{value}-"), value }
            }
            87..92 if self.ephemerals < EPHEMERALS_MAX => {
                self.ephemerals += 1;
                Op::CreateEphemeral { path: format!("{EPHEMERAL}/{}", self.unique()) }
            }
            92..95 => Op::Children { path: SEQUENTIAL.to_owned() },
            _ => {
                self.follows = Some(Op::Get { path: common.clone(), watch: false });
                Op::Sync { path: common }
            }
        }
    }

    fn unique(&mut self) -> String {
        self.counter += 1;
        format!("c{}.{}", self.id, self.counter)
    }

    /// A write, then everything as it is at the leader.
    fn last_looks(&mut self) -> VecDeque<Op> {
        let value = self.unique();
        let mut looks = VecDeque::from([
            Op::Set { path: register(self.id, 0), value },
            Op::Sync { path: "/".to_owned() },
        ]);
        looks.extend((0..REGISTERS).map(|n| Op::Get { path: register(self.id, n), watch: false }));
        looks.extend((0..SHARED).map(|n| Op::Get { path: shared(n), watch: false }));
        looks.extend([SEQUENTIAL, EPHEMERAL].map(|path| Op::Children { path: path.to_owned() }));
        looks
    }
}
