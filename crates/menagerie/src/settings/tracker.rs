//! How sessions are timed, and when containers and TTL znodes are looked for.

use std::time::Duration;

use menagerie_session_tracker::SessionTrackerOptions;

use super::Settings;
use crate::cli::timeouts_of;
use crate::error::Result;

const MILLISECONDS_MAX: u32 = 86_400_000;

/// Smallest and largest session timeout in milliseconds. As in ZooKeeper, -1 stands for the default of 2 and 20 ticks.
pub fn session_timeouts(settings: &Settings, tick_time_ms: u32) -> Result<(u32, u32)> {
    let (least, most) = timeouts_of(tick_time_ms);
    let range = -1..=i64::from(MILLISECONDS_MAX);
    let given = |key| -> Result<Option<u32>> {
        Ok(settings.number(key, range.clone())?.and_then(|ms: i64| u32::try_from(ms).ok()))
    };
    let least = given("minSessionTimeout")?.unwrap_or(least);
    let most = given("maxSessionTimeout")?.unwrap_or(most);
    if least <= most {
        return Ok((least, most));
    }
    let key = ["minSessionTimeout", "maxSessionTimeout"].into_iter().find(|key| settings.get(key).is_some());
    let problem = format!("the smallest session timeout, {least} ms, is more than the largest, {most} ms");
    Err(settings.fault_of(key.unwrap_or("minSessionTimeout"), problem))
}

/// `options` with what is set. As in ZooKeeper, an interval of 0 or less switches the search off.
pub fn with_container(options: SessionTrackerOptions, settings: &Settings) -> Result<SessionTrackerOptions> {
    let interval = |name: &str| -> Result<Option<Duration>> {
        let ms = settings.number(&format!("znode.container.{name}"), -1..=i64::from(i32::MAX))?;
        Ok(ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))))
    };
    let per_minute = settings.number("znode.container.maxPerMinute", 1..=i32::MAX as u32)?;
    Ok(SessionTrackerOptions {
        container_check_interval: interval("checkIntervalMs")?.unwrap_or(options.container_check_interval),
        container_max_per_minute: per_minute.unwrap_or(options.container_max_per_minute),
        container_max_never_used: interval("maxNeverUsedIntervalMs")?
            .unwrap_or(options.container_max_never_used),
        ..options
    })
}

#[cfg(test)]
mod tests {
    use menagerie_types::NodeId;

    use super::*;

    #[test]
    fn the_search_is_timed_as_set() {
        let defaults = || SessionTrackerOptions::new(NodeId(1), Duration::from_secs(2));
        let with = |text: &str| with_container(defaults(), &Settings::of_file("zoo.cfg", text)).expect(text);
        assert_eq!(with(""), defaults());
        let options = with(
            "znode.container.checkIntervalMs=100\nznode.container.maxPerMinute=5\n\
             znode.container.maxNeverUsedIntervalMs=7",
        );
        let times = (options.container_check_interval, options.container_max_never_used);
        assert_eq!(times, (Duration::from_millis(100), Duration::from_millis(7)));
        assert_eq!(options.container_max_per_minute, 5);
        assert_eq!(with("znode.container.checkIntervalMs=-1").container_check_interval, Duration::ZERO);
    }
}
