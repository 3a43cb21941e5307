//! One small write at a time, synced before it is answered: by one thread, and by two of three.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use aligned_vec::{AVec, ConstAlign};
use mio::{Events, Interest, Poll, Token};
use rustix::fs::OFlags;

use super::sockets::{listener, pair, receive};
use super::{SILENCE_MAX, broke};
use crate::error::Result;
use crate::latency::Latencies;

const PAGE: usize = 4096;
const PAGES: u64 = 4096;
/// A set of 1 KiB; what a follower gets of it; an acknowledgement.
const REQUEST: usize = 1100;
const ENTRY: usize = 1200;
const ACK: usize = 80;
/// Where the leader's acknowledgement of its own log comes from.
const OWN: usize = 0;
const CLIENT: usize = 3;

/// Medians, us: of a write by itself, and for a client of the thread that does it.
pub fn alone(dir: &Path, writes: u32) -> Result<(f64, f64)> {
    let measure = || -> io::Result<(f64, f64)> {
        let mut log = Log::create(dir, "bare-0")?;
        let mut synced = Latencies::new();
        for _ in 0..writes {
            let began = Instant::now();
            log.append()?;
            synced.record(began.elapsed().as_nanos() as u64);
        }
        let (client, server) = pair(&listener()?)?;
        let server = follower(server, log, REQUEST)?;
        let written = ask(client, REQUEST, writes)?;
        ended(server)?;
        Ok((synced.percentile_us(50.0), written))
    };
    measure().map_err(broke(&format!("writing a log in {}", dir.display())))
}

/// Median, us, for a client of the one of three that leads: answered when it and another one have synced.
pub fn replicated(dir: &Path, writes: u32) -> Result<f64> {
    let measure = || -> io::Result<f64> {
        let listener = listener()?;
        let (client, clients) = pair(&listener)?;
        let mut others = vec![clients];
        let mut followers = Vec::new();
        for n in 0..3 {
            let (near, far) = pair(&listener)?;
            followers.push(follower(far, Log::create(dir, &format!("bare-{n}"))?, ENTRY)?);
            others.insert(n, near);
        }
        let leader = thread::Builder::new().name("leader".into()).spawn(move || lead(others))?;
        let took = ask(client, REQUEST, writes)?;
        ended(leader)?;
        followers.into_iter().try_for_each(ended)?;
        Ok(took)
    };
    measure().map_err(broke(&format!("writing three logs in {}", dir.display())))
}

fn ask(mut client: TcpStream, request: usize, writes: u32) -> io::Result<f64> {
    client.set_read_timeout(Some(SILENCE_MAX))?;
    let (message, mut ack) = (vec![1; request], [0; ACK]);
    let mut took = Latencies::new();
    for _ in 0..writes {
        let began = Instant::now();
        client.write_all(&message)?;
        if !receive(&mut client, &mut ack)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        took.record(began.elapsed().as_nanos() as u64);
    }
    Ok(took.percentile_us(50.0))
}

/// A thread that appends for every message, and then says so; until the other end is closed.
fn follower(mut socket: TcpStream, mut log: Log, len: usize) -> io::Result<JoinHandle<io::Result<()>>> {
    thread::Builder::new().name("log".into()).spawn(move || {
        let mut message = vec![0; len];
        while receive(&mut socket, &mut message)? {
            log.append()?;
            match socket.write_all(&[1; ACK]) {
                // The last write was acknowledged by two others.
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                    break;
                }
                outcome => outcome?,
            }
        }
        Ok(())
    })
}

/// Sends each request on to all three logs, its own first, and answers when two have acknowledged it.
fn lead(sockets: Vec<TcpStream>) -> io::Result<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(sockets.len()));
    let mut watched = Vec::new();
    for (id, socket) in sockets.iter().enumerate() {
        let copy = socket.try_clone()?;
        copy.set_nonblocking(true)?;
        let mut copy = mio::net::TcpStream::from_std(copy);
        poll.registry().register(&mut copy, Token(id), Interest::READABLE)?;
        watched.push(copy);
    }
    let (mut request, mut acks, mut writes) = (Received::new(REQUEST), [ACK; 3].map(Received::new), 0);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token().0 {
                CLIENT => match request.read(&watched[CLIENT])? {
                    Some(0) => {}
                    Some(_) => {
                        writes += 1;
                        watched[..CLIENT].iter().try_for_each(|mut log| log.write_all(&[1; ENTRY]))?;
                    }
                    None => return Ok(()),
                },
                id => {
                    let before = acknowledged(&acks);
                    acks[id].read(&watched[id])?;
                    if before < writes && acknowledged(&acks) == writes {
                        (&watched[CLIENT]).write_all(&[1; ACK])?;
                    }
                }
            }
        }
    }
}

/// How many writes the leader's own log and one other have.
fn acknowledged(acks: &[Received; 3]) -> u64 {
    let others = acks[OWN + 1].messages.max(acks[OWN + 2].messages);
    others.min(acks[OWN].messages)
}

/// Counts messages of one length.
struct Received {
    len: usize,
    bytes: usize,
    messages: u64,
}

impl Received {
    fn new(len: usize) -> Self {
        Self { len, bytes: 0, messages: 0 }
    }

    /// Reads all there is: how many messages that makes complete, or none if the other end is closed.
    fn read(&mut self, mut socket: &mio::net::TcpStream) -> io::Result<Option<u64>> {
        use std::io::Read;
        let before = self.messages;
        loop {
            match socket.read(&mut [0; 4096]) {
                Ok(0) => return Ok(None),
                Ok(len) => self.bytes += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.messages += (self.bytes / self.len) as u64;
        self.bytes %= self.len;
        Ok(Some(self.messages - before))
    }
}

fn ended(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().map_err(|_| io::Error::other("a thread has failed"))?
}

/// A file that is there in full, written a page at a time; removed in the end.
struct Log {
    file: File,
    path: PathBuf,
    page: AVec<u8, ConstAlign<PAGE>>,
    next: u64,
}

impl Log {
    fn create(dir: &Path, name: &str) -> io::Result<Self> {
        let path = dir.join(format!("menagerie-{name}-{}", std::process::id()));
        let file = File::create_new(&path)?;
        for n in 0..PAGES {
            file.write_all_at(&[0; PAGE], n * PAGE as u64)?;
        }
        file.sync_all()?;
        let open =
            |flags: OFlags| OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(&path);
        // Not every file system can do without its cache.
        let file = open(OFlags::DIRECT).or_else(|_| open(OFlags::empty()))?;
        let mut page = AVec::new(PAGE);
        page.resize(PAGE, 7);
        Ok(Self { file, path, page, next: 0 })
    }

    fn append(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.page, self.next % PAGES * PAGE as u64)?;
        self.next += 1;
        self.file.sync_data()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // What cannot be removed is a file too many, and the figures are right.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_for_a_client_takes_longer_than_none_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let (sync, write) = alone(dir.path(), 10).expect("a log");
        let replicated = replicated(dir.path(), 10).expect("three logs");
        assert!(sync > 0.0 && write > 0.0 && replicated > 0.0, "{sync} {write} {replicated}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 0);
    }
}
