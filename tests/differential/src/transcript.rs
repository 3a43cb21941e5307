//! What a server said, and how it is made comparable: two servers number, time and name things differently.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock of another process on this machine may be this far off.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// A piece of an item.
#[derive(Clone, Debug)]
pub enum Token {
    /// Comparable as it is.
    Text(String),
    /// The zxid of a successful write: the others are told by their place among these.
    Write(i64),
    /// The zxid of any other reply: which write it comes after.
    Header(i64),
    /// A zxid that must be one of a write: in a Stat or an event.
    Exact(i64),
    /// The time in a Stat, and the zxid that it goes with.
    Time(i64, i64),
    /// A session id.
    Session(i64),
}

/// One thing that happened on a connection.
#[derive(Clone, Debug)]
pub struct Item {
    /// When: the number of the step.
    pub step: usize,
    /// To which client; [`OBSERVER`] for the look at everything afterwards.
    pub client: usize,
    /// What.
    pub tokens: Vec<Token>,
    /// The zxid, if this is an event.
    pub event: Option<i64>,
}

/// Who looks at what is left.
pub const OBSERVER: usize = usize::MAX;

/// All that happened in a case on one server.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// In the order in which it was read.
    pub items: Vec<Item>,
    /// Sessions by id, in the order in which they were opened.
    pub sessions: Vec<i64>,
    /// The zxids of writes that ended sessions: what they delete has no order.
    pub closes: BTreeSet<i64>,
}

/// A comparable item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As in [`Item`].
    pub step: usize,
    /// As in [`Item`].
    pub client: usize,
    /// What.
    pub text: String,
}

impl Transcript {
    /// The comparable form; `own` is the case's own znode, which becomes `$`.
    pub fn lines(mut self, own: &str) -> Vec<Line> {
        let scale = Scale::new(&self, own);
        let mut lines: Vec<_> = self.items.iter().map(|item| scale.line(item)).collect();
        self.sort_closes(&mut lines);
        lines
    }

    // Sorts neighbouring events of one session's end, of which ZooKeeper takes the ephemerals from a hash set.
    fn sort_closes(&mut self, lines: &mut [Line]) {
        let mut start = 0;
        while start < lines.len() {
            let key = self.close_of(start);
            let mut end = start + 1;
            while key.is_some() && end < lines.len() && self.close_of(end) == key {
                end += 1;
            }
            lines[start..end].sort_by(|a, b| a.text.cmp(&b.text));
            start = end;
        }
    }

    fn close_of(&self, at: usize) -> Option<(usize, i64)> {
        let item = &self.items[at];
        item.event.filter(|zxid| self.closes.contains(zxid)).map(|zxid| (item.client, zxid))
    }
}

// What zxids, times and sessions are measured by.
struct Scale<'a> {
    writes: Vec<i64>,
    times: BTreeMap<i64, i64>,
    sessions: &'a [i64],
    own: &'a str,
    now_ms: i64,
}

impl<'a> Scale<'a> {
    fn new(transcript: &'a Transcript, own: &'a str) -> Self {
        let tokens = || transcript.items.iter().flat_map(|item| &item.tokens);
        let writes: BTreeSet<_> = tokens()
            .filter_map(|token| match token {
                Token::Write(zxid) => Some(*zxid),
                _ => None,
            })
            .collect();
        let mut times = BTreeMap::new();
        for token in tokens() {
            if let Token::Time(zxid, ms) = token {
                times.entry(*zxid).or_insert(*ms);
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        Self { writes: writes.into_iter().collect(), times, sessions: &transcript.sessions, own, now_ms }
    }

    fn line(&self, item: &Item) -> Line {
        let text = item.tokens.iter().map(|token| self.text(token)).collect();
        Line { step: item.step, client: item.client, text }
    }

    fn text(&self, token: &Token) -> String {
        match token {
            // Names of children come without the slash.
            Token::Text(text) => text.replace(self.own, "$").replace(&self.own[1..], "$"),
            Token::Write(zxid) | Token::Exact(zxid) => self.exact(*zxid),
            Token::Header(zxid) if *zxid <= 0 => zxid.to_string(),
            Token::Header(zxid) => match self.before(*zxid) {
                0 => "@old".to_owned(),
                count => format!("@{}", count - 1),
            },
            Token::Time(zxid, ms) => self.time(*zxid, *ms),
            Token::Session(0) => "0".to_owned(),
            Token::Session(id) => match self.sessions.iter().position(|known| known == id) {
                Some(at) => format!("s{at}"),
                None => format!("session {id:#x}"),
            },
        }
    }

    // How many of the writes are not later.
    fn before(&self, zxid: i64) -> usize {
        self.writes.partition_point(|write| *write <= zxid)
    }

    fn exact(&self, zxid: i64) -> String {
        if zxid <= 0 {
            return zxid.to_string();
        }
        match self.before(zxid) {
            0 => "old".to_owned(),
            count if self.writes[count - 1] == zxid => format!("z{}", count - 1),
            count => format!("z{}+", count - 1),
        }
    }

    // A write has one time, later writes have no earlier ones, and it is about now.
    fn time(&self, zxid: i64, ms: i64) -> String {
        if self.before(zxid) == 0 {
            return if ms == 0 { "0" } else { "old" }.to_owned();
        }
        let earlier = self.times.range(..zxid).next_back().map_or(0, |(_, ms)| *ms);
        if self.times.get(&zxid) != Some(&ms) {
            return "another time".to_owned();
        }
        if ms < earlier {
            return "earlier".to_owned();
        }
        if (ms - self.now_ms).abs() > CLOCK_TOLERANCE_MS {
            return "not now".to_owned();
        }
        "t".to_owned()
    }
}
