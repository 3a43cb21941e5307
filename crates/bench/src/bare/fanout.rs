//! One message to each of many sockets.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use mio::net::TcpStream as Watched;
use mio::{Events, Interest, Poll, Token};

use super::sockets::{listener, pair};
use super::{SILENCE_MAX, broke};
use crate::error::{BenchError, Result};
use crate::latency::Latencies;

/// What an event of a watch takes on the wire, about.
const MESSAGE: [u8; 60] = [1; 60];
const EVENTS: usize = 1024;

/// Median of the rounds, us, until the last one has been received.
pub fn measure(sockets: usize, rounds: u32) -> Result<f64> {
    let doing = "telling many sockets";
    let (mut near, far) = pairs(sockets).map_err(broke(doing))?;
    let (received, all) = channel();
    let receiver = thread::Builder::new().name("receiver".into());
    let receiver = receiver.spawn(move || receive_all(far, &received)).map_err(broke(doing))?;
    let mut told = Latencies::new();
    for _ in 0..rounds {
        round(&mut near, &all, &mut told).map_err(broke(doing))?;
    }
    drop(near);
    let ended = receiver.join().map_err(|_| BenchError::setup(doing, "the receiver has failed"))?;
    ended.map_err(broke(doing))?;
    Ok(told.percentile_us(50.0))
}

fn pairs(sockets: usize) -> io::Result<(Vec<std::net::TcpStream>, Vec<std::net::TcpStream>)> {
    let listener = listener()?;
    (0..sockets).map(|_| pair(&listener)).collect()
}

fn round(near: &mut [std::net::TcpStream], all: &Receiver<Instant>, told: &mut Latencies) -> io::Result<()> {
    let began = Instant::now();
    for socket in near {
        socket.write_all(&MESSAGE)?;
    }
    let last = all.recv_timeout(SILENCE_MAX).map_err(io::Error::other)?;
    told.record((last - began).as_nanos() as u64);
    Ok(())
}

/// Tells each time when all have got one; ends when the other ends are closed.
fn receive_all(far: Vec<std::net::TcpStream>, all: &Sender<Instant>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut sockets = Vec::with_capacity(far.len());
    for (id, socket) in far.into_iter().enumerate() {
        socket.set_nonblocking(true)?;
        let mut socket = Watched::from_std(socket);
        poll.registry().register(&mut socket, Token(id), Interest::READABLE)?;
        sockets.push(socket);
    }
    let (mut events, mut left) = (Events::with_capacity(EVENTS), sockets.len() * MESSAGE.len());
    loop {
        poll.poll(&mut events, Some(SILENCE_MAX))?;
        for event in &events {
            let mut buffer = [0; 4096];
            match sockets[event.token().0].read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(len) => left = left.saturating_sub(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if left == 0 {
            left = sockets.len() * MESSAGE.len();
            if all.send(Instant::now()).is_err() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_ends_when_the_last_has_got_its_message() {
        let took = measure(20, 3).expect("loopback");
        assert!(took > 0.0, "{took}");
    }
}
