//! The binary as it is started by hand: what it says, and how it exits, before it touches anything.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn menagerie(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menagerie"));
    command.args(arguments).env_remove("RUST_LOG").envs(variables.iter().copied());
    command.output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn version_and_help_go_to_stdout_and_exit_with_0() {
    for (flag, expected) in [("--version", env!("CARGO_PKG_VERSION")), ("--help", "standalone")] {
        let output = menagerie(&[flag], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains(expected), "{flag}");
    }
}

#[test]
fn flags_come_before_variables_and_variables_before_the_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = write(directory.path(), "tracker.toml", "tick-time = 2000\nlisten = \"127.0.0.1:0\"\n");
    // A tick of 10 ms makes the smallest timeout too large, so the message tells which tick counted.
    let base = ["session-tracker", "--consensus=1=a:1", "--stores=1=b:1", "--min-session-timeout=40001"];
    let with = |more: &[&str], variables: &[(&str, &str)]| {
        let config = format!("--config={file}");
        let arguments: Vec<&str> = base.iter().chain(&[config.as_str()]).chain(more).copied().collect();
        let output = menagerie(&arguments, variables);
        assert_eq!(output.status.code(), Some(2));
        stderr(&output)
    };
    assert!(with(&[], &[]).contains("largest timeout of 40000 ms"));
    let variable = [("MENAGERIE_TICK_TIME", "100")];
    assert!(with(&[], &variable).contains("largest timeout of 2000 ms"));
    assert!(with(&["--tick-time=10"], &variable).contains("largest timeout of 200 ms"));
}

#[test]
fn a_wrong_variable_is_a_usage_error() {
    let output = menagerie(&["standalone"], &[("MENAGERIE_CLIENT_ADDR", "nowhere")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--client-addr"), "{}", stderr(&output));
}

#[test]
fn faults_of_zoo_cfg_exit_with_2_and_leave_no_trace() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("data");
    let common = format!("dataDir={}\nclientPort=0\nadmin.enableServer=false\n", data.display());
    let cases = [
        ("tickTme=2000\n", ":4: tickTme: unknown key; did you mean tickTime?"),
        ("clientPortAddress=not an address\n", ":4: clientPortAddress: not an address:0 "),
        (
            "initLimit=1\nsyncLimit=1\nserver.1=a:1:2\nserver.2=b:1:2\n",
            "myid: is missing; write this server's number",
        ),
    ];
    for (text, expected) in cases {
        let file = write(directory.path(), "zoo.cfg", &format!("{common}{text}"));
        let output = menagerie(&["server", "--config", &file], &[]);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(stderr(&output).contains(expected), "{text}: {}", stderr(&output));
        assert!(!data.exists(), "{text}");
    }
    let output = menagerie(&["server", "/no/such/zoo.cfg"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/no/such/zoo.cfg: cannot be read"));
}

#[test]
fn a_taken_address_exits_with_1_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("data").display().to_string();
    for flag in ["--client-addr", "--grpc-addr", "--admin-addr"] {
        let mut arguments = vec!["standalone", "--data-dir", &data];
        for other in ["--client-addr", "--grpc-addr", "--admin-addr"] {
            arguments.extend([other, if other == flag { address.as_str() } else { "127.0.0.1:0" }]);
        }
        let output = menagerie(&arguments, &[]);
        assert_eq!(output.status.code(), Some(1), "{flag}");
        assert!(stderr(&output).contains(&address), "{flag}: {}", stderr(&output));
    }
}
