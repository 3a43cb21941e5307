//! Many connections: opened, and then now and then a message on one of them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::time::{ClockId, clock_gettime};

use super::sockets::listener;
use super::{SILENCE_MAX, broke};
use crate::error::{BenchError, Result};

/// A connect request's bytes, and a ping's.
const GREETING: [u8; 49] = [1; 49];
const PING: [u8; 12] = [2; 12];
/// Between two pings: a thread with nothing to do in between sleeps.
const PAUSE: Duration = Duration::from_micros(500);
const EVENTS: usize = 1024;
const LISTENER: Token = Token(usize::MAX);
/// How often the answering thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// What they cost, us.
#[derive(Clone, Copy, Debug)]
pub struct Connects {
    /// Wall-clock time of opening all, with a message each way; for each.
    pub connect_us: f64,
    /// Processor time of the answering thread for one message.
    pub ping_us: f64,
}

/// Opens `count` connections, `at_once` at a time, and sends `pings` over them.
pub fn measure(count: usize, at_once: usize, pings: u32) -> Result<Connects> {
    let doing = "opening many connections";
    let listener = listener().map_err(broke(doing))?;
    let address = listener.local_addr().map_err(broke(doing))?;
    let answering = Arc::new(Answering::default());
    let thread = {
        let answering = Arc::clone(&answering);
        let builder = thread::Builder::new().name("answering".into());
        builder.spawn(move || answering.run(listener)).map_err(broke(doing))?
    };
    let measured = ask(address, count, at_once, pings, &answering);
    answering.ends.store(true, Ordering::Relaxed);
    let ended = thread.join().map_err(|_| BenchError::setup(doing, "the other end has failed"))?;
    ended.map_err(broke(doing))?;
    measured.map_err(broke(doing))
}

fn ask(
    address: SocketAddr,
    count: usize,
    at_once: usize,
    pings: u32,
    answering: &Answering,
) -> io::Result<Connects> {
    let mut client =
        Client { poll: Poll::new()?, events: Events::with_capacity(EVENTS), sockets: Vec::new() };
    let began = Instant::now();
    client.open(address, count, at_once.max(1))?;
    let connect_us = began.elapsed().as_secs_f64() * 1e6 / count as f64;
    let before = answering.spent_ns.load(Ordering::Relaxed);
    for n in 0..pings as usize {
        // Not in the order in which they were opened.
        client.ping(n.wrapping_mul(7919) % count)?;
        thread::sleep(PAUSE);
    }
    let spent = answering.spent_ns.load(Ordering::Relaxed) - before;
    Ok(Connects { connect_us, ping_us: spent as f64 / 1e3 / f64::from(pings) })
}

struct Client {
    poll: Poll,
    events: Events,
    sockets: Vec<TcpStream>,
}

impl Client {
    fn open(&mut self, address: SocketAddr, count: usize, at_once: usize) -> io::Result<()> {
        let (mut done, mut greeted) = (0, vec![false; count]);
        while done < count {
            while self.sockets.len() < count && self.sockets.len() - done < at_once {
                let mut socket = TcpStream::connect(address)?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut socket, Token(self.sockets.len()), interest)?;
                self.sockets.push(socket);
            }
            self.poll.poll(&mut self.events, Some(SILENCE_MAX))?;
            for event in &self.events {
                let id = event.token().0;
                let mut socket = &self.sockets[id];
                if event.is_writable() && !std::mem::replace(&mut greeted[id], true) {
                    socket.set_nodelay(true)?;
                    socket.write_all(&GREETING)?;
                } else if event.is_readable() && !is_empty(socket.read(&mut [0; 64]))? {
                    done += 1;
                }
            }
        }
        Ok(())
    }

    fn ping(&mut self, id: usize) -> io::Result<()> {
        let mut socket = &self.sockets[id];
        socket.write_all(&PING)?;
        while is_empty(socket.read(&mut [0; 64]))? {
            self.poll.poll(&mut self.events, Some(SILENCE_MAX))?;
        }
        Ok(())
    }
}

/// Nothing has come; that the other end is closed is an error.
fn is_empty(outcome: io::Result<usize>) -> io::Result<bool> {
    match outcome {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// The other end: accepts, and sends back what comes.
#[derive(Debug, Default)]
struct Answering {
    ends: AtomicBool,
    /// Processor time of the thread.
    spent_ns: AtomicU64,
}

impl Answering {
    fn run(&self, listener: std::net::TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(EVENTS));
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut sockets: Vec<TcpStream> = Vec::new();
        while !self.ends.load(Ordering::Relaxed) {
            poll.poll(&mut events, Some(LOOK))?;
            for event in &events {
                match event.token() {
                    LISTENER => accept(&listener, &poll, &mut sockets)?,
                    Token(id) if event.is_readable() => answer(&sockets[id])?,
                    Token(_) => {}
                }
            }
            let spent = clock_gettime(ClockId::ThreadCPUTime);
            self.spent_ns
                .store(spent.tv_sec as u64 * 1_000_000_000 + spent.tv_nsec as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn accept(listener: &TcpListener, poll: &Poll, sockets: &mut Vec<TcpStream>) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut socket, _)) => {
                socket.set_nodelay(true)?;
                // As a server registers them that has at times to wait until it can send.
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut socket, Token(sockets.len()), interest)?;
                sockets.push(socket);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn answer(mut socket: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64];
    match socket.read(&mut buffer) {
        Ok(len) => socket.write_all(&buffer[..len]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_opened_and_answered() {
        let connects = measure(30, 4, 20).expect("loopback");
        assert!(connects.connect_us > 0.0 && connects.ping_us > 0.0, "{connects:?}");
    }
}
