//! What is to be sent over one connection.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

/// From this many bytes on a payload is sent from where it is, instead of being copied.
pub const SHARED_MIN: usize = 4096;
/// Slices in one write. More would not make fewer system calls: socket buffers are full before.
const SLICES: usize = 64;

/// Bytes of one connection's own, and among them places where the payload that all requests share goes.
#[derive(Debug, Default)]
pub struct Output {
    own: Vec<u8>,
    /// How much of `own` has been sent.
    own_sent: usize,
    segments: VecDeque<Segment>,
}

#[derive(Clone, Copy, Debug)]
enum Segment {
    /// So many of the own bytes.
    Own(usize),
    /// The payload from here to its end.
    Payload(usize),
}

impl Output {
    /// Room for bytes that the caller writes at the end of the buffer.
    pub fn append(&mut self, bytes: &[u8]) {
        self.own.extend_from_slice(bytes);
        match self.segments.back_mut() {
            Some(Segment::Own(len)) => *len += bytes.len(),
            _ => self.segments.push_back(Segment::Own(bytes.len())),
        }
    }

    /// Overwrites the byte at `back` from the end and those after it.
    pub fn patch(&mut self, back: usize, bytes: &[u8]) {
        let start = self.own.len() - back;
        self.own[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// The payload goes here.
    pub fn append_payload(&mut self) {
        self.segments.push_back(Segment::Payload(0));
    }

    /// True when everything has been sent.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Writes as much as `socket` takes; true when everything has been sent.
    ///
    /// # Errors
    /// Any but `WouldBlock`, which is no error here.
    pub fn write_to(&mut self, socket: &mut impl Write, payload: &[u8]) -> io::Result<bool> {
        while !self.segments.is_empty() {
            match self.write_once(socket, payload) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => self.consume(sent, payload.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.own.clear();
        self.own_sent = 0;
        Ok(true)
    }

    fn write_once(&self, socket: &mut impl Write, payload: &[u8]) -> io::Result<usize> {
        if let (1, Some(Segment::Own(len))) = (self.segments.len(), self.segments.front()) {
            return socket.write(&self.own[self.own_sent..self.own_sent + len]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut at = self.own_sent;
        let used = self.segments.len().min(SLICES);
        for (slice, segment) in slices.iter_mut().zip(&self.segments) {
            *slice = IoSlice::new(match segment {
                Segment::Own(len) => {
                    at += len;
                    &self.own[at - len..at]
                }
                Segment::Payload(from) => &payload[*from..],
            });
        }
        socket.write_vectored(&slices[..used])
    }

    fn consume(&mut self, mut sent: usize, payload_len: usize) {
        while let Some(segment) = self.segments.front_mut() {
            let left = match segment {
                Segment::Own(len) => *len,
                Segment::Payload(from) => payload_len - *from,
            };
            let taken = left.min(sent);
            sent -= taken;
            match segment {
                Segment::Own(len) => {
                    *len -= taken;
                    self.own_sent += taken;
                }
                Segment::Payload(from) => *from += taken,
            }
            if taken < left {
                return;
            }
            self.segments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes few bytes at a time, and none at every third attempt.
    struct Narrow {
        taken: Vec<u8>,
        width: usize,
        attempts: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.attempts += 1;
            if self.attempts.is_multiple_of(3) {
                return Err(ErrorKind::WouldBlock.into());
            }
            let before = self.taken.len();
            let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
            self.taken.extend(bytes.take(self.width));
            Ok(self.taken.len() - before)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_arrive_in_order_however_little_the_socket_takes() {
        let payload: Vec<u8> = (0..200).map(|n| 100 + (n % 100) as u8).collect();
        for width in [1, 2, 7, 64, 199, 1_000, 100_000] {
            let mut socket = Narrow { taken: Vec::new(), width, attempts: 0 };
            let mut output = Output::default();
            let mut expected = Vec::new();
            for n in 0..150_u8 {
                output.append(&[n, 0, 0]);
                output.patch(2, &[n, n]);
                expected.extend([n, n, n]);
                if n % 2 == 0 {
                    output.append_payload();
                    expected.extend(&payload);
                }
                if n % 50 == 7 {
                    output.write_to(&mut socket, &payload).expect("no failure");
                }
            }
            let mut turns = 0;
            while !output.write_to(&mut socket, &payload).expect("no failure") {
                turns += 1;
                assert!(turns < 100_000);
            }
            assert!(socket.taken == expected, "width {width}");
            assert!(output.is_empty());
        }
    }

    #[test]
    fn a_socket_that_takes_nothing_and_does_not_say_why_is_an_error() {
        let mut output = Output::default();
        output.append(b"x");
        let mut closed: &mut [u8] = &mut [];
        assert_eq!(
            output.write_to(&mut closed, b"").expect_err("nothing taken").kind(),
            ErrorKind::WriteZero
        );
    }
}
