//! Free ports, chosen below the range that the kernel hands out to outgoing connections.

use std::net::{Ipv4Addr, TcpListener};

use rand::Rng;

// Apart from the range of the suite in `e2e/`, which may run beside this one.
const LOWEST: u16 = 4_000;
const HIGHEST: u16 = 12_000;
const ATTEMPTS: usize = 1_000;

/// The first of `count` free ports in a row.
pub fn free_range(count: u16) -> anyhow::Result<u16> {
    let mut random = rand::rng();
    for _ in 0..ATTEMPTS {
        let first = random.random_range(LOWEST..HIGHEST - count);
        if (first..first + count).all(is_free) {
            return Ok(first);
        }
    }
    anyhow::bail!("no {count} free ports in a row")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
