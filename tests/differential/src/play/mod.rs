//! Plays a case to one server and writes down what it says.

mod client;
mod observer;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use menagerie_types::OpCode;

use crate::case::{Action, CLIENTS, Case, Connect, Damage, Request};
use crate::transcript::{Item, Token, Transcript};
use client::Client;
pub use client::Session;
pub use observer::Observer;

/// A case as it is played to one server.
pub struct Play<'a> {
    addr: SocketAddr,
    own: &'a str,
    step: usize,
    transcript: Transcript,
    // The highest in any reply so far.
    zxid_max: i64,
    // Those that a client has left for another.
    left: Vec<(usize, Session)>,
    sessions: HashMap<i64, usize>,
}

impl<'a> Play<'a> {
    /// Plays `case` below `own`, which the observer has made, and looks at what is left.
    pub async fn case(case: &Case, own: &'a str, observer: &mut Observer) -> anyhow::Result<Transcript> {
        let mut play = Self {
            addr: observer.addr(),
            own,
            step: 0,
            transcript: Transcript::default(),
            zxid_max: 0,
            left: Vec::new(),
            sessions: HashMap::new(),
        };
        observer.begin(&mut play).await?;
        let mut clients: Vec<_> = (0..CLIENTS).map(Client::new).collect();
        for (at, step) in case.steps.iter().enumerate() {
            play.step = at + 1;
            let client = &mut clients[step.client % CLIENTS];
            play.act(client, &step.action).await?;
        }
        play.step = case.steps.len() + 1;
        play.end(&mut clients).await?;
        observer.end(&mut play).await?;
        Ok(play.transcript)
    }

    async fn act(&mut self, client: &mut Client, action: &Action) -> io::Result<()> {
        match action {
            Action::Send(requests) => self.send(client, requests).await,
            Action::Connect(how) => self.connect(client, *how).await,
            Action::Drop => {
                self.barrier(client).await;
                client.drop_connection();
                Ok(())
            }
            Action::Rejoin(request) => {
                self.barrier(client).await;
                client.drop_connection();
                self.send(client, std::slice::from_ref(request)).await
            }
            Action::Frame(len, payload) => {
                self.ready(client).await?;
                client.frame(self, *len, payload).await;
                Ok(())
            }
        }
    }

    // Requests that are answered out of turn, or that may end the connection, get a write of their own: what becomes
    // of others behind them in the same write is a race in ZooKeeper.
    async fn send(&mut self, client: &mut Client, requests: &[Request]) -> io::Result<()> {
        self.ready(client).await?;
        for requests in requests.chunk_by(|a, b| !stands_alone(a) && !stands_alone(b)) {
            if requests[0].op == OpCode::SetWatches2.code() {
                self.barrier(client).await;
            }
            if !client.is_connected() {
                return Ok(());
            }
            client.exchange(self, requests).await;
        }
        Ok(())
    }

    async fn ready(&mut self, client: &mut Client) -> io::Result<()> {
        if client.is_connected() {
            return Ok(());
        }
        let new = Connect::New { timeout_ms: 30_000, read_only: Some(false) };
        let how = if client.session().is_some() { Connect::Attach } else { new };
        client.connect(self, how).await
    }

    async fn connect(&mut self, client: &mut Client, how: Connect) -> io::Result<()> {
        self.barrier(client).await;
        // ZooKeeper ends the session's connection before it looks at the password.
        if matches!(how, Connect::WrongPassword | Connect::OddPassword(_)) {
            client.drop_connection();
        }
        client.connect(self, how).await
    }

    // Reads what is under way to the client.
    async fn barrier(&mut self, client: &mut Client) {
        if client.is_connected() {
            client.barrier(self).await;
        }
    }

    // Ends all sessions, so that their ephemerals go.
    async fn end(&mut self, clients: &mut [Client]) -> io::Result<()> {
        for client in &mut *clients {
            self.barrier(client).await;
        }
        for (index, session) in std::mem::take(&mut self.left) {
            let mut client = Client::of(index, session);
            self.close(&mut client).await?;
        }
        for client in clients {
            self.close(client).await?;
        }
        Ok(())
    }

    async fn close(&mut self, client: &mut Client) -> io::Result<()> {
        if client.session().is_none() {
            return Ok(());
        }
        let close = Request::new(OpCode::CloseSession.code(), crate::case::Body::Empty);
        self.send(client, std::slice::from_ref(&close)).await
    }

    fn record(&mut self, client: usize, tokens: Vec<Token>) {
        self.transcript.items.push(Item { step: self.step, client, tokens, event: None });
    }

    fn record_event(&mut self, client: usize, tokens: Vec<Token>, zxid: i64) {
        self.transcript.items.push(Item { step: self.step, client, tokens, event: Some(zxid) });
    }

    fn record_text(&mut self, client: usize, text: &str) {
        self.record(client, vec![Token::Text(text.to_owned())]);
    }

    // True if the zxid is later than all before it.
    fn saw(&mut self, zxid: i64) -> bool {
        let fresh = zxid > self.zxid_max;
        self.zxid_max = self.zxid_max.max(zxid);
        fresh
    }

    fn opened(&mut self, id: i64) {
        let next = self.sessions.len();
        if *self.sessions.entry(id).or_insert(next) == next {
            self.transcript.sessions.push(id);
        }
    }
}

// setACL too: until it is applied, ZooKeeper checks what follows against the ACL before.
fn stands_alone(request: &Request) -> bool {
    // ZooKeeper may close the connection at sight of the length.
    if matches!(request.damage, Damage::Pad(_)) {
        return true;
    }
    use OpCode::{Auth, Check, CloseSession, Sasl, SetAcl, SetWatches2};
    match OpCode::from_code(request.op) {
        Some(Auth | Sasl | CloseSession | Check | SetAcl | SetWatches2) => true,
        Some(_) => request.op >= 1000,
        None => true,
    }
}
