//! Tries to read a znode until that succeeds: how long a server takes to start.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use menagerie_jute::{PathWatchRequest, Reader, ReplyHeader, RequestHeader, frame};
use menagerie_types::OpCode;
use serde::Serialize;

use crate::cli::ProbeArgs;
use crate::error::{BenchError, Result};
use crate::faults::Faults;
use crate::report::Report;
use crate::target::Target;
use crate::wire::{connect_request, timeout_of};

/// Between attempts. A server that is not there refuses at once.
const PAUSE: Duration = Duration::from_millis(2);
const REPLY_LEN_MAX: usize = 16 << 20;

/// `menagerie bench probe`.
pub fn run(args: &ProbeArgs) -> Result<Report> {
    let target = Target::new(&args.target)?;
    let mut progress = target.progress();
    let began = Instant::now();
    let mut report = ProbeReport {
        label: args.target.label.clone(),
        workload: "probe",
        path: args.path.clone(),
        attempts: 0,
        unanswered: 0,
        waited_ms: 0.0,
        served_epoch_ms: 0.0,
        faults: Faults::default(),
    };
    let within = Duration::from_secs_f64(args.within);
    for address in target.addresses.iter().cycle() {
        report.attempts += 1;
        let problem = match attempt(*address, args) {
            Ok(()) => break,
            Err(problem) => problem,
        };
        report.unanswered += u64::from(matches!(problem.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        if began.elapsed() > within {
            return Err(BenchError::setup(format!("reading {}", args.path), problem));
        }
        if progress.is_due() {
            progress.show(&format!("{} attempts, the last: {problem}", report.attempts));
        }
        std::thread::sleep(PAUSE);
    }
    drop(progress);
    report.waited_ms = began.elapsed().as_secs_f64() * 1e3;
    report.served_epoch_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3;
    let text = format!(
        "probe       {} read after {:.0} ms, {} attempts, {} without an answer\n",
        report.path, report.waited_ms, report.attempts, report.unanswered
    );
    Report::new(&report, vec![("waited ms", report.waited_ms)], text, &report.faults)
}

fn attempt(address: SocketAddr, args: &ProbeArgs) -> std::io::Result<()> {
    let within = Duration::from_millis(u64::from(args.attempt_ms));
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_read_timeout(Some(within))?;
    stream.write_all(&connect_request(args.target.timeout_ms))?;
    timeout_of(&read_frame(&mut stream)?).map_err(std::io::Error::other)?;
    request(&mut stream, OpCode::GetData, |out| {
        PathWatchRequest { path: &args.path, watch: false }.encode(out)
    })?;
    request(&mut stream, OpCode::CloseSession, |_| {})
}

fn request(stream: &mut TcpStream, op: OpCode, body: impl FnOnce(&mut BytesMut)) -> std::io::Result<()> {
    let mut out = BytesMut::new();
    let mark = frame::begin(&mut out);
    RequestHeader { xid: 1, op: op.code() }.encode(&mut out);
    body(&mut out);
    frame::end(&mut out, mark);
    stream.write_all(&out)?;
    let reply = read_frame(stream)?;
    let header = ReplyHeader::decode(&mut Reader::new(&reply)).map_err(std::io::Error::other)?;
    match header.err {
        0 => Ok(()),
        err => Err(std::io::Error::other(crate::target::describe(err))),
    }
}

fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; frame::PREFIX_LEN];
    stream.read_exact(&mut prefix)?;
    let whole = frame::whole_len(&prefix, REPLY_LEN_MAX).map_err(std::io::Error::other)?;
    let mut payload = vec![0; whole.unwrap_or(frame::PREFIX_LEN) - frame::PREFIX_LEN];
    stream.read_exact(&mut payload)?;
    Ok(payload)
}

#[derive(Clone, Debug, Serialize)]
struct ProbeReport {
    label: String,
    workload: &'static str,
    path: String,
    attempts: u64,
    /// Connections that were accepted and left without an answer for the whole attempt.
    unanswered: u64,
    waited_ms: f64,
    /// When it succeeded, in ms since 1970.
    served_epoch_ms: f64,
    #[serde(flatten)]
    faults: Faults,
}
