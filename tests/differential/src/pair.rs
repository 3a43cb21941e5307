//! Two servers, and cases played to both.

use anyhow::Context as _;

use crate::case::Case;
use crate::compare;
use crate::play::{Observer, Play};
use crate::servers::{Kind, Profile, Server};
use crate::transcript::Line;

/// The two, with an observer on each.
pub struct Pair {
    servers: [Server; 2],
    observers: [Observer; 2],
    profile: Profile,
    // Names of znodes are never used again.
    played: u64,
}

/// How a case went on both.
pub struct Outcome {
    lines: [Vec<Line>; 2],
}

impl Pair {
    /// Starts both.
    pub async fn start(kinds: [Kind; 2], port: u16, profile: Profile) -> anyhow::Result<Self> {
        let second = if port == 0 { 0 } else { port + 1 };
        let mut servers =
            [Server::start(kinds[0], port, profile)?, Server::start(kinds[1], second, profile)?];
        let [a, b] = &mut servers;
        let observers = [a.observe(profile).await?, b.observe(profile).await?];
        Ok(Self { servers, observers, profile, played: 0 })
    }

    /// Plays `case` to both at the same time.
    pub async fn play(&mut self, case: &Case) -> anyhow::Result<Outcome> {
        self.played += 1;
        let own = format!("/d{}", self.played);
        let [a, b] = &mut self.observers;
        let (x, y) = tokio::join!(Play::case(case, &own, a), Play::case(case, &own, b));
        let lines = [self.lines(0, x, &own)?, self.lines(1, y, &own)?];
        if lines.iter().flatten().any(|line| line.text.contains("no answer")) {
            self.reconnect().await?;
        }
        Ok(Outcome { lines })
    }

    fn lines(
        &self,
        at: usize,
        transcript: anyhow::Result<crate::transcript::Transcript>,
        own: &str,
    ) -> anyhow::Result<Vec<Line>> {
        let transcript = transcript.with_context(|| format!("server {at}\n{}", self.servers[at].log()))?;
        Ok(transcript.lines(own))
    }

    async fn reconnect(&mut self) -> anyhow::Result<()> {
        for (server, observer) in self.servers.iter_mut().zip(&mut self.observers) {
            *observer = server.observe(self.profile).await?;
        }
        Ok(())
    }
}

impl Outcome {
    /// What differs first, for each client.
    pub fn differences(&self) -> Vec<(Option<Line>, Option<Line>)> {
        compare::differences(&self.lines[0], &self.lines[1])
    }

    /// What the earliest difference is like.
    pub fn kind(&self) -> String {
        compare::kind(&self.lines[0], &self.lines[1])
    }

    /// True if nothing does.
    pub fn is_equal(&self) -> bool {
        self.differences().is_empty()
    }

    /// For a person.
    pub fn report(&self, case: &Case, names: [&str; 2]) -> String {
        compare::report(case, names, &self.lines[0], &self.lines[1])
    }
}
