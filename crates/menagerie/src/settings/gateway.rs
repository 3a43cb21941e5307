//! What the settings make of a gateway.

use std::time::Duration;

use menagerie_gateway::GatewayOptions;
use menagerie_jute::four_letter::FourLetterWord;
use menagerie_types::command::Policy;

use super::{Settings, auth, limits, tls};
use crate::cli::FourLetterWords;
use crate::error::Result;

/// ZooKeeper takes any number; between components a frame must still fit into one message of 64 MiB.
const JUTE_MAX_BUFFER: std::ops::RangeInclusive<u32> = 1024..=32 * 1024 * 1024;

/// `options` with what is set.
pub fn gateway_options(options: GatewayOptions, settings: &Settings) -> Result<GatewayOptions> {
    let mut options = options;
    if let Some(bytes) = settings.number("jute.maxbuffer", JUTE_MAX_BUFFER)? {
        options.jute_max_buffer = bytes as usize;
    }
    if let Some(count) = settings.number("maxClientCnxns", 0..=u32::MAX)? {
        options.max_client_cnxns = count as usize;
    }
    // -1 is ZooKeeper's way of leaving it to the system.
    if let Some(backlog @ 0..) = settings.number("clientPortListenBacklog", -1..=65_535)? {
        options.backlog = backlog;
    }
    if let Some(ms) = settings.number("nio.sessionlessCnxnTimeout", 1..=86_400_000_u32)? {
        options.handshake_timeout = Duration::from_millis(ms.into());
    }
    options.tcp_keep_alive |= settings.flag("clientTcpKeepAlive")?.unwrap_or(false);
    options.skip_acl |= settings.yes("skipACL")?.unwrap_or(false);
    for (key, bit) in [
        ("extendedTypesEnabled", Policy::EXTENDED_TYPES),
        ("reconfigEnabled", Policy::RECONFIG_ENABLED),
        ("enforceQuota", Policy::ENFORCE_QUOTA),
    ] {
        options.policy = options.policy.with_if(bit, settings.flag(key)?.unwrap_or(false));
    }
    if let Some(words) = four_letter_words(settings)? {
        options.four_letter_words = words;
    }
    options.read_only_mode |= settings.flag("readonlymode.enabled")?.unwrap_or(false);
    options.secure = tls::secure(settings)?;
    limits::apply(&mut options.limits, settings)?;
    auth::apply(&mut options, settings)?;
    Ok(options)
}

fn four_letter_words(settings: &Settings) -> Result<Option<Vec<FourLetterWord>>> {
    let Some(setting) = settings.get("4lw.commands.whitelist") else { return Ok(None) };
    let words = setting.value.parse::<FourLetterWords>();
    words.map(|words| Some(words.0)).map_err(|problem| settings.fault(setting, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<GatewayOptions> {
        gateway_options(GatewayOptions::default(), &Settings::of_file("zoo.cfg", text))
    }

    fn good(text: &str) -> GatewayOptions {
        options(text).expect(text)
    }

    #[test]
    fn switches_reach_the_policy() {
        let all = "extendedTypesEnabled=true\nreconfigEnabled=true\nenforceQuota=true\nskipACL=yes\n\
                   zookeeper.clientTcpKeepAlive=true";
        let options = good(all);
        let policy = Policy::EXTENDED_TYPES.with(Policy::RECONFIG_ENABLED).with(Policy::ENFORCE_QUOTA);
        assert_eq!((options.policy, options.skip_acl, options.tcp_keep_alive), (policy, true, true));
        assert_eq!(good("skipACL=no\nenforceQuota=false").policy, Policy::NONE);
    }

    #[test]
    fn numbers_reach_the_options() {
        let options = good(
            "jute.maxbuffer=4096\nmaxClientCnxns=0\nclientPortListenBacklog=7\nnio.sessionlessCnxnTimeout=1500\n\
             4lw.commands.whitelist=stat , ruok",
        );
        assert_eq!((options.jute_max_buffer, options.max_client_cnxns, options.backlog), (4096, 0, 7));
        assert_eq!(options.handshake_timeout, Duration::from_millis(1500));
        assert_eq!(options.four_letter_words, [FourLetterWord::Stat, FourLetterWord::Ruok]);
        assert_eq!(good("clientPortListenBacklog=-1").backlog, GatewayOptions::default().backlog);
    }

    #[test]
    fn faults_are_placed() {
        let cases = [
            ("skipACL=true", "zoo.cfg:1: skipACL: `true` is neither yes nor no"),
            ("\nzookeeper.enforceQuota=yes", "zoo.cfg:2: zookeeper.enforceQuota: `yes` is neither true nor"),
            ("jute.maxbuffer=1", "zoo.cfg:1: jute.maxbuffer: `1` is not a whole number from 1024"),
            ("4lw.commands.whitelist=ruko", "zoo.cfg:1: 4lw.commands.whitelist: `ruko`"),
            ("connection_throttle_drop_increase=2", "zoo.cfg:1: connection_throttle_drop_increase: `2` is"),
            ("authProvider.1=com.example.Mine", "zoo.cfg:1: authProvider.1: cannot run the Java class"),
            ("enforce.auth.enabled=on", "zoo.cfg:1: enforce.auth.enabled: `on` is neither"),
            ("enforce.auth.enabled=true", "zoo.cfg: enforce.auth.schemes: must be set"),
            ("java.security.auth.login.config=/none", "zoo.cfg:1: java.security.auth.login.config: /none"),
            ("readonlymode.enabled=1", "zoo.cfg:1: readonlymode.enabled: `1` is neither"),
        ];
        for (text, expected) in cases {
            let message = options(text).expect_err(text).to_string();
            assert!(message.starts_with(expected), "{text:?}: {message}");
        }
    }
}
