//! Credentials of any shape: auth packets, SASL tokens, certificates, ACLs, and JAAS files.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use menagerie_auth::{
    Jaas, Peer, Properties, Registry, SaslExchange, SaslServer, Schemes, fixup, masked, permits, subject,
};
use menagerie_jute::{AclList, Reader};
use menagerie_types::{Identity, command::encode_identities, perms};

const JAAS: &str = r#"Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_u="p"; };"#;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let properties: Properties = [("authProvider.sasl", "org.apache.zookeeper.server.auth.SASLAuthenticationProvider")]
        .into_iter()
        .collect();
    match kind % 5 {
        0 => {
            let registry = Registry::configure(&properties, true).expect("a known provider");
            let peer = Peer { address: ([127, 0, 0, 1], 1).into(), certificate: Some(bytes) };
            let _ = registry.connect(&peer);
            for scheme in ["digest", "ip", "x509", "sasl", "world", "super", ""] {
                let _ = registry.authenticate(scheme, Some(bytes), &peer);
            }
            let _ = subject(bytes);
        }
        1 => {
            let server = SaslServer::configure(&properties, Some(JAAS)).expect("well-formed").expect("configured");
            let mut exchange = SaslExchange::new([7; menagerie_auth::SASL_ENTROPY_LEN]);
            let _ = exchange.step(&server, b"");
            for token in bytes.split(|byte| *byte == 0) {
                let _ = exchange.step(&server, token);
            }
        }
        2 => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                let _ = Jaas::parse(text, |_| None);
            }
        }
        _ => {
            let auth = encode_identities(&[Identity::new("ip", "10.0.0.1"), Identity::new("digest", "a:b")]);
            let Ok(list) = AclList::decode(&mut Reader::new(bytes)) else { return };
            if let Some(list) = &list {
                let _ = permits(list, &auth, perms::READ);
                let _ = masked(list);
            }
            if let Ok(fixed) = fixup(list, &auth, Schemes::ALL) {
                let mut stored = BytesMut::new();
                menagerie_jute::write::count(&mut stored, fixed.count());
                stored.extend_from_slice(fixed.raw());
                let again = AclList::decode(&mut Reader::new(&stored)).expect("what is stored is readable");
                assert!(again.is_some_and(|list| list.len() == fixed.count()));
            }
        }
    }
});
