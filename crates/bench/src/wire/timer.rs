//! A wake-up call that is exact to microseconds; what a poll takes as its timeout is in milliseconds.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// A timerfd.
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
    set_for: Option<Instant>,
}

impl Timer {
    /// One that is not set; events of `token` are its calls.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { fd, set_for: None })
    }

    /// Calls at `at`, and not at what it was set for before. Setting it again for the same time costs nothing.
    pub fn set(&mut self, at: Instant) -> io::Result<()> {
        if self.set_for == Some(at) {
            return Ok(());
        }
        // Zero would unset it.
        let left = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let value = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let spec = Itimerspec { it_interval: Timespec::default(), it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &spec)?;
        self.set_for = Some(at);
        Ok(())
    }
}
