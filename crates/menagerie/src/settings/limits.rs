//! How much clients may ask for at a time.

use std::time::Duration;

use menagerie_gateway::{ConnectionThrottle, Limits};

use super::Settings;
use crate::error::Result;

/// Sets what is set.
pub fn apply(limits: &mut Limits, settings: &Settings) -> Result<()> {
    let count = |key| settings.number(key, 0..=i32::MAX as u32);
    let number = |key| -> Result<Option<usize>> { Ok(count(key)?.map(|number| number as usize)) };
    let milliseconds =
        |key| -> Result<Option<Duration>> { Ok(count(key)?.map(|ms| Duration::from_millis(ms.into()))) };
    set(&mut limits.max_cnxns, number("maxCnxns")?);
    limits.global_outstanding = number("globalOutstandingLimit")?.or(limits.global_outstanding);
    set(&mut limits.large_request_max_bytes, number("largeRequestMaxBytes")?);
    if let Some(threshold) = settings.number("largeRequestThreshold", -1..=i32::MAX)? {
        // As in ZooKeeper, 0 and less switch it off.
        limits.large_request_threshold = usize::try_from(threshold).ok().filter(|bytes| *bytes > 0);
    }
    set(&mut limits.throttle_requests_at, number("request_throttle_max_requests")?);
    set(&mut limits.throttled_op_wait, milliseconds("throttled_op_wait_time")?);
    connection_throttle(&mut limits.connection_throttle, settings)
}

fn connection_throttle(throttle: &mut ConnectionThrottle, settings: &Settings) -> Result<()> {
    let key = |name: &str| format!("connection_throttle_{name}");
    let number = |name, range| settings.number(&key(name), range);
    let most = i32::MAX as u32;
    set(&mut throttle.tokens, number("tokens", 0..=most)?);
    set(&mut throttle.fill_time_ms, number("fill_time", 1..=most)?);
    set(&mut throttle.fill_count, number("fill_count", 0..=most)?);
    if let Some(ms) = settings.number(&key("freeze_time"), -1..=i64::from(i32::MAX))? {
        throttle.freeze_time_ms = u32::try_from(ms).ok();
    }
    set(&mut throttle.drop_increase, settings.fraction(&key("drop_increase"))?);
    set(&mut throttle.drop_decrease, settings.fraction(&key("drop_decrease"))?);
    set(&mut throttle.decrease_ratio, settings.fraction(&key("decrease_ratio"))?);
    set(&mut throttle.weighted, settings.flag(&key("weight_enabled"))?);
    set(&mut throttle.new_session_weight, number("global_session_weight", 1..=most)?);
    set(&mut throttle.renewed_session_weight, number("renew_session_weight", 1..=most)?);
    // Sessions of a read-only gateway are the only local ones.
    set(&mut throttle.local_session_weight, number("local_session_weight", 1..=most)?);
    Ok(())
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
