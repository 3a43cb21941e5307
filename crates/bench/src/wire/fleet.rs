//! The loop that moves bytes for all connections of a thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_jute::{Reader, ReplyHeader, xid};
use menagerie_types::OpCode;
use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};

use super::Fault;
use super::connection::{Connection, More, Phase};
use super::output::Output;
use super::template::Template;
use super::timer::Timer;
use crate::error::{BenchError, Result};
use crate::faults::Faults;
use crate::latency::Latencies;

const EVENTS: usize = 1024;
const COMMON_BUFFER: usize = 256 << 10;
const TIMER: Token = Token(usize::MAX);
/// A poll ends after this whatever happens; the timer ends it in time.
const POLL_MAX: Duration = Duration::from_secs(1);
/// A handshake that takes longer has failed.
const HANDSHAKE_MAX: Duration = Duration::from_secs(60);

/// What is done with connections. A fault ends the connection it came from.
pub trait Handler {
    /// A connection has got a session; its opening took so long.
    fn opened(&mut self, _took_ns: u64) {}
    /// A frame's payload has come, and was there at that time.
    fn frame(&mut self, id: usize, payload: &[u8], now_ns: u64) -> std::result::Result<(), Fault>;
    /// All that had come has been handled: the time to send more.
    fn drained(&mut self, _id: usize, _now_ns: u64, _out: &mut Output) -> std::result::Result<(), Fault> {
        Ok(())
    }
    /// The connection is gone, and will not come back.
    fn lost(&mut self, id: usize, why: Fault);
}

/// Which connections to open.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// Servers, taken in turns.
    pub hosts: &'a [SocketAddr],
    /// Local addresses, taken in turns; any if empty. One has about 28,000 ports for one server's.
    pub sources: &'a [IpAddr],
    /// How many.
    pub count: usize,
    /// Handshakes under way at once.
    pub at_once: usize,
    /// Session timeout to ask for.
    pub timeout_ms: u32,
}

/// How the opening went.
#[derive(Debug, Default)]
pub struct Opened {
    /// From the begin of TCP's handshake to the session.
    pub latencies: Latencies,
    /// Those that failed.
    pub faults: Faults,
    /// Until the last one was open.
    pub seconds: f64,
}

/// All connections of one thread, by number. Keeps their sessions alive with pings.
#[derive(Debug)]
pub struct Fleet {
    poll: Poll,
    events: Events,
    timer: Timer,
    core: Core,
}

#[derive(Debug)]
struct Core {
    registry: Registry,
    /// `None` once it is gone.
    connections: Vec<Option<Connection>>,
    common: Vec<u8>,
    payload: Arc<[u8]>,
    base: Instant,
    timeout_ms: u32,
    ping: Template,
    pings_due: BinaryHeap<Reverse<(u64, usize)>>,
    ping_latencies: Latencies,
}

impl Fleet {
    /// Without connections. `payload` is what templates send as theirs; `base` is time 0.
    pub fn new(payload: Arc<[u8]>, base: Instant) -> Result<Self> {
        let new = || -> std::io::Result<Self> {
            let poll = Poll::new()?;
            let timer = Timer::new(poll.registry(), TIMER)?;
            let core = Core {
                registry: poll.registry().try_clone()?,
                connections: Vec::new(),
                common: vec![0; COMMON_BUFFER],
                payload,
                base,
                timeout_ms: 0,
                ping: Template::new(OpCode::Ping, None, None, |_| {}),
                pings_due: BinaryHeap::new(),
                ping_latencies: Latencies::new(),
            };
            Ok(Self { poll, events: Events::with_capacity(EVENTS), timer, core })
        };
        new().map_err(BenchError::system("a poll and a timer"))
    }

    /// Nanoseconds since time 0.
    pub fn now_ns(&self) -> u64 {
        self.core.now_ns()
    }

    /// How many connections there are, those that are gone included.
    pub fn len(&self) -> usize {
        self.core.connections.len()
    }

    /// What pings took to be answered, since the last call.
    pub fn take_ping_latencies(&mut self) -> Latencies {
        std::mem::take(&mut self.core.ping_latencies)
    }

    /// Opens connections, which get the next numbers, and reports how many are open from time to time.
    pub fn open(&mut self, opening: &Opening<'_>, mut report: impl FnMut(usize)) -> Result<Opened> {
        self.core.timeout_ms = opening.timeout_ms;
        let began = Instant::now();
        let mut opener = Opener::default();
        let mut begun = 0;
        let mut last_change = (0, began);
        while opener.ended() < opening.count {
            while begun < opening.count && begun - opener.ended() < opening.at_once.max(1) {
                self.core.begin(opening, begun, &mut opener)?;
                begun += 1;
            }
            self.turn(Instant::now() + POLL_MAX, &mut opener)?;
            report(opener.opened);
            if opener.ended() != last_change.0 {
                last_change = (opener.ended(), Instant::now());
            } else if last_change.1.elapsed() > HANDSHAKE_MAX {
                let missing = opening.count - opener.ended();
                opener.result.faults.add(|| format!("{missing} sessions not open after {HANDSHAKE_MAX:?}"));
                break;
            }
        }
        opener.result.seconds = began.elapsed().as_secs_f64();
        Ok(opener.result)
    }

    /// Waits for something to happen or for `until`, and handles what has.
    pub fn turn(&mut self, until: Instant, handler: &mut impl Handler) -> Result<()> {
        let until = self.core.next_ping().map_or(until, |ping| until.min(ping));
        self.timer.set(until).map_err(BenchError::system("setting a timer"))?;
        let timeout = if Instant::now() < until { POLL_MAX } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome.map_err(BenchError::system("waiting for sockets"))?,
        }
        for event in self.events.iter().filter(|event| event.token() != TIMER) {
            self.core.ready(event, handler);
        }
        self.core.send_pings(handler);
        Ok(())
    }

    /// Lets the handler send over one connection though nothing has come from it.
    pub fn drive(&mut self, id: usize, handler: &mut impl Handler) {
        self.core.drive(id, handler);
    }

    /// Closes a socket, whose session is left behind.
    pub fn abandon(&mut self, id: usize) {
        self.core.connections[id] = None;
    }
}

impl Core {
    fn now_ns(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    fn begin(&mut self, opening: &Opening<'_>, number: usize, opener: &mut Opener) -> Result<()> {
        let id = self.connections.len();
        let Some(host) = opening.hosts.get(number % opening.hosts.len().max(1)) else {
            return Err(BenchError::Usage("no server is given".to_owned()));
        };
        let source = opening.sources.get(number % opening.sources.len().max(1)).copied();
        match Connection::begin(*host, source, self.now_ns()) {
            Ok(mut connection) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registered = self.registry.register(&mut connection.socket, Token(id), interest);
                registered.map_err(BenchError::system("registering a socket"))?;
                self.connections.push(Some(connection));
            }
            Err(error) => {
                self.connections.push(None);
                opener.lost(id, format!("cannot connect to {host}: {error}"));
            }
        }
        Ok(())
    }

    fn ready(&mut self, event: &Event, handler: &mut impl Handler) {
        let id = event.token().0;
        let outcome = self.serve(id, event, handler);
        self.settle(id, outcome, handler);
    }

    fn drive(&mut self, id: usize, handler: &mut impl Handler) {
        let now = self.now_ns();
        let Some(connection) = self.connections[id].as_mut() else { return };
        let outcome = handler
            .drained(id, now, &mut connection.output)
            .and_then(|()| connection.flush(&self.payload, now));
        self.settle(id, outcome, handler);
    }

    fn settle(&mut self, id: usize, outcome: std::result::Result<(), Fault>, handler: &mut impl Handler) {
        if let Err(why) = outcome {
            self.connections[id] = None;
            handler.lost(id, why);
        }
    }

    fn serve(
        &mut self,
        id: usize,
        event: &Event,
        handler: &mut impl Handler,
    ) -> std::result::Result<(), Fault> {
        let Some(connection) = self.connections[id].as_mut() else { return Ok(()) };
        if connection.phase == Phase::Connecting && !connection.greet(self.timeout_ms)? {
            return Ok(());
        }
        let mut handled = false;
        // The end of the stream may come in one event with the last bytes, and there is no other one after it.
        let ends = event.is_read_closed();
        let mut more = if event.is_readable() || ends { More::Yes } else { More::No };
        while more != More::Nothing && (more == More::Yes || ends) {
            more = connection.read(&mut self.common, self.base, |connection, payload, now| {
                if connection.phase == Phase::Ready {
                    let is_ping = payload.starts_with(&xid::PING.to_be_bytes());
                    if is_ping {
                        return pong(connection, payload, now, &mut self.ping_latencies);
                    }
                    handled = true;
                    return handler.frame(id, payload, now);
                }
                connection.greeted(payload)?;
                self.pings_due.push(Reverse((now + connection.ping_interval_ns(), id)));
                handler.opened(now - connection.began_ns);
                Ok(())
            })?;
        }
        let now = self.base.elapsed().as_nanos() as u64;
        if handled {
            handler.drained(id, now, &mut connection.output)?;
        }
        connection.flush(&self.payload, now)
    }

    fn next_ping(&self) -> Option<Instant> {
        self.pings_due.peek().map(|Reverse((due, _))| self.base + Duration::from_nanos(*due))
    }

    /// Pings the connections over which nothing was sent for a third of the timeout.
    fn send_pings(&mut self, handler: &mut impl Handler) {
        if self.pings_due.is_empty() {
            return;
        }
        let now = self.now_ns();
        while let Some(Reverse((due, id))) = self.pings_due.peek().copied()
            && due <= now
        {
            self.pings_due.pop();
            let Some(connection) = self.connections[id].as_mut() else { continue };
            let interval = connection.ping_interval_ns();
            let silent_until = connection.sent_ns + interval;
            if silent_until > now {
                self.pings_due.push(Reverse((silent_until, id)));
                continue;
            }
            self.pings_due.push(Reverse((now + interval, id)));
            self.ping.put(&mut connection.output, xid::PING, 0);
            connection.pinged_ns.get_or_insert(now);
            let outcome = connection.flush(&self.payload, now);
            self.settle(id, outcome, handler);
        }
    }
}

fn pong(
    connection: &mut Connection,
    payload: &[u8],
    now_ns: u64,
    latencies: &mut Latencies,
) -> std::result::Result<(), Fault> {
    let header = ReplyHeader::decode(&mut Reader::new(payload)).map_err(|error| error.to_string())?;
    if header.err != 0 {
        return Err(format!("error {} to a ping", header.err));
    }
    let sent = connection.pinged_ns.take().ok_or("an answer to no ping")?;
    latencies.record(now_ns - sent);
    Ok(())
}

/// Counts handshakes.
#[derive(Default)]
struct Opener {
    opened: usize,
    failed: usize,
    result: Opened,
}

impl Opener {
    fn ended(&self) -> usize {
        self.opened + self.failed
    }
}

impl Handler for Opener {
    fn opened(&mut self, took_ns: u64) {
        self.opened += 1;
        self.result.latencies.record(took_ns);
    }

    fn frame(&mut self, _id: usize, _payload: &[u8], _now_ns: u64) -> std::result::Result<(), Fault> {
        Err("a reply to no request".to_owned())
    }

    fn lost(&mut self, _id: usize, why: Fault) {
        self.failed += 1;
        self.result.faults.add(|| why);
    }
}
