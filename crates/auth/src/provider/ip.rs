//! The `ip` scheme's ids: addresses as Java prints them (`InetAddress.getHostAddress`).

use std::net::{IpAddr, SocketAddr};

use menagerie_types::Identity;

/// Whose address it is. IPv6 comes without `::` and with its scope, if any; an IPv4 address in IPv6's clothes is one.
pub(super) fn identity(peer: SocketAddr) -> Identity {
    let text = match peer.ip().to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let groups: Vec<_> = address.segments().iter().map(|group| format!("{group:x}")).collect();
            match peer {
                SocketAddr::V6(peer) if peer.scope_id() != 0 => {
                    format!("{}%{}", groups.join(":"), peer.scope_id())
                }
                _ => groups.join(":"),
            }
        }
    };
    Identity::new("ip", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_printed_as_java_prints_them() {
        for (peer, id) in [
            ("10.0.0.1:5", "10.0.0.1"),
            ("[::1]:5", "0:0:0:0:0:0:0:1"),
            ("[2001:db8::ab:0]:5", "2001:db8:0:0:0:0:ab:0"),
            ("[::ffff:10.0.0.1]:5", "10.0.0.1"),
            ("[fe80::1%2]:5", "fe80:0:0:0:0:0:0:1%2"),
        ] {
            let peer: SocketAddr = peer.parse().expect("an address");
            assert_eq!(identity(peer), Identity::new("ip", id));
        }
    }
}
