//! What processes cost: processor time and memory, from /proc.

use std::fs;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Processor time so far, of everybody who matters.
#[derive(Clone, Debug)]
pub struct Snapshot {
    at: Instant,
    own_s: f64,
    servers_s: Vec<f64>,
    machine_s: f64,
}

/// What was used between two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Time between the snapshots.
    pub window_s: f64,
    /// Processor time of this process.
    pub client_cpu_s: f64,
    /// That, for each operation.
    pub client_us_per_op: f64,
    /// Processor time of all servers.
    pub server_cpu_s: f64,
    /// That, for each operation.
    pub server_us_per_op: f64,
    /// Processor time of each server.
    pub server_cpu_each_s: Vec<f64>,
    /// Resident memory of each server at the end.
    pub server_rss_kib: Vec<u64>,
    /// Processor time of the machine that neither this process nor the servers used: who else was there.
    pub other_cpu_s: f64,
}

impl Snapshot {
    /// Takes one. A process that is not there has used nothing.
    pub fn take(pids: &[u32]) -> Self {
        Self {
            at: Instant::now(),
            own_s: own_cpu_s(),
            servers_s: pids.iter().map(|pid| cpu_s(*pid).unwrap_or(0.0)).collect(),
            machine_s: machine_cpu_s().unwrap_or(0.0),
        }
    }

    /// What was used from `self` to `later`, in which `ops` operations were done.
    pub fn until(&self, later: &Self, ops: u64, pids: &[u32]) -> Usage {
        let each: Vec<f64> =
            self.servers_s.iter().zip(&later.servers_s).map(|(from, to)| round(to - from)).collect();
        let (client, server) = (later.own_s - self.own_s, each.iter().sum::<f64>());
        let per_op = |seconds: f64| if ops == 0 { 0.0 } else { round(seconds * 1e6 / ops as f64) };
        Usage {
            window_s: round((later.at - self.at).as_secs_f64()),
            client_cpu_s: round(client),
            client_us_per_op: per_op(client),
            server_cpu_s: round(server),
            server_us_per_op: per_op(server),
            server_cpu_each_s: each,
            server_rss_kib: rss_kib(pids),
            other_cpu_s: round((later.machine_s - self.machine_s - client - server).max(0.0)),
        }
    }
}

/// Resident memory of each process; 0 for one that is not there.
pub fn rss_kib(pids: &[u32]) -> Vec<u64> {
    let one =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/status")).ok().and_then(|text| rss_of(&text));
    pids.iter().map(|pid| one(pid).unwrap_or(0)).collect()
}

fn own_cpu_s() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

fn cpu_s(pid: u32) -> Option<f64> {
    let ticks = ticks_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn machine_cpu_s() -> Option<f64> {
    let ticks = busy_ticks_of(&fs::read_to_string("/proc/stat").ok()?)?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// User and system time of all threads, ended ones too. The name before may hold spaces and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

fn rss_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Everything but idle, waiting for disks, and what was stolen.
fn busy_ticks_of(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().filter_map(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _waiting, interrupts, soft_interrupts, ..] = ticks[..] else {
        return None;
    };
    Some(user + nice + system + interrupts + soft_interrupts)
}

fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_a_name_with_brackets() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 17 25 3 4 20 0 5 0 12345 1 2";
        assert_eq!(ticks_of(stat), Some(42));
        assert_eq!(ticks_of("42 (a"), None);
        assert_eq!(ticks_of("42 (a) S 1"), None);
    }

    #[test]
    fn memory_and_machine_time_are_read() {
        assert_eq!(rss_of("Name:\tx\nVmRSS:\t   1234 kB\nThreads:\t1\n"), Some(1234));
        assert_eq!(rss_of("Name:\tx\n"), None);
        assert_eq!(busy_ticks_of("cpu  1 2 4 800 900 8 16 500 0 0\ncpu0 1\n"), Some(31));
        assert_eq!(busy_ticks_of("intr 1\n"), None);
    }

    #[test]
    fn what_this_process_uses_is_seen_in_both_ways() {
        let pids = [std::process::id()];
        let before = Snapshot::take(&pids);
        let mut sum = 0_u64;
        let began = Instant::now();
        while cpu_s(pids[0]).expect("this process") < before.servers_s[0] + 0.05 {
            sum = (0..100_000).fold(sum, |sum: u64, n| sum.wrapping_mul(31).wrapping_add(n));
            assert!(began.elapsed().as_secs() < 60, "no processor time within a minute, {sum}");
        }
        let usage = before.until(&Snapshot::take(&pids), 100, &pids);
        assert!(usage.client_cpu_s >= 0.03 && usage.server_cpu_s >= 0.05, "{usage:?}");
        assert!(usage.server_us_per_op >= 500.0 && usage.server_rss_kib[0] > 0, "{usage:?}");
        assert_eq!(rss_kib(&[u32::MAX]), [0]);
    }
}
