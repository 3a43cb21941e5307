//! What the codec must do: the bytes of ZooKeeper, round trips, and patience with hostile input.

mod golden;
mod hostile;
mod multis;
mod round_trip;

use bytes::BytesMut;
use menagerie_types::{SessionId, Stat, Zxid};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hex is ASCII");
        u8::from_str_radix(pair, 16).expect("hex digits")
    };
    digits.chunks(2).map(pair).collect()
}

fn encoded(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

fn framed(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let payload = encoded(write);
    encoded(|out| crate::write::buffer(out, Some(&payload)))
}

fn stat() -> Stat {
    Stat {
        czxid: Zxid(1),
        mzxid: Zxid(2),
        ctime: 3,
        mtime: 4,
        version: 5,
        cversion: 6,
        aversion: 7,
        ephemeral_owner: SessionId(8),
        data_length: 9,
        num_children: 10,
        pzxid: Zxid(11),
    }
}
