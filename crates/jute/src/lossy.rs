//! Strings that are not UTF-8, which ZooKeeper reads all the same.

use menagerie_types::OpCode;

use crate::{MultiHeader, Reader};

/// What Java puts for bytes that are no character.
const REPLACEMENT: &str = "\u{fffd}";

/// What a request's record is made of.
#[derive(Clone, Copy)]
enum Part {
    /// That many bytes.
    Fixed(usize),
    String,
    Strings,
    Buffer,
    Acl,
}

/// The request's record with its strings as ZooKeeper reads them: a replacement character for every malformed
/// sequence. `None` if that changes nothing, or if the record does not decode for another reason.
///
/// Reading strings is strict (and borrows); who gets a record that does not decode tries it again with this one.
pub fn repaired(op: OpCode, body: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Copy { reader: Reader::new(body), out: Vec::new(), changed: false };
    match op {
        OpCode::Multi | OpCode::MultiRead => copy.multi()?,
        _ => copy.parts(layout(op)?)?,
    }
    copy.out.extend_from_slice(copy.reader.remaining());
    copy.changed.then_some(copy.out)
}

fn layout(op: OpCode) -> Option<&'static [Part]> {
    use Part::*;
    Some(match op {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => &[String, Buffer, Acl, Fixed(4)],
        OpCode::CreateTtl => &[String, Buffer, Acl, Fixed(12)],
        OpCode::Delete | OpCode::Check => &[String, Fixed(4)],
        OpCode::SetData => &[String, Buffer, Fixed(4)],
        OpCode::SetAcl => &[String, Acl, Fixed(4)],
        OpCode::Exists | OpCode::GetData | OpCode::GetChildren | OpCode::GetChildren2 => &[String, Fixed(1)],
        OpCode::GetAcl | OpCode::Sync | OpCode::GetEphemerals | OpCode::GetAllChildrenNumber => &[String],
        OpCode::AddWatch | OpCode::CheckWatches | OpCode::RemoveWatches => &[String, Fixed(4)],
        OpCode::SetWatches => &[Fixed(8), Strings, Strings, Strings],
        OpCode::SetWatches2 => &[Fixed(8), Strings, Strings, Strings, Strings, Strings],
        OpCode::Reconfig => &[String, String, String, Fixed(8)],
        _ => return None,
    })
}

struct Copy<'a> {
    reader: Reader<'a>,
    out: Vec<u8>,
    changed: bool,
}

impl Copy<'_> {
    fn multi(&mut self) -> Option<()> {
        loop {
            let header = MultiHeader::decode(&mut self.reader.clone()).ok()?;
            self.fixed(9)?;
            if header.done {
                return Some(());
            }
            self.parts(layout(OpCode::from_code(header.op)?)?)?;
        }
    }

    fn parts(&mut self, parts: &[Part]) -> Option<()> {
        parts.iter().try_for_each(|part| match part {
            Part::Fixed(len) => self.fixed(*len),
            Part::String => self.string(),
            Part::Strings => self.list(Self::string),
            Part::Buffer => {
                let bytes = self.reader.buffer().ok()?;
                self.buffer(bytes);
                Some(())
            }
            Part::Acl => self.list(|copy| {
                copy.fixed(4)?;
                copy.string()?;
                copy.string()
            }),
        })
    }

    fn fixed(&mut self, len: usize) -> Option<()> {
        self.out.extend_from_slice(self.reader.take(len).ok()?);
        Some(())
    }

    fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let count = self.reader.i32().ok()?;
        self.out.extend_from_slice(&count.to_be_bytes());
        (0..count).try_for_each(|_| element(self))
    }

    fn string(&mut self) -> Option<()> {
        let bytes = self.reader.buffer().ok()?;
        match bytes.filter(|bytes| std::str::from_utf8(bytes).is_err()) {
            None => self.buffer(bytes),
            Some(malformed) => {
                self.buffer(Some(decoded(malformed).as_bytes()));
                self.changed = true;
            }
        }
        Some(())
    }

    fn buffer(&mut self, bytes: Option<&[u8]>) {
        let len = bytes.map_or(-1, |bytes| bytes.len() as i32);
        self.out.extend_from_slice(&len.to_be_bytes());
        self.out.extend_from_slice(bytes.unwrap_or_default());
    }
}

/// As `new String(bytes, UTF_8)`: one replacement for each longest beginning of a character, and, other than Rust's
/// own, for each whole surrogate.
fn decoded(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + REPLACEMENT.len());
    while let Some(chunk) = bytes.utf8_chunks().next() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push_str(REPLACEMENT);
        }
        let malformed = &bytes[chunk.valid().len()..];
        bytes = &malformed[chunk.invalid().len().max(surrogate_len(malformed))..];
    }
    text
}

/// The length of the surrogate, or of the beginning of one, that stands here.
fn surrogate_len(bytes: &[u8]) -> usize {
    match bytes {
        [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
        [0xed, 0xa0..=0xbf, ..] => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn malformed_text_becomes_what_java_makes_of_it() {
        // Each replacement as `?`. The right side is what OpenJDK 17 says.
        let cases: [(&[u8], &str); 16] = [
            (b"\xff", "?"),
            (b"a\x80b", "a?b"),
            (b"\xc0\xaf", "??"),
            (b"\xc2", "?"),
            (b"\xe1\x80A", "?A"),
            (b"\xe0\x80\x80", "???"),
            (b"\xf0\x90\x80", "?"),
            (b"\xf0\x80\x80", "???"),
            (b"\xf4\x90\x80\x80", "????"),
            (b"\xed\xa0\x80", "?"),
            (b"\xed\xa0", "?"),
            (b"\xed\xa0A", "?A"),
            (b"\xed", "?"),
            (b"\xed\xc2A", "??A"),
            (b"\xed\xa0\xbd\xed\xb8\x80", "??"),
            ("\u{e9}\u{1f600}".as_bytes(), "\u{e9}\u{1f600}"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decoded(bytes).replace('\u{fffd}', "?"), expected, "{bytes:x?}");
        }
    }
}
