//! Four-letter words: what they need to know of all workers and of other components is gathered, then answered.

use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use menagerie_jute::four_letter::FourLetterWord;
use menagerie_jute::{Reader, write};
use menagerie_types::{OpCode, SessionId, WatchKind, WatchKinds};
use tokio::sync::oneshot;

use super::Worker;
use super::conn::{Conn, ConnToken, Peer, Phase};
use super::core::Core;
use crate::api::ApiCall;
use crate::four_letter::{self, ConnectionLine, Gathered, SessionLine};

/// Questions that may wait for one worker.
pub const QUESTIONS_MAX: usize = 64;
/// How long an answer waits for others.
const DEADLINE: Duration = Duration::from_millis(300);
/// Watches that ZooKeeper keeps in its table of data watches.
const DATA_WATCHES: WatchKinds = WatchKinds(
    WatchKind::Data as u8
        | WatchKind::Exist as u8
        | WatchKind::Persistent as u8
        | WatchKind::PersistentRecursive as u8,
);
/// Where the ensemble is listed.
const CONFIG_PATH: &str = "/zookeeper/config";

/// What a worker is to tell, besides how much it has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Nothing else.
    Counts,
    /// Its connections.
    Connections,
    /// Its connections' data watches.
    Watches,
    /// Its connections and their sessions' ephemerals.
    Sessions,
    /// Nothing else; it is to count anew.
    Reset,
}

/// A question of another worker's.
#[derive(Debug)]
pub struct Asked {
    question: Question,
    answer: oneshot::Sender<Part>,
}

/// What one worker tells.
#[derive(Debug, Default)]
pub struct Part {
    /// Requests not answered.
    pub outstanding: usize,
    /// Watches, counted once for each connection.
    pub watch_count: usize,
    /// Sessions that only this worker knows.
    pub local_sessions: usize,
    /// One for each connection.
    pub connections: Vec<ConnectionLine>,
    /// One for each connection and path.
    pub watches: Vec<(SessionId, Box<str>)>,
    /// Of the sessions of its connections.
    pub ephemerals: Vec<(SessionId, Vec<String>)>,
}

/// What is remembered of a connection for whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct Noted {
    op: Option<OpCode>,
    xid: i32,
    responded: Instant,
    /// Of writes, in microseconds, an hour at most: last, least, most.
    latency_us: [u32; 3],
    /// Their sum.
    sum_us: u64,
    answered: u64,
}

impl Noted {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self { op: None, xid: -1, responded: now, latency_us: [0, u32::MAX, 0], sum_us: 0, answered: 0 }
    }

    /// A request was taken.
    pub fn asked(&mut self, op: Option<OpCode>, xid: i32) {
        (self.op, self.xid) = (op, xid);
    }

    /// A write was answered after `latency`.
    pub fn answered(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        let [_, least, most] = self.latency_us;
        self.latency_us = [micros, least.min(micros), most.max(micros)];
        self.sum_us += u64::from(micros);
        self.answered += 1;
    }

    /// Something was sent.
    pub fn responded(&mut self, now: Instant) {
        self.responded = now;
    }

    fn latency_ms(&self) -> [u64; 4] {
        let [last, least, most] = self.latency_us.map(u64::from);
        let least = if self.answered == 0 { 0 } else { least };
        [last, least, self.sum_us / self.answered.max(1), most].map(|micros| micros / 1000)
    }
}

impl Core {
    /// Writes the answer to a word; the connection ends behind it.
    pub fn say(&mut self, conn: &mut Conn, text: &str) {
        conn.output.extend_from_slice(text.as_bytes());
        conn.drain();
        self.mark_dirty(conn);
    }

    /// `rw`, `ro`, or `null` when nobody is served.
    pub fn access(&self) -> &'static str {
        match (self.read_only.is_on(), self.is_serving()) {
            (true, _) => "ro",
            (false, true) => "rw",
            (false, false) => "null",
        }
    }

    fn part(&mut self, question: Question) -> Part {
        let outstanding = self.outstanding.len() + self.pending_reads.len() + self.syncs.len();
        let mut part = Part { outstanding, local_sessions: self.read_only.sessions(), ..Part::default() };
        let (now, zxid, began) = (self.now, self.zxid, self.stats.began());
        for conn in self.conns.iter_mut() {
            part.watch_count += conn.watches.len();
            match question {
                Question::Counts => {}
                Question::Reset => {
                    (conn.received, conn.sent) = (0, 0);
                    conn.noted = Noted::new(conn.noted.responded);
                }
                Question::Watches => {
                    let session = conn.session;
                    let (token, watchers) = (conn.token, &self.watchers);
                    let data = |path: &&std::rc::Rc<str>| {
                        !watchers.kinds(token, path).intersect(DATA_WATCHES).is_empty()
                    };
                    let paths = conn.watches.iter().filter(data);
                    part.watches.extend(paths.map(|path| (session, Box::from(&**path))));
                }
                Question::Connections | Question::Sessions => {
                    part.connections.extend(line(conn, (now, began), zxid));
                }
            }
        }
        part
    }
}

fn line(
    conn: &Conn,
    (now, began): (Instant, Instant),
    zxid: menagerie_types::Zxid,
) -> Option<ConnectionLine> {
    let Peer::Socket(address) = conn.peer else { return None };
    let established = SystemTime::now() - now.saturating_duration_since(conn.accepted);
    let session = (conn.phase == Phase::Open).then(|| SessionLine {
        id: conn.session,
        timeout_ms: conn.timeout_ms,
        operation: four_letter::operation(conn.noted.op),
        xid: conn.noted.xid,
        zxid,
        established: established.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        responded: conn.noted.responded.saturating_duration_since(began),
        latency_ms: conn.noted.latency_ms(),
    });
    let (queued, received, sent) = (conn.writes + conn.reads, conn.received, conn.sent);
    Some(ConnectionLine { address, queued, received, sent, session })
}

impl Worker {
    /// Answers words that ask others, as of now if those answer soon.
    pub async fn answer_words(self) {
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        loop {
            signals.words.notified().await;
            for (token, word) in self.with_core(|core| std::mem::take(&mut core.words)) {
                self.answer_word(token, word).await;
            }
        }
    }

    async fn answer_word(&self, token: ConnToken, word: FourLetterWord) {
        let refreshed = tokio::time::timeout(DEADLINE, self.shared.refresh_facts());
        let (_, gathered) = tokio::join!(refreshed, self.gather(word));
        self.with_core(|core| {
            let text = four_letter::answer(core, &self.shared, word, &gathered);
            core.with_conn(token, |core, conn| core.say(conn, &text));
        });
        self.flush();
    }

    async fn gather(&self, word: FourLetterWord) -> Gathered {
        use FourLetterWord::*;
        let question = match word {
            Stat | Cons => Question::Connections,
            Wchs | Wchc | Wchp => Question::Watches,
            Dump => Question::Sessions,
            Crst => Question::Reset,
            _ => Question::Counts,
        };
        let mut gathered = Gathered { parts: self.ask_all(question).await, ..Gathered::default() };
        if matches!(word, Conf | Dirs) {
            let about = self.shared.options.about.clone();
            gathered.sizes = tokio::task::spawn_blocking(move || about.sizes()).await.unwrap_or_default();
        }
        if word == Conf && self.shared.options.about.quorum.is_some() {
            gathered.config = self.config().await;
        }
        if word == Mntr {
            gathered.synced = self.shared.synced(DEADLINE).await;
        }
        gathered
    }

    async fn ask_all(&self, question: Question) -> Vec<Part> {
        let asked = self.workers.iter().filter_map(|worker| {
            let (answer, answered) = oneshot::channel();
            worker.try_send(Asked { question, answer }).ok()?;
            Some(tokio::time::timeout(DEADLINE, answered))
        });
        let parts = futures::future::join_all(asked).await;
        parts.into_iter().flatten().flatten().collect()
    }

    /// Answers another worker.
    pub async fn answer_question(self, asked: Asked) {
        let mut part = self.with_core(|core| core.part(asked.question));
        if asked.question == Question::Sessions {
            for line in part.connections.iter().filter_map(|line| line.session.as_ref()) {
                part.ephemerals.push((line.id, self.ephemerals(line.id).await));
            }
        }
        let _ = asked.answer.send(part);
    }

    async fn ephemerals(&self, session: SessionId) -> Vec<String> {
        let body = self.read(session, OpCode::GetEphemerals, "/").await.unwrap_or_default();
        let paths = Reader::new(&body).string_vec().ok().flatten();
        paths.into_iter().flatten().map(|path| path.to_owned()).collect()
    }

    async fn config(&self) -> String {
        let body = self.read(SessionId::NONE, OpCode::GetData, CONFIG_PATH).await.unwrap_or_default();
        let data = Reader::new(&body).buffer().ok().flatten().unwrap_or_default();
        String::from_utf8_lossy(data).into_owned()
    }

    /// A read on the gateway's own behalf, without a watch.
    async fn read(&self, session: SessionId, op: OpCode, path: &str) -> Option<Bytes> {
        let mut body = BytesMut::new();
        write::string(&mut body, Some(path));
        if op == OpCode::GetData {
            write::bool(&mut body, false);
        }
        let (reply, replied) = oneshot::channel();
        self.with_core(|core| core.call(ApiCall::Execute { session, op, body: body.freeze(), reply }));
        let reply = tokio::time::timeout(DEADLINE, replied).await.ok()?.ok()?;
        (reply.err == 0).then_some(reply.body)
    }
}
