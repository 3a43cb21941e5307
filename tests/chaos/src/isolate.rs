//! Namespaces of one's own: what a run makes (networks, mounts, processes) is gone when it ends, however it ends.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::Context;

/// Set in the process that runs inside.
const INSIDE: &str = "MENAGERIE_CHAOS_INSIDE";
/// Whether links between namespaces can be made and filtered there.
const NETWORK_PROBE: &str =
    "ip link add chaos0 type bridge && nft 'add table ip chaos' && mount -t tmpfs none /run/netns";
/// Whether images of disks can be mounted.
const DISK_PROBE: &str =
    "mount -t tmpfs none /mnt && truncate -s 8M /mnt/image && mkfs.ext4 -q -F /mnt/image &&
    mkdir /mnt/disk && mount -o loop /mnt/image /mnt/disk && umount /mnt/disk";

/// What the machine lets a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Powers {
    /// Each process can have a network of its own, so that links can be cut.
    pub networks: bool,
    /// File systems can be made and mounted, so that disks can fill up and lose their power.
    pub disks: bool,
}

/// Starts this program again inside namespaces of its own, and returns only there. On a machine that does not let it,
/// returns at once, without powers.
///
/// Root is needed for disks; networks can also be had where anybody may make user namespaces.
pub fn enter() -> anyhow::Result<Powers> {
    if let Some(found) = std::env::var_os(INSIDE) {
        return Ok(Powers { networks: true, disks: found == "disks" });
    }
    let root: &[&str] = &[];
    for extra in [root, &["--user", "--map-root-user"]] {
        if !works(extra, NETWORK_PROBE) {
            continue;
        }
        let found = if works(extra, DISK_PROBE) { "disks" } else { "networks" };
        let mut command = unshare(extra);
        command.arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(INSIDE, found);
        return Err(command.exec()).context("unshare");
    }
    Ok(Powers { networks: false, disks: false })
}

fn works(extra: &[&str], probe: &str) -> bool {
    let mut command = unshare(extra);
    let script = format!("mkdir -p /run/netns && {probe}");
    command.args(["sh", "-c", &script]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The first process inside is the one that ends all others with it.
fn unshare(extra: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"])
        .args(extra)
        .arg("--");
    command
}
