//! Requests that are made once and differ afterwards in three places only: the xid, the number at the end of the path,
//! and where their payload comes from.

use bytes::BytesMut;
use menagerie_jute::{RequestHeader, frame};
use menagerie_types::OpCode;

use super::output::{Output, SHARED_MIN};

/// Digits at the end of a numbered path.
pub const DIGITS: usize = 10;
/// The path is the first field of every request that has one: length of the frame, header, length of the path.
const PATH_AT: usize = frame::PREFIX_LEN + RequestHeader::LEN + 4;

/// The path of the znode `number` in `directory`: as long for any number below 10^10.
pub fn path(directory: &str, tag: char, number: u64) -> String {
    format!("{directory}/{tag}{number:0DIGITS$}")
}

/// One request's frame.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    /// End of the path, if it is numbered.
    path_end: Option<usize>,
    /// Where the payload is, if it is long enough to be sent from where it is.
    payload: Option<(usize, usize)>,
}

impl Template {
    /// A request whose body is what `body` writes. If it begins with a path that was made by [`path`], give its length.
    /// If a payload follows the path, give its length, too.
    pub fn new(
        op: OpCode,
        numbered: Option<usize>,
        payload: Option<usize>,
        body: impl FnOnce(&mut BytesMut),
    ) -> Self {
        let mut out = BytesMut::new();
        let mark = frame::begin(&mut out);
        RequestHeader { xid: 0, op: op.code() }.encode(&mut out);
        body(&mut out);
        frame::end(&mut out, mark);
        let path_end = numbered.map(|len| PATH_AT + len);
        let payload = payload.filter(|len| *len >= SHARED_MIN).zip(path_end).map(|(len, end)| (end + 4, len));
        Self { bytes: out.to_vec(), path_end, payload }
    }

    /// Appends the request.
    pub fn put(&self, out: &mut Output, xid: i32, number: u64) {
        let head = self.payload.map_or(&self.bytes[..], |(at, _)| &self.bytes[..at]);
        out.append(head);
        out.patch(head.len() - frame::PREFIX_LEN, &xid.to_be_bytes());
        if let Some(end) = self.path_end {
            out.patch(head.len() - end + DIGITS, &digits(number));
        }
        if let Some((at, len)) = self.payload {
            out.append_payload();
            out.append(&self.bytes[at + len..]);
        }
    }
}

/// `number` in decimal, with zeros before it.
pub fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use menagerie_jute::{Reader, SetDataRequest};

    use super::*;

    fn sent(template: &Template, payload: &[u8], requests: &[(i32, u64)]) -> Vec<u8> {
        let mut out = Output::default();
        for (xid, number) in requests {
            template.put(&mut out, *xid, *number);
        }
        let mut bytes = Vec::new();
        assert!(out.write_to(&mut bytes, payload).expect("a vector takes everything"));
        bytes
    }

    #[test]
    fn a_request_is_as_if_encoded_anew_whatever_its_payload() {
        for len in [0, 1, SHARED_MIN - 1, SHARED_MIN, 100_000] {
            let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let first = path("/dir", 'k', 0);
            let template = Template::new(OpCode::SetData, Some(first.len()), Some(len), |out| {
                SetDataRequest { path: &first, data: Some(&payload), version: -1 }.encode(out);
            });
            let bytes = sent(&template, &payload, &[(7, 42), (8, 9_999_999_999)]);
            let mut rest = &bytes[..];
            for (xid, number) in [(7, 42), (8, 9_999_999_999)] {
                let whole = frame::peek(rest, usize::MAX).expect("a frame").expect("a whole one");
                let mut reader = Reader::new(&rest[frame::PREFIX_LEN..whole]);
                let header = RequestHeader::decode(&mut reader).expect("a header");
                assert_eq!((header.xid, header.op), (xid, OpCode::SetData.code()));
                let request = SetDataRequest::decode(&mut reader).expect("a request");
                assert_eq!(request.path, path("/dir", 'k', number));
                assert_eq!((request.data, request.version), (Some(&payload[..]), -1));
                assert!(reader.is_empty());
                rest = &rest[whole..];
            }
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn numbers_have_ten_digits() {
        for number in [0, 7, 10, 12_345, 9_999_999_999] {
            assert_eq!(digits(number), *format!("{number:010}").as_bytes());
        }
    }
}
