//! Scripted clients. Each speaks the ZooKeeper protocol over simulated TCP, does what a real client library does (pings,
//! gives up a silent connection, goes elsewhere, takes its session along, sets its watches again), and reports every
//! frame in the order in which it saw it.

mod connection;
mod script;
mod session;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Duration, sleep, timeout};

use self::connection::Connection;
use self::script::Script;
use self::session::{Session, Stop};
use crate::event::{ClientId, Event, Op};
use crate::node::CLIENT_PORT;
use crate::world::World;

pub use self::script::{EPHEMERAL, SEQUENTIAL, is_register};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// Between two attempts to connect, about.
const RETRY: Duration = Duration::from_millis(100);

/// What the clients of a run have in common.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// Names of the machines to connect to.
    pub gateways: Vec<&'static str>,
    /// Session timeout to ask for.
    pub timeout: Duration,
    /// Requests that may be outstanding.
    pub pipeline: usize,
    /// Mean pause between two batches of requests.
    pub think: Duration,
    /// Pauses in a thousand in which the connection is dropped, to go elsewhere.
    pub moves: u32,
    /// Pauses in a thousand in which the session is forgotten, as when the client's process dies.
    pub deaths: u32,
    /// Pauses in a thousand in which the session is closed in order.
    pub closes: u32,
}

/// What a client knows, whatever happens to its connections.
pub struct Client {
    id: ClientId,
    world: World,
    plan: ClientPlan,
    rng: StdRng,
    script: Script,
    /// Data watches that are set, as far as it knows.
    watches: BTreeMap<String, i64>,
    /// The session, if it has one.
    attached: Option<Attached>,
}

struct Attached {
    session: i64,
    password: [u8; 16],
    /// The highest zxid it has seen.
    zxid: i64,
}

/// Runs a client until the run ends.
pub async fn run(id: ClientId, world: World, plan: ClientPlan, seed: u64) -> turmoil::Result {
    let rng = StdRng::seed_from_u64(seed);
    let script = Script::new(id, plan.clone());
    let mut client = Client { id, world, plan, rng, script, watches: BTreeMap::new(), attached: None };
    loop {
        client.one_connection().await;
        let pause = client.script.spread(&mut client.rng, RETRY);
        sleep(pause).await;
    }
}

impl Client {
    /// From connecting to the loss of the connection.
    async fn one_connection(&mut self) {
        let gateway = self.script.pick(&mut self.rng, &self.plan.gateways);
        let address = format!("{gateway}:{CLIENT_PORT}");
        let opened = Connection::open(&address);
        let Ok(Ok(connection)) = timeout(CONNECT_TIMEOUT, opened).await else { return };
        let Some(mut session) = Session::establish(self, connection).await else { return };
        let stop = session.serve(self).await;
        let (connection, why) = (session.number, stop.describe());
        drop(session);
        self.world.emit(Event::Lost { client: self.id, connection, why });
        match stop {
            Stop::Lost(_) | Stop::Move => {}
            Stop::Die => {
                if let Some(attached) = self.attached.take() {
                    self.forget();
                    self.world.emit(Event::Abandoned { client: self.id, session: attached.session });
                }
            }
            Stop::Closed => {
                self.attached = None;
                self.forget();
            }
        }
    }

    /// The session is gone, and its watches with it.
    fn forget(&mut self) {
        self.watches.clear();
    }

    fn expired(&mut self) {
        if let Some(attached) = self.attached.take() {
            self.forget();
            self.world.emit(Event::Expired { client: self.id, session: attached.session });
        }
    }

    /// What must precede all other requests on a new connection.
    fn first_request(&self) -> Option<Op> {
        let paths: Vec<String> = self.watches.keys().cloned().collect();
        (!paths.is_empty()).then_some(Op::SetWatches { paths })
    }
}
