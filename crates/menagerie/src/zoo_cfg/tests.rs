use std::path::Path;

use super::*;
use crate::error::Error;

const THREE: &str = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/d\nclientPort=2181\n\
    server.1=127.0.0.1:2888:3888\nserver.2=127.0.0.1:2889:3889\nserver.3=127.0.0.1:2890:3890\n";
const ONE: &str = "tickTime=2000\ndataDir=/d\nclientPort=2181\n";

fn parse_with(text: &str, my_id: Option<&str>) -> Result<ZooConfig> {
    let my_id = |path: &Path| {
        assert_eq!(path, Path::new("/d/myid"));
        Ok(my_id.map(str::to_owned))
    };
    parse(&Files { name: "zoo.cfg", text, dynamic: None, given: &Given::default(), my_id: &my_id })
}

fn good(text: &str) -> ZooConfig {
    parse_with(text, Some("1\n")).expect(text)
}

fn bad(text: &str) -> String {
    let error = parse_with(text, Some("1\n")).expect_err(text);
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn the_tutorial_file_of_one_server_gets_the_defaults() {
    let config = good("tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=./zk data\nclientPort=2181\n");
    assert_eq!((&config.data_dir, &config.data_log_dir), (&"./zk data".into(), &"./zk data".into()));
    assert!(config.create_dirs && !config.quorum_on_all_addresses);
    let address = |text: &str, place: &str| Some(Address { text: text.into(), place: place.into() });
    assert_eq!(config.client_addr, address("0.0.0.0:2181", "zoo.cfg: clientPortAddress"));
    assert_eq!(config.admin_addr, address("0.0.0.0:8080", "zoo.cfg: admin.serverAddress"));
    assert_eq!((config.tick_time_ms, config.min_session_timeout_ms), (2000, 4000));
    assert_eq!((config.max_session_timeout_ms, config.my_id), (40_000, 1));
    assert_eq!((config.grpc_addr, config.servers, config.warnings), (None, vec![], vec![]));
}

#[test]
fn the_tutorial_files_of_three_servers_make_an_ensemble() {
    for id in 1..=3 {
        let config = parse_with(THREE, Some(&format!(" {id}\r\n"))).expect("as every tutorial has it");
        assert!(config.is_ensemble());
        assert_eq!(config.my_id, id);
        let addresses: Vec<_> = config.servers.iter().map(Server::quorum_address).collect();
        assert_eq!(addresses, ["127.0.0.1:2888", "127.0.0.1:2889", "127.0.0.1:2890"]);
        assert_eq!(config.warnings, Vec::<String>::new());
    }
}

#[test]
fn every_honoured_key_has_its_effect() {
    let config = good(&format!(
        "{ONE}dataLogDir=/log\nclientPortAddress=10.0.0.1\nmaxClientCnxns=0\nminSessionTimeout=1000\n\
         maxSessionTimeout=60000\nadmin.serverAddress=127.0.0.1\n\
         admin.serverPort=9000\nmenagerie.grpcAddress=0.0.0.0:2182\n\
         datadir.autocreate=false\nquorumListenOnAllIPs=true\nforceSync=yes\nelectionAlg=3\nleaderServes=yes\n"
    ));
    assert_eq!(config.data_log_dir, Path::new("/log"));
    let client_addr = config.client_addr.expect("given");
    assert_eq!(client_addr.text, "10.0.0.1:2181");
    assert_eq!(client_addr.place, "zoo.cfg:5: clientPortAddress");
    assert_eq!((config.min_session_timeout_ms, config.max_session_timeout_ms), (1000, 60_000));
    assert_eq!(config.admin_addr.map(|a| a.text).as_deref(), Some("127.0.0.1:9000"));
    assert_eq!(config.grpc_addr.map(|a| a.text).as_deref(), Some("0.0.0.0:2182"));
    assert!(!config.create_dirs && config.quorum_on_all_addresses);
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(good(&format!("{ONE}admin.enableServer=false")).admin_addr, None);
    assert_eq!(good(&format!("{ONE}minSessionTimeout=-1")).min_session_timeout_ms, 4000);
    assert_eq!(good("dataDir=/d\nclientPort=2181").tick_time_ms, 3000);
}

#[test]
fn keys_without_effect_get_one_warning_each_with_line_and_replacement() {
    let config = good(&format!(
        "{ONE}autopurge.purgeInterval=1\nsnapCount=10000\nlocalSessionsEnabled=true\ntickTime=2500"
    ));
    let expected = [
        "zoo.cfg:4: autopurge.purgeInterval has no effect: disk use is bounded without it: the log is truncated behind checkpoints",
        "zoo.cfg:5: snapCount has no effect: checkpoints are incremental and scheduled by log size; there is nothing to set",
        "zoo.cfg:6: localSessionsEnabled has no effect: all sessions are global",
        "zoo.cfg:1: tickTime is set again further down; the last line counts",
    ];
    assert_eq!(config.warnings, expected);
    assert_eq!(config.tick_time_ms, 2500);
}

#[test]
fn faults_of_a_single_servers_file_are_placed() {
    let cases = [
        ("clientPort=2181", "zoo.cfg: dataDir: is missing; give the directory"),
        ("dataDir=\nclientPort=2181", "zoo.cfg:1: dataDir: is missing"),
        ("dataDir=/d", "zoo.cfg: clientPort: is missing; give the port"),
        ("dataDir=/d\nclientPortAddress=h", "zoo.cfg:2: clientPortAddress: clientPort is missing"),
        (
            "dataDir=/d\nclientPort=21x81",
            "zoo.cfg:2: clientPort: `21x81` is not a whole number from 0 to 65535",
        ),
        ("dataDir=/d\n\nclientPort=70000", "zoo.cfg:3: clientPort: `70000` is not"),
        ("tickTime=0\ndataDir=/d\nclientPort=1", "zoo.cfg:1: tickTime: `0` is not"),
        ("tickTime=2s\ndataDir=/d\nclientPort=1", "zoo.cfg:1: tickTime: `2s` is not"),
        ("dataDir=/d\nclientPort=1\ntiktime=1", "zoo.cfg:3: tiktime: unknown key; did you mean tickTime?"),
        ("dataDir=/d\nclientPort=1\nfoo.bar=1", "zoo.cfg:3: foo.bar: unknown key; remove it"),
        ("dataDir=/d\nclientPort=1\nelectionAlg=0", "zoo.cfg:3: electionAlg: only 3"),
        ("dataDir=/d\nclientPort=1\nforceSync=no", "zoo.cfg:3: forceSync: this server always syncs"),
        (
            "dataDir=/d\nclientPort=1\nquorumListenOnAllIPs=si",
            "zoo.cfg:3: quorumListenOnAllIPs: `si` is neither",
        ),
        ("dataDir=/d\nclientPort=1\nminSessionTimeout=90000", "zoo.cfg:3: minSessionTimeout: the smallest"),
        ("dataDir=/d\nclientPort=1\nmaxSessionTimeout=10", "zoo.cfg:3: maxSessionTimeout: the smallest"),
        (
            "dataDir=/d\nclientPort=1\nmenagerie.grpcAddress=x",
            "zoo.cfg:3: menagerie.grpcAddress: give host:port",
        ),
        ("dataDir=/d\nclientPort=1\npeerType=observer", "zoo.cfg:3: peerType: this server's line"),
        ("dataDir=/d\nclientPort=1\npeerType=boss", "zoo.cfg:3: peerType: `boss` is neither"),
    ];
    for (text, expected) in cases {
        let message = bad(text);
        assert!(message.starts_with(expected), "{text:?}: {message}");
    }
}

#[test]
fn faults_of_an_ensembles_file_are_placed() {
    let with = |from: &str, to: &str| THREE.replace(from, to);
    let cases = [
        (with("initLimit=10", ""), "zoo.cfg: initLimit: an ensemble needs it; give initLimit=10"),
        (with("syncLimit=5", "syncLimit=0"), "zoo.cfg:3: syncLimit: an ensemble needs it"),
        (
            with("server.2=127.0.0.1:2889:3889", "server.1=a:1:2"),
            "zoo.cfg:6: server.1: this id is there twice",
        ),
        (
            with("server.2=127.0.0.1:2889:3889", "server.01=a:1:2"),
            "zoo.cfg:7: server.01: this id is there twice",
        ),
        (
            with("server.2=127.0.0.1:2889", "server.2=127.0.0.1:2888"),
            "zoo.cfg:7: server.2: 127.0.0.1:2888 is server.1's",
        ),
        (with("server.2", "server.0"), "zoo.cfg:7: server.0: `0` is no id"),
        (with("server.2", "server.256"), "zoo.cfg:7: server.256: `256` is no id"),
        (with("server.2", "server.two"), "zoo.cfg:7: server.two: `two` is no id"),
        (with(":3889", ""), "zoo.cfg:7: server.2: give host:quorumPort:electionPort"),
        (with("3889", "3889:observer").replace("3890", "3890:observer"), "zoo.cfg: server.N: observers need"),
        (
            with("server.1=127.0.0.1:2888:3888", "server.1=a:1:2;2182"),
            "zoo.cfg:5: clientPort: 2181 is not 2182",
        ),
    ];
    for (text, expected) in cases {
        let message = bad(&text);
        assert!(message.starts_with(expected), "{text:?}: {message}");
    }
}

#[test]
fn a_missing_or_wrong_myid_says_what_to_write() {
    let cases = [
        (None, "/d/myid: is missing; write this server's number into it, one of 1, 2, 3"),
        (Some("one"), "/d/myid: `one` is not a number; write one of 1, 2, 3"),
        (Some(""), "/d/myid: `` is not a number"),
        (
            Some("4"),
            "/d/myid: 4 is not among the servers of zoo.cfg, which are 1, 2, 3; correct one of the two",
        ),
    ];
    for (my_id, expected) in cases {
        let message = parse_with(THREE, my_id).expect_err("no such member").to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn one_listed_server_needs_no_myid_unless_it_is_a_quorum_of_one() {
    let text = format!("{ONE}server.7=localhost:2888:3888\n");
    assert_eq!(parse_with(&text, None).expect("alone").my_id, 7);
    let text = format!("{text}standaloneEnabled=false\n");
    assert!(parse_with(&text, None).is_err());
}

#[test]
fn the_client_address_may_stand_in_the_server_line() {
    let text = "dataDir=/d\nserver.1=zoo1:2888:3888;10.0.0.9:2182\n";
    assert_eq!(good(text).client_addr.expect("given").text, "10.0.0.9:2182");
    let text = "dataDir=/d\nclientPortAddress=10.0.0.1\nserver.1=zoo1:2888:3888;2182\n";
    assert_eq!(good(text).client_addr.expect("given").text, "10.0.0.1:2182");
}

#[test]
fn servers_may_stand_in_the_dynamic_file_and_nothing_else_there() {
    let text = "dataDir=/d\nclientPort=2181\ninitLimit=1\nsyncLimit=1\ndynamicConfigFile=dyn";
    let parse_dynamic = |text: &str, dynamic: &str| {
        let dynamic = Some(("dyn".to_owned(), dynamic.to_owned()));
        let my_id = |_: &Path| Ok(Some("2".into()));
        parse(&Files { name: "zoo.cfg", text, dynamic, given: &Given::default(), my_id: &my_id })
    };
    let servers = "server.1=a:1:2\nserver.2=b:1:2:participant;2181\nserver.3=c:1:2\n";
    assert_eq!(parse_dynamic(text, servers).expect("three servers").my_id, 2);
    let error = parse_dynamic(text, "tickTime=1").expect_err("not there").to_string();
    assert_eq!(error, "dyn:1: tickTime: only server.N, group.N and weight.N may stand in this file");
    let error = parse_dynamic(&format!("{text}\nserver.1=a:1:2"), servers).expect_err("twice").to_string();
    assert!(error.starts_with("zoo.cfg:6: server.1: servers stand in dynamicConfigFile already"), "{error}");
}

#[test]
fn the_file_comes_before_properties_unless_zookeeper_would_not_find_it_there() {
    let text = format!("{ONE}zookeeper.enforceQuota=true\njute.maxbuffer=2048\nmaxCnxns=1\n");
    let arguments = ["zookeeper.enforceQuota=false", "jute.maxbuffer=4096", "zookeeper.skipACL=yes"];
    let variable = |name: &str| (name == "JVMFLAGS").then(|| "-Dzookeeper.maxCnxns=1 -Xmx1g".to_owned());
    let given = Given::new(&arguments.map(str::to_owned), variable).expect("good");
    let my_id = |_: &Path| Ok(None);
    let config = parse(&Files { name: "zoo.cfg", text: &text, dynamic: None, given: &given, my_id: &my_id });
    let config = config.expect("good");
    let value = |key| config.settings.text(key);
    assert_eq!(
        ["enforceQuota", "jute.maxbuffer", "skipACL"].map(value),
        [Some("true"), Some("4096"), Some("yes")]
    );
    let expected = [
        "-Dzookeeper.enforceQuota has no effect: zoo.cfg:4: zookeeper.enforceQuota comes first, as in ZooKeeper",
        "zoo.cfg:5: jute.maxbuffer has no effect: -Djute.maxbuffer comes first, as in ZooKeeper",
    ];
    assert_eq!(config.warnings, expected);
}

#[test]
fn faults_of_properties_name_the_argument_or_the_variable() {
    let with = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let given = Given::new(&arguments, variable)?;
        let my_id = |_: &Path| Ok(None);
        parse(&Files { name: "zoo.cfg", text: ONE, dynamic: None, given: &given, my_id: &my_id })
    };
    let arguments = [
        (
            "zookeeper.enforcequota=true",
            "-Dzookeeper.enforcequota: unknown property; did you mean enforceQuota?",
        ),
        ("minSessionTimeout=x", "-DminSessionTimeout: `x` is not a whole number"),
        ("server.1=a:1:2", "-Dserver.1: unknown property; did you mean server.N"),
    ];
    for (argument, expected) in arguments {
        let message = with(&[argument], &[]).expect_err(expected).to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    let variables = [
        (("JVMFLAGS", "-Dzookeeper.foo=1"), "JVMFLAGS: -Dzookeeper.foo: unknown property; remove it"),
        (("MENAGERIE_MAX_SESSION_TIMEOUT", "1"), "MENAGERIE_MAX_SESSION_TIMEOUT: the smallest session"),
    ];
    for (variable, expected) in variables {
        let message = with(&[], &[variable]).expect_err(expected).to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    // What the file says already is not said twice.
    assert!(with(&[], &[("MENAGERIE_TICK_TIME", "2000")]).expect("the same").warnings.is_empty());
}
