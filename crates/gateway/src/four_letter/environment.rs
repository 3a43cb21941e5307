//! `envi`: where the process runs. What concerns Java alone is not there.

use super::VERSION;

const NOT_AVAILABLE: &str = "<NA>";

/// The keys of ZooKeeper, in its order.
pub fn environment() -> String {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| NOT_AVAILABLE.into());
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned());
    let kernel =
        |name: &str| read(&format!("/proc/sys/kernel/{name}")).unwrap_or_else(|_| NOT_AVAILABLE.into());
    let memory = Memory::now();
    let here = std::env::current_dir().map_or_else(|_| NOT_AVAILABLE.into(), |dir| dir.display().to_string());
    let lines = [
        ("zookeeper.version", VERSION.to_owned()),
        ("host.name", kernel("hostname")),
        ("java.version", NOT_AVAILABLE.into()),
        ("java.vendor", NOT_AVAILABLE.into()),
        ("java.home", NOT_AVAILABLE.into()),
        ("java.class.path", NOT_AVAILABLE.into()),
        ("java.library.path", NOT_AVAILABLE.into()),
        ("java.io.tmpdir", std::env::temp_dir().display().to_string()),
        ("java.compiler", NOT_AVAILABLE.into()),
        ("os.name", kernel("ostype")),
        ("os.arch", std::env::consts::ARCH.to_owned()),
        ("os.version", kernel("osrelease")),
        ("user.name", variable("USER")),
        ("user.home", variable("HOME")),
        ("user.dir", here),
        ("os.memory.free", format!("{}MB", memory.free_mb)),
        ("os.memory.max", format!("{}MB", memory.total_mb)),
        ("os.memory.total", format!("{}MB", memory.resident_mb)),
    ];
    let lines: String = lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    format!("Environment:\n{lines}")
}

/// The machine's memory, and what this process has of it.
struct Memory {
    free_mb: u64,
    total_mb: u64,
    resident_mb: u64,
}

impl Memory {
    fn now() -> Self {
        Self {
            free_mb: megabytes("/proc/meminfo", "MemAvailable:"),
            total_mb: megabytes("/proc/meminfo", "MemTotal:"),
            resident_mb: megabytes("/proc/self/status", "VmRSS:"),
        }
    }
}

fn megabytes(file: &str, key: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}
