//! What a renderer cannot do.

use std::{fs, io::ErrorKind, net::TcpListener, os::fd::AsRawFd as _};

use imaging::{ALLOCATOR_TUNABLES, ALLOCATOR_VARIABLE};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::{Faulty, MAX_PIXELS, limits};
use crate::stage::DEADLINE;

/// Major and minor.
fn linux_version() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse().ok());
    (parts.next().unwrap(), parts.next().unwrap())
}

#[tokio::test]
async fn a_renderer_reaches_neither_files_nor_the_network_nor_other_programs() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let faulty = Faulty::new(limits(1));
    let confinement = faulty.renderer.prepare().await.unwrap();
    // Each by itself, as one may hide that another does nothing; from the version of Linux on that has it.
    let linux = linux_version();
    for (measure, since) in [
        ("no files (landlock)", (5, 13)),
        ("no TCP (landlock)", (6, 7)),
        ("no signals or abstract sockets (landlock)", (6, 12)),
        ("(seccomp)", (3, 17)),
    ] {
        if linux < since {
            continue;
        }
        let is_in_force = confinement.in_force.iter().any(|name| name.ends_with(measure));
        assert!(is_in_force, "{measure} is not in {:?}", confinement.in_force);
    }

    let order = format!("attempts {}", listener.local_addr().unwrap());
    let report = faulty.obey(&order).await.unwrap();
    let mut lines = report.lines();
    assert_eq!(lines.next(), Some("variables: 1"), "{report}");
    assert_eq!(lines.clone().count(), 11, "{report}");
    for line in lines {
        assert!(line.ends_with(&format!(": Err({})", libc::EPERM)), "{line}");
    }
    listener.set_nonblocking(true).unwrap();
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_renderer_has_nothing_of_the_workers_environment_descriptors_or_terminal() {
    // A descriptor as a careless supervisor leaves it: open in every process that is started.
    let careless = fs::File::open("/dev/null").unwrap();
    fcntl(&careless, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let faulty = Faulty::new(limits(1));
    let pid = faulty.pid().await;
    let mut descriptors: Vec<i32> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    descriptors.sort_unstable();
    assert!(careless.as_raw_fd() > 2);
    assert_eq!(descriptors, [0, 1, 2]);
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    // Before 2.38, glibc cuts the text where it lies.
    let environment = environment.trim_end_matches('\0').replace('\0', ":");
    assert_eq!(environment, format!("{ALLOCATOR_VARIABLE}={ALLOCATOR_TUNABLES}"));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // State, parent, process group.
    let group = stat.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap();
    assert_eq!(group, pid.to_string());
}

#[tokio::test]
async fn memory_is_bounded_by_pixels_and_time_moves_with_the_pictures() {
    let faulty = Faulty::new(limits(1));
    let limits = faulty.obey("limits").await.unwrap();
    let address_space = (256 << 20) + (8 << 20) + 18 * MAX_PIXELS;
    for line in [
        format!("RLIMIT_AS: Ok(({address_space}, {address_space}))"),
        "RLIMIT_CORE: Ok((0, 0))".to_owned(),
        "RLIMIT_NOFILE: Ok((3, 3))".to_owned(),
        "RLIMIT_FSIZE: Ok((0, 0))".to_owned(),
        format!("RLIMIT_CPU: Ok(({}, ", DEADLINE.as_secs() + 3),
    ] {
        assert!(limits.contains(&line), "{line} is not in {limits}");
    }
    let allowed = |limits: &str| -> u64 {
        let line = limits
            .lines()
            .find_map(|line| line.strip_prefix("RLIMIT_CPU: Ok(("));
        line.unwrap().split(',').next().unwrap().parse().unwrap()
    };
    faulty.obey("burn").await.unwrap();
    let later = faulty.obey("limits").await.unwrap();
    assert!(allowed(&later) > allowed(&limits), "{later}");
}
