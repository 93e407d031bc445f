//! What processes have used, by the kernel's account.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};

/// What the kernel counts times of other processes in, on every architecture of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU-seconds of this process so far.
///
/// # Errors
/// The kernel does not tell.
pub fn own_cpu_seconds() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// The most memory that this process has held so far, in KiB.
///
/// # Errors
/// The kernel does not tell.
pub fn own_peak_kib() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    peak_of(&status).ok_or_else(|| io::Error::other("/proc/self/status has no VmHWM"))
}

/// What a process and its descendants have used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU-seconds, to a hundredth, with those of children that have ended.
    pub cpu: f64,
    /// The sum of the most memory that each has held so far, in KiB; at least what they held together at any time.
    pub peak_kib: u64,
}

impl Usage {
    /// That of the process `root` and all beneath it, so far. Those that end meanwhile are left out.
    pub fn of_tree(root: u32) -> Self {
        let processes = processes();
        let mut tree = HashSet::from([root]);
        // Until a turn finds no more children; pids do not tell who was first.
        loop {
            let found = tree.len();
            for (pid, process) in &processes {
                if tree.contains(&process.parent) {
                    tree.insert(*pid);
                }
            }
            if tree.len() == found {
                break;
            }
        }
        let mut usage = Self::default();
        for pid in tree {
            usage.cpu += processes
                .get(&pid)
                .map_or(0.0, |process| process.ticks as f64 / TICKS_PER_SECOND);
            let status = fs::read_to_string(format!("/proc/{pid}/status"));
            usage.peak_kib += status.ok().as_deref().and_then(peak_of).unwrap_or_default();
        }
        usage
    }
}

struct Process {
    parent: u32,
    ticks: u64,
}

fn processes() -> HashMap<u32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, process_of(&stat)?))
        })
        .collect()
}

/// Reads the fields behind the command, which may hold spaces and brackets itself (proc(5): ppid is the fourth, utime,
/// stime, cutime and cstime are the 14th to 17th).
fn process_of(stat: &str) -> Option<Process> {
    let (_, behind) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = behind.split_ascii_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>());
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        ticks: ticks.sum::<Result<u64, _>>().ok()?,
    })
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, process::Command};

    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_command_is_called() {
        let stat = "42 (a) b ( c) S 7 1 1 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99 1 1";
        let process = process_of(stat).unwrap();
        assert_eq!((process.parent, process.ticks), (7, 100));
        assert!(process_of("42 (a) S").is_none());
    }

    #[test]
    fn work_and_memory_are_counted() {
        let (cpu, block) = (own_cpu_seconds().unwrap(), vec![1_u8; 64 << 20]);
        let sum: u64 = black_box(&block).iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 64 << 20);
        assert!(own_cpu_seconds().unwrap() > cpu);
        assert!(own_peak_kib().unwrap() >= 64 << 10);
    }

    #[test]
    fn descendants_count_with_their_ancestor() {
        // `; :` keeps the shell from becoming the command itself.
        let mut shell = Command::new("sh").args(["-c", "sleep 60; :"]).spawn().unwrap();
        let alone = |pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            peak_of(&status).unwrap()
        };
        let child = loop {
            let found = processes();
            let child = found.iter().find(|(_, process)| process.parent == shell.id());
            if let Some((pid, _)) = child {
                break *pid;
            }
            std::thread::yield_now();
        };
        let usage = Usage::of_tree(shell.id());
        let parent_alone = alone(shell.id());
        Command::new("kill").arg(child.to_string()).status().unwrap();
        shell.wait().unwrap();
        assert!(usage.peak_kib > parent_alone, "{usage:?}, {parent_alone}");
    }
}
