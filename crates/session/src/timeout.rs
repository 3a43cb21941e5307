//! Negotiation of session timeouts.

/// The timeout granted to a client that asks for `requested_ms`: clamped to `min_ms..=max_ms` (reference 4.2).
/// A `max_ms` below `min_ms` counts as `min_ms`.
pub fn negotiate(requested_ms: i32, min_ms: u32, max_ms: u32) -> u32 {
    u32::try_from(requested_ms).unwrap_or(0).min(max_ms).max(min_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_clamped_to_what_is_allowed() {
        assert_eq!(negotiate(10_000, 4_000, 40_000), 10_000);
        assert_eq!(negotiate(1, 4_000, 40_000), 4_000);
        assert_eq!(negotiate(i32::MIN, 4_000, 40_000), 4_000);
        assert_eq!(negotiate(i32::MAX, 4_000, 40_000), 40_000);
        assert_eq!(negotiate(10_000, 4_000, 1_000), 4_000);
    }
}
