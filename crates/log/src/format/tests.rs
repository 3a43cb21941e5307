use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header() -> RecordHeader {
    let payload = [Bytes::from_static(b"he"), Bytes::from_static(b"llo")];
    let payload_crc = payload_crc(7, Kind::Entry, (42, 3), &payload);
    RecordHeader { kind: Kind::Entry, index: 42, term: 3, len: 5, group_start: 64, payload_crc }
}

#[test]
fn segment_header_has_golden_bytes() {
    let header = SegmentHeader { epoch: 7, first_index: 42, previous_end: 0x1234 };
    let bytes = header.encode();
    assert_eq!(hex(&bytes), GOLDEN_SEGMENT);
    assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
}

#[test]
fn record_has_golden_bytes() {
    let header = header();
    let bytes = header.encode(7);
    assert_eq!(hex(&bytes), GOLDEN_RECORD);
    assert_eq!(RecordHeader::decode(&bytes, 7), Some(header));
    assert!(header.accepts(7, b"hello"));
    assert_eq!(header.size(), 48);
}

/// Computed apart from this code, from the layout in the module's description.
const GOLDEN_SEGMENT: &str = "6d6e6167726c6f67010000003412000007000000000000002a00000000000000\
    d4d3126500000000000000000000000000000000000000000000000000000000";
const GOLDEN_RECORD: &str = "0500000043cfa8842a0000000000000003000000000000004000000001000000\
    c83e439100000000";

#[test]
fn record_is_invalid_in_another_epoch() {
    assert_eq!(RecordHeader::decode(&header().encode(7), 8), None);
    assert!(!header().accepts(8, b"hello"));
}

#[test]
fn every_flipped_bit_of_a_header_is_noticed() {
    let record = header().encode(7);
    for bit in 0..record.len() * 8 {
        let mut bytes = record;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(RecordHeader::decode(&bytes, 7), None, "bit {bit}");
    }
    let segment = SegmentHeader { epoch: 7, first_index: 42, previous_end: 9 }.encode();
    for bit in 0..36 * 8 {
        let mut bytes = segment;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn newer_version_is_told_from_damage() {
    let mut bytes = SegmentHeader { epoch: 1, first_index: 0, previous_end: 0 }.encode();
    bytes[8] = 2;
    assert_eq!(SegmentHeader::decode(&bytes), Err(BadHeader::Newer(2)));
}
