//! One connection of a client: the handshake, and the tasks that move bytes between socket and pipe.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use menagerie_jute::{Reader, WatcherEvent, xid};
use menagerie_types::{EventType, Zxid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::client::Inbox;
use crate::pipe::{Pipe, Reply};
use crate::raw::{next_frame, split_reply};
use crate::{ClientError, ConnectOptions, RawConnection, Session, WatchEvent};

/// A connection with a session. Dropping it closes the socket and fails what is in flight; the session stays.
pub(crate) struct Link {
    pub(crate) pipe: Arc<Pipe>,
    pub(crate) session: Session,
    tasks: [JoinHandle<()>; 2],
}

impl Link {
    /// Connects to `host` and asks for `session`.
    pub(crate) async fn open(
        host: &str,
        session: &Session,
        options: &ConnectOptions,
        inbox: Inbox,
    ) -> Result<Self, ClientError> {
        let mut connection = RawConnection::connect(host).await?.with_frame_len_max(options.frame_len_max);
        let response = connection.handshake(&options.request(session)).await?;
        if response.timeout_ms <= 0 {
            return Err(ClientError::SessionExpired);
        }
        let session = Session {
            id: response.session_id,
            password: response.password,
            last_zxid: session.last_zxid,
            timeout: Duration::from_millis(u64::from(response.timeout_ms.unsigned_abs())),
        };
        let pipe = Arc::new(Pipe::new(options.in_flight_max, session.last_zxid));
        let (stream, input) = connection.into_parts();
        let (read_half, write_half) = stream.into_split();
        let timeout = options.pings.then_some(session.timeout);
        let incoming =
            Incoming { pipe: pipe.clone(), inbox, input, frame_len_max: options.frame_len_max, timeout };
        let tasks = [
            tokio::spawn(until_end(pipe.clone(), incoming.run(read_half))),
            tokio::spawn(until_end(pipe.clone(), write(pipe.clone(), write_half, timeout))),
        ];
        Ok(Self { pipe, session, tasks })
    }

    /// The session, with the highest zxid seen on this connection.
    pub(crate) fn session(&self) -> Session {
        Session { last_zxid: self.pipe.last_zxid(), ..self.session }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pipe.end(ClientError::ConnectionLoss);
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Runs one direction until it fails or the other does, so that both halves of the socket are closed together.
async fn until_end(pipe: Arc<Pipe>, direction: impl Future<Output = ClientError>) {
    tokio::select! {
        _ = pipe.ended() => {}
        reason = direction => pipe.end(reason),
    }
}

/// Sends what is queued, and a ping after each third of `session_timeout` without anything sent.
async fn write(pipe: Arc<Pipe>, mut half: OwnedWriteHalf, session_timeout: Option<Duration>) -> ClientError {
    let mut last_sent = Instant::now();
    loop {
        let ping_due = async {
            match session_timeout {
                Some(timeout) => sleep_until(last_sent + timeout / 3).await,
                None => std::future::pending().await,
            }
        };
        let output = tokio::select! {
            output = pipe.output() => output,
            () = ping_due => pipe.output_with_ping(),
        };
        if half.write_all(&output).await.is_err() {
            return ClientError::ConnectionLoss;
        }
        last_sent = Instant::now();
    }
}

/// The receiving direction.
struct Incoming {
    pipe: Arc<Pipe>,
    inbox: Inbox,
    input: BytesMut,
    frame_len_max: usize,
    timeout: Option<Duration>,
}

impl Incoming {
    async fn run(mut self, mut half: OwnedReadHalf) -> ClientError {
        loop {
            if let Err(reason) = self.take_frames() {
                return reason;
            }
            let read = half.read_buf(&mut self.input);
            let read = match self.timeout {
                // A server that answers pings is never silent for so long.
                Some(session_timeout) => timeout(session_timeout * 2 / 3, read).await.ok(),
                None => Some(read.await),
            };
            if !matches!(read, Some(Ok(1..))) {
                return ClientError::ConnectionLoss;
            }
        }
    }

    fn take_frames(&mut self) -> Result<(), ClientError> {
        while let Some(payload) = next_frame(&mut self.input, self.frame_len_max)? {
            let (header, body) = split_reply(payload)?;
            let arrival = self.inbox.arrivals.fetch_add(1, Ordering::Relaxed);
            self.pipe.heard();
            match header.xid {
                xid::NOTIFICATION => self.notify(header.zxid, &body, arrival)?,
                xid::PING => {}
                _ => self.pipe.deliver(Reply { header, body, arrival })?,
            }
        }
        Ok(())
    }

    fn notify(&self, zxid: i64, body: &Bytes, arrival: u64) -> Result<(), ClientError> {
        let event = WatcherEvent::decode(&mut Reader::new(body))?;
        let event_type = EventType::from_code(event.event_type);
        let event_type = event_type.ok_or(ClientError::Protocol("unknown event type"))?;
        let event = WatchEvent { zxid: Zxid(zxid), event_type, path: event.path.to_owned(), arrival };
        self.inbox.events.try_send(event).map_err(|_| ClientError::EventsOverflow)
    }
}
