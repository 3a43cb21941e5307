//! A client as programs have them: it comes back with its session after every lost connection, sets its watches again,
//! and begins a new session only when told that the old one has expired. It writes down all it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use menagerie_client::{Client, ClientError, ConnectOptions, PendingReply, Reply, WatchEvent};
use menagerie_jute::SetWatches;
use menagerie_types::ErrorCode;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::request::{Answer, Request};
use crate::history::{Line, Operation, Outcome};

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(50);

/// What became of one request.
#[derive(Clone, Debug)]
pub struct Done {
    /// When it was sent.
    pub call: u64,
    /// When the answer was there.
    pub ret: u64,
    /// The answer; nothing if it was lost.
    pub answer: Option<Answer>,
}

impl Done {
    /// The answer, if it is good.
    pub fn good(&self) -> Option<&Answer> {
        self.answer.as_ref().filter(|answer| answer.code == 0)
    }

    /// What is known.
    pub fn outcome(&self) -> Outcome {
        match &self.answer {
            None => Outcome::Unknown,
            Some(answer) if answer.code == 0 => Outcome::Ok,
            // Codes that say that the server does not know, either.
            Some(answer)
                if [ErrorCode::ConnectionLoss.code(), ErrorCode::OperationTimeout.code()]
                    .contains(&answer.code) =>
            {
                Outcome::Unknown
            }
            Some(_) => Outcome::Refused,
        }
    }
}

/// See the module.
pub struct Session {
    /// The run that it is part of.
    pub shared: Arc<Shared>,
    /// Its number among all clients.
    pub number: usize,
    work: &'static str,
    timeout: Duration,
    client: Option<Client>,
    /// Znodes whose data is watched, and the place of the answer that said so among all that came.
    watched: BTreeMap<String, u64>,
    /// When the last request was sent that was answered.
    heard: u64,
    /// Events that nobody has looked at yet.
    events: Vec<WatchEvent>,
}

impl Session {
    /// A client that connects when it is first used.
    pub fn new(shared: Arc<Shared>, number: usize, work: &'static str, timeout: Duration) -> Self {
        Self {
            shared,
            number,
            work,
            timeout,
            client: None,
            watched: BTreeMap::new(),
            heard: 0,
            events: Vec::new(),
        }
    }

    /// The session's id, as it is written down; 0 before there is one.
    pub fn id(&self) -> String {
        self.client.as_ref().map_or_else(|| "0x0".to_owned(), |client| client.session().id.to_string())
    }

    /// The client, connected; nothing when the run ends first.
    pub async fn connected(&mut self) -> Option<&Client> {
        while !self.is_connected().await {
            if self.shared.is_stopping() {
                return None;
            }
            if !self.try_connect().await {
                sleep(RETRY).await;
            }
        }
        self.client.as_ref()
    }

    async fn is_connected(&self) -> bool {
        match &self.client {
            None => false,
            Some(client) => timeout(Duration::ZERO, client.disconnected()).await.is_err(),
        }
    }

    async fn try_connect(&mut self) -> bool {
        let call = self.shared.history.now();
        if let Some(client) = &self.client {
            match client.reconnect().await {
                Ok(()) => {
                    self.heard = call;
                    self.tell("resumed");
                    return self.watch_again().await;
                }
                Err(ClientError::SessionExpired) => {
                    self.take_events().await;
                    self.tell("expired");
                    self.forget();
                }
                Err(_) => {}
            }
            return false;
        }
        let options = ConnectOptions {
            session_timeout: self.timeout,
            connect_timeout: CONNECT_WITHIN,
            ..ConnectOptions::default()
        };
        let Ok(client) = Client::connect_with(&self.shared.hosts_for(self.number), options).await else {
            return false;
        };
        self.client = Some(client);
        self.heard = call;
        self.tell("opened");
        true
    }

    /// As every client library does after it has reconnected.
    async fn watch_again(&self) -> bool {
        let Some(client) = self.client.as_ref().filter(|_| !self.watched.is_empty()) else { return true };
        let data = self.watched.keys().map(String::as_str).collect();
        let relative_zxid = client.session().last_zxid;
        let request = SetWatches { relative_zxid, data, exist: Vec::new(), child: Vec::new() };
        client.set_watches(&request).await.is_ok()
    }

    /// Sends requests one behind the other without waiting for answers, then waits for all. What could not be sent any
    /// more is missing at the end.
    pub async fn batch(&mut self, requests: &[Request]) -> Vec<Done> {
        let shared = Arc::clone(&self.shared);
        let Some(client) = self.connected().await else { return Vec::new() };
        let mut pending: Vec<(u64, PendingReply)> = Vec::new();
        for request in requests {
            let call = shared.history.now();
            match request.send(client).await {
                Ok(reply) => pending.push((call, reply)),
                Err(_) => break,
            }
        }
        let mut done = Vec::new();
        for (request, (call, reply)) in requests.iter().zip(pending) {
            let reply = reply.await;
            let ret = shared.history.now();
            done.push(Done { call, ret, answer: self.read(request, reply) });
        }
        self.after(requests, &done).await;
        done
    }

    fn read(&self, request: &Request, reply: Result<Reply, ClientError>) -> Option<Answer> {
        let wrong = match reply {
            Ok(reply) => match request.answer(&reply) {
                Ok(answer) => return Some(answer),
                Err(error) => format!("an answer to {} that does not decode: {error}", request.op()),
            },
            Err(ClientError::Protocol(what)) => format!("the protocol is broken: {what}"),
            Err(_) => return None,
        };
        self.shared.violation(format!("client {}: {wrong}", self.number));
        None
    }

    /// One request, written down.
    pub async fn one(&mut self, request: Request) -> Option<Done> {
        let done = self.batch(std::slice::from_ref(&request)).await.pop()?;
        self.record(&request, &done, false);
        Some(done)
    }

    /// Reads what everybody has written by now: a sync and a read, written down as one operation. Nothing if either
    /// was not answered.
    pub async fn synced(&mut self, read: Request) -> Option<Done> {
        let requests = [Request::Sync(read.path().to_owned()), read];
        let [sync, got]: [Done; 2] = self.batch(&requests).await.try_into().ok()?;
        sync.good()?;
        let done = Done { call: sync.call, ..got };
        if done.answer.is_some() {
            self.record(&requests[1], &done, true);
        }
        Some(done)
    }

    /// Writes an operation down.
    pub fn record(&self, request: &Request, done: &Done, synced: bool) {
        let answer = done.answer.as_ref();
        let stat = answer.and_then(|answer| answer.stat);
        self.shared.history.write(&Line::Op(Operation {
            client: self.number,
            work: self.work,
            session: self.id(),
            op: request.op(),
            path: request.path().to_owned(),
            call: done.call,
            ret: answer.map(|_| done.ret),
            outcome: done.outcome(),
            code: answer.map(|answer| answer.code).filter(|code| *code != 0),
            value: request.value().map(str::to_owned),
            expect: request.expect(),
            synced,
            watch: request.watches(),
            arrival: answer.map(|answer| answer.arrival),
            zxid: answer.map(|answer| answer.zxid),
            got: answer.and_then(|answer| answer.got.clone()),
            name: answer.and_then(|answer| answer.name.clone()),
            version: stat.map(|stat| stat.version),
            mzxid: stat.map(|stat| stat.mzxid.0),
            czxid: stat.map(|stat| stat.czxid.0),
        }));
    }

    async fn after(&mut self, requests: &[Request], done: &[Done]) {
        for (request, done) in requests.iter().zip(done) {
            let Some(answer) = &done.answer else { continue };
            self.heard = self.heard.max(done.call);
            self.shared.progress(self.number, request, done);
            if request.watches() && answer.code == 0 {
                self.watched.insert(request.path().to_owned(), answer.arrival);
            }
        }
        self.take_events().await;
        if !self.is_connected().await && self.client.is_some() {
            self.tell("lost");
        }
    }

    /// Waits for a watch event for so long.
    pub async fn wait_event(&mut self, within: Duration) {
        if !self.events.is_empty() || self.connected().await.is_none() {
            return;
        }
        let Some(client) = &self.client else { return };
        let event = tokio::select! {
            event = client.next_event() => event,
            _ = client.disconnected() => None,
            () = sleep(within) => None,
        };
        if let Some(event) = event {
            self.take(event);
        }
        self.take_events().await;
    }

    /// The events that have come since the last call.
    pub fn events(&mut self) -> Vec<WatchEvent> {
        std::mem::take(&mut self.events)
    }

    async fn take_events(&mut self) {
        while let Some(client) = &self.client {
            match client.try_event().await {
                Some(event) => self.take(event),
                None => return,
            }
        }
    }

    /// Its watch is no more, unless it was set again behind it.
    fn take(&mut self, event: WatchEvent) {
        self.note(&event);
        if self.watched.get(&event.path).is_some_and(|set| *set < event.arrival) {
            self.watched.remove(&event.path);
        }
        self.events.push(event);
    }

    fn note(&self, event: &WatchEvent) {
        self.shared.history.write(&Line::Event {
            client: self.number,
            session: self.id(),
            kind: format!("{:?}", event.event_type),
            path: event.path.clone(),
            arrival: event.arrival,
            at: self.shared.history.now(),
        });
    }

    /// Waits until the connection is lost, or for so long; true if it was lost.
    pub async fn lost_within(&self, within: Duration) -> bool {
        match &self.client {
            Some(client) => timeout(within, client.disconnected()).await.is_ok(),
            None => true,
        }
    }

    /// Until when a client may believe that its session lives: it must hear something within two thirds of the timeout.
    pub fn valid_until(&self) -> u64 {
        self.client.as_ref().map_or(0, |client| {
            self.shared.history.at(client.last_heard() + client.session().timeout * 2 / 3)
        })
    }

    /// Ends the session, if there is one.
    pub async fn close(&mut self) {
        if self.client.is_none() {
            return;
        }
        self.take_events().await;
        let id = self.id();
        let Some(client) = self.client.take() else { return };
        let timeout_ms = millis(client.session().timeout);
        let what = match client.close().await {
            Ok(()) => "closed",
            Err(_) => "closing",
        };
        self.tell_of(id, timeout_ms, what);
        self.forget();
    }

    /// Goes without a word, as a program that crashes.
    pub async fn leave(&mut self) {
        self.take_events().await;
        if self.client.is_some() {
            self.tell("left");
            self.forget();
        }
    }

    /// Loses the connection on purpose for a while, and the session with it if that is too long.
    pub async fn stay_away(&self, time: Duration) {
        if let Some(client) = &self.client {
            self.tell("away");
            self.shared.excuse(self.number);
            client.disconnect();
            sleep(time).await;
        }
    }

    fn forget(&mut self) {
        self.client = None;
        self.watched.clear();
        self.events.clear();
    }

    fn tell(&self, what: &'static str) {
        let timeout = self.client.as_ref().map_or(Duration::ZERO, |client| client.session().timeout);
        self.tell_of(self.id(), millis(timeout), what);
    }

    fn tell_of(&self, session: String, timeout_ms: u64, what: &'static str) {
        let (client, heard, at) = (self.number, self.heard, self.shared.history.now());
        self.shared.history.write(&Line::Session { client, session, what, at, heard, timeout_ms });
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
