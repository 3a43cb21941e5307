use std::ffi::OsString;
use std::io::Write;

use super::*;

const GATEWAY: [&str; 5] =
    ["gateway", "--listen=0.0.0.0:2888", "--consensus=1=a:1", "--stores=1=b:1", "--trackers=dns:t:2888"];

fn try_parse(arguments: &[&str]) -> std::result::Result<Cli, String> {
    let arguments: Vec<OsString> = std::iter::once(&"menagerie").chain(arguments).map(Into::into).collect();
    parse(&arguments).map_err(|refusal| match refusal {
        Refusal::Usage(error) => error.render().to_string(),
        Refusal::Config(error) => error.to_string(),
    })
}

fn gateway(arguments: &[&str]) -> GatewayArgs {
    match try_parse(arguments).expect("good arguments").role {
        Role::Gateway(args) => args,
        other => panic!("not a gateway: {other:?}"),
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn with_file(base: &[&str], text: &str) -> std::result::Result<Cli, String> {
    let file = file(text);
    let flag = format!("--config={}", file.path().display());
    let arguments: Vec<&str> = base.iter().copied().chain([flag.as_str()]).collect();
    try_parse(&arguments).map_err(|message| message.replace(&file.path().display().to_string(), "FILE"))
}

#[test]
fn the_definition_of_the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn standalone_needs_nothing() {
    let Role::Standalone(args) = try_parse(&["standalone"]).expect("no arguments").role else {
        panic!("another role");
    };
    assert_eq!(args.data_dir, std::path::Path::new("./data"));
    let addresses = [args.client_addr, args.grpc_addr, args.admin_addr].map(|a| a.to_string());
    assert_eq!(addresses, ["127.0.0.1:2181", "127.0.0.1:2182", "127.0.0.1:8080"]);
    assert_eq!((args.tick_time, args.clients.max_client_cnxns), (2000, None));
}

#[test]
fn server_takes_its_file_in_three_ways_and_exactly_once() {
    for arguments in [["server", "--config=z"].as_slice(), &["server", "-c", "z"], &["server", "z"]] {
        let Role::Server(args) = try_parse(arguments).expect("a file").role else { panic!("another role") };
        assert_eq!(args.config.or(args.path).as_deref(), Some(std::path::Path::new("z")));
    }
    assert!(try_parse(&["server"]).expect_err("no file").contains("ZOO.CFG"));
    assert!(try_parse(&["server", "-c", "z", "y"]).is_err());
}

#[test]
fn the_file_fills_what_flags_leave_open() {
    let text =
        "client-addr = \"127.0.0.1:1111\"\nmax-client-cnxns = 7\nfour-letter-words = [\"ruok\", \"srvr\"]\n";
    let Role::Gateway(args) = with_file(&GATEWAY, text).expect("a good file").role else {
        panic!("another role")
    };
    assert_eq!(args.client_addr.to_string(), "127.0.0.1:1111");
    assert_eq!(args.clients.max_client_cnxns, Some(7));
    assert_eq!(args.clients.four_letter_words, "ruok,srvr".parse().ok());
    // The flag comes first, whatever the file says.
    let base: Vec<&str> = GATEWAY.into_iter().chain(["--max-client-cnxns=8"]).collect();
    let Role::Gateway(args) = with_file(&base, text).expect("a good file").role else {
        panic!("another role")
    };
    assert_eq!(args.clients.max_client_cnxns, Some(8));
}

#[test]
fn required_settings_may_come_from_the_file() {
    let text = "id = 2\nlisten = \"127.0.0.1:1\"\ndata-dir = \"/d\"\npeers = [\"1=a:1\", \"2=b:1\"]\n";
    let Role::Consensus(args) = with_file(&["consensus"], text).expect("all there").role else {
        panic!("another role");
    };
    assert_eq!(args.id.node_id().0, 2);
    assert_eq!(args.peers.iter().count(), 2);
}

#[test]
fn faults_of_the_file_are_placed() {
    let cases = [
        ("listn = \"x\"", "FILE:1: listn: no such setting of gateway; did you mean listen?"),
        (
            "\n\ndata-dir = \"x\"",
            "FILE:3: data-dir: no such setting of gateway; `menagerie gateway --help` lists them",
        ),
        ("a = 1\nb = ", "FILE:2: "),
        (
            "client-addr = \"nowhere\"",
            "FILE:1: client-addr: invalid value 'nowhere' for '--client-addr <ADDR:PORT>'",
        ),
        ("client-addr = true", "FILE:1: client-addr: give a string"),
        ("\ngateway-threads = 0", "FILE:2: gateway-threads: invalid value '0'"),
        ("[gateway]\nlisten = \"x\"", "FILE:1: gateway: give a string"),
    ];
    for (text, expected) in cases {
        let message = with_file(&GATEWAY, text).expect_err(text);
        assert!(message.starts_with(expected), "{text:?}: {message}");
    }
    let message = try_parse(&["gateway", "--config=/no/such/file"]).expect_err("no file");
    assert!(message.starts_with("/no/such/file: cannot be read: "), "{message}");
}

#[test]
fn faults_of_flags_say_what_to_type() {
    let cases = [
        (vec!["standalone", "--client-addr=2181"], "give an IP address and a port, such as 127.0.0.1:2181"),
        (vec!["standalone", "--tick-time=0"], "0 is not in 1..=86400000"),
        (vec!["standalone", "--log-level=a=b=c"], "give error, warn, info, debug or trace"),
        (vec!["standalone", "--dta-dir=x"], "--data-dir"),
        (vec!["standalon"], "standalone"),
        (vec!["consensus", "--id=1"], "--data-dir"),
        (vec!["consensus", "--id=random"], "give a number from 1 on"),
        (vec!["gateway", "--four-letter-words=ruko"], "no four-letter word"),
    ];
    for (arguments, expected) in cases {
        let message = try_parse(&arguments).expect_err("a fault");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn settings_that_contradict_one_another_are_refused() {
    let consensus =
        ["consensus", "--id=consensus-2", "--listen=0.0.0.0:1", "--data-dir=d", "--peers=1=a:1,2=b:1"];
    let message = try_parse(&consensus).expect_err("3 is not a peer");
    assert!(message.starts_with("--id: 3 is not in --peers, which lists 1, 2"), "{message}");
}

#[test]
fn properties_come_from_arguments_and_from_a_list_in_the_file() {
    let Role::Server(args) =
        try_parse(&["server", "-Dzookeeper.enforceQuota=true", "-D", "a=b,c", "zoo.cfg"]).expect("good").role
    else {
        panic!("another role")
    };
    assert_eq!(args.properties.properties, ["zookeeper.enforceQuota=true", "a=b,c"]);
    let text = "property = [\"skipACL=yes\", \"enforce.auth.schemes=digest,sasl\"]";
    let Role::Gateway(args) = with_file(&GATEWAY, text).expect("a good file").role else {
        panic!("another role")
    };
    assert_eq!(args.properties.properties, ["skipACL=yes", "enforce.auth.schemes=digest,sasl"]);
}

#[test]
fn trackers_and_gateways_draw_an_id_unless_given_one() {
    assert!(gateway(&GATEWAY).id.node_id().0 > u64::from(u32::MAX));
    let named: Vec<&str> = GATEWAY.into_iter().chain(["--id=gateway-1"]).collect();
    assert_eq!(gateway(&named).id.node_id().0, 2);
}
