//! A whole standalone process: it says where it serves, answers there, stops when told, and starts again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

struct Standalone {
    child: Child,
    /// Of ZooKeeper clients, gRPC clients and the admin server.
    addresses: [String; 3],
}

impl Standalone {
    /// Returns once the process has printed that it serves.
    fn start(data_dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_menagerie"))
            .args(["standalone", "--client-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0"])
            .args(["--admin-addr=127.0.0.1:0", "--listen=127.0.0.1:0", "--log-level=warn", "--data-dir"])
            .arg(data_dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let addresses = line
            .trim_end()
            .strip_prefix("menagerie standalone is serving: client ")
            .and_then(|rest| rest.split_once(", grpc "))
            .and_then(|(client, rest)| Some((client, rest.split_once(", admin http://")?)))
            .and_then(|(client, (grpc, rest))| Some([client, grpc, rest.split_once(", internal ")?.0]))
            .map(|addresses| addresses.map(str::to_owned))
            .unwrap_or_else(|| panic!("unexpected line: {line:?}"));
        Self { child, addresses }
    }

    fn ask(&self, which: usize, request: &str) -> String {
        let mut socket = TcpStream::connect(&self.addresses[which]).expect("it listens");
        socket.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("answered to the end");
        answer
    }

    fn get(&self, path: &str) -> String {
        self.ask(2, &format!("GET {path} HTTP/1.0\r\n\r\n"))
    }

    fn signal(&mut self, signal: &str) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        // Already gone in the good case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_where_it_says_and_exits_with_0_when_told_to() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for signal in ["-TERM", "-INT"] {
        let mut server = Standalone::start(directory.path());
        assert_eq!(server.ask(0, "ruok"), "imok");
        assert!(TcpStream::connect(&server.addresses[1]).is_ok());
        for (path, expected) in
            [("/healthz", "ok"), ("/readyz", "ready"), ("/metrics", "menagerie_call_total")]
        {
            let answer = server.get(path);
            assert!(answer.starts_with("HTTP/1.0 200") && answer.contains(expected), "{path}: {answer}");
        }
        let status = server.get("/status");
        for component in ["consensus", "tree-store", "session-tracker", "gateway"] {
            assert!(status.contains(&format!("\"{component}\":{{\"ready\":true")), "{status}");
        }
        assert_eq!(server.signal(signal).code(), Some(0), "{signal}");
    }
}

#[test]
fn it_starts_again_after_kill_9_and_refuses_a_second_owner() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut first = Standalone::start(directory.path());
    let second = Command::new(env!("CARGO_BIN_EXE_menagerie"))
        .args([
            "standalone",
            "--client-addr=127.0.0.1:0",
            "--grpc-addr=127.0.0.1:0",
            "--admin-addr=127.0.0.1:0",
        ])
        .arg("--data-dir")
        .arg(directory.path())
        .output()
        .expect("the binary runs");
    assert_eq!(second.status.code(), Some(1));
    let message = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(message.contains(&format!("is in use by process {}", first.child.id())), "{message}");
    first.signal("-KILL");
    let third = Standalone::start(directory.path());
    assert_eq!(third.ask(0, "ruok"), "imok");
}
