//! A renderer that goes wrong as its picture tells it to, behind the very loop and confinement of the real one. For the
//! tests of the worker, which start it in the place of the worker's own binary.

use std::{
    cell::Cell,
    env, fs,
    fs::File,
    hint, io,
    io::Write as _,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    process::{self, Command, ExitCode},
    thread,
    time::Duration,
};

use bytes::Bytes;
use domain::{ImageFormat, Placeholder};
use image_worker::render::{ChildProgram, RenderLimits, Renderer, serve_with};
use imaging::{
    AvifProfile, ImagingError, JpegProfile, RenderProfile, Rendered, RenderedVariant, StepTimings, Tuning,
    WebpProfile,
};
use nix::sys::{
    resource::{Resource, UsageWho, getrlimit, getrusage},
    time::TimeValLike as _,
};
use tokio::runtime::Builder;

/// `worker MARK` makes it a worker instead, whose one renderer, with that mark in its arguments, never ends.
fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if let (Some("worker"), Some(mark)) = (arguments.next().as_deref(), arguments.next()) {
        return work(&mark);
    }
    let outcome = serve_with(|profile, _| {
        let seen = Cell::new(0_u32);
        move |source: &[u8]| {
            let before = seen.replace(seen.get() + 1);
            obey(&String::from_utf8_lossy(source), before, &profile)
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work(mark: &str) -> ExitCode {
    let program = ChildProgram::at("/proc/self/exe", [mark]);
    let profile = RenderProfile {
        max_pixels: 1,
        background: [0; 3],
        variants: Vec::new(),
        jpeg: JpegProfile { quality: 1 },
        webp: WebpProfile {
            quality: 1,
            method: 0,
        },
        avif: AvifProfile {
            quality: 1,
            speed: 10,
        },
    };
    let limits = RenderLimits {
        concurrency: 1,
        deadline: Duration::from_secs(3_600),
        source_bytes: 4,
    };
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let _ends_with_its_deadline = runtime.block_on(
        Renderer::new(program, profile, Tuning::default(), limits).render(Bytes::from_static(b"spin")),
    );
    ExitCode::SUCCESS
}

/// Does what `order` says; `before` is the number of pictures that this process has seen.
fn obey(order: &str, before: u32, profile: &RenderProfile) -> Result<Rendered, ImagingError> {
    let (order, argument) = order.split_once(' ').unwrap_or((order, ""));
    match order {
        "pid" => return Ok(saying(profile, &process::id().to_string())),
        "attempts" => return Ok(saying(profile, &attempts(argument))),
        "limits" => return Ok(saying(profile, &limits())),
        "refuse" => return Err(ImagingError::UnsupportedFormat),
        "panic" => panic!("a decoder that panics outside of its shield"),
        "abort" => process::abort(),
        "abort-unless-fresh" if before > 0 => process::abort(),
        "exit" => process::exit(7),
        "spin" => spin(),
        "hang" => loop {
            thread::park();
        },
        "burn" => burn(),
        "spin-unless-fresh" if before > 0 => spin(),
        "grow" => grow(),
        "babble" => babble(),
        "rename" => {
            let mut rendered = saying(profile, order);
            rendered.variants[0].name = "../../originals/of-somebody-else".to_owned();
            return Ok(rendered);
        }
        _ => {}
    }
    Ok(saying(profile, order))
}

/// A picture each of whose variants holds `text`.
fn saying(profile: &RenderProfile, text: &str) -> Rendered {
    let variants = profile.variants.iter().flat_map(|variant| {
        variant.formats.iter().map(|format| RenderedVariant {
            name: variant.name.clone(),
            format: *format,
            width: 1,
            height: 1,
            bytes: text.as_bytes().to_vec(),
        })
    });
    Rendered {
        width: 1,
        height: 1,
        animated: false,
        format: ImageFormat::Png,
        placeholder: Placeholder {
            thumbhash: "1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned(),
            color: "#000000".to_owned(),
        },
        variants: variants.collect(),
        timings: StepTimings::default(),
    }
}

/// What comes of trying to get out, a line each. `listener` is an address where somebody listens.
fn attempts(listener: &str) -> String {
    let own = "/proc/self/exe";
    let outcomes = [
        ("read a file", File::open("/etc/passwd").map(drop)),
        ("read itself", File::open(own).map(drop)),
        ("make a file", File::create("/tmp/made-by-a-renderer").map(drop)),
        ("list a folder", fs::read_dir("/").map(drop)),
        ("look at a file", fs::metadata("/etc/passwd").map(drop)),
        ("connect", TcpStream::connect(listener).map(drop)),
        ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
        ("send datagrams", UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("open a local socket", UnixStream::pair().map(drop)),
        ("run a program", Command::new("/bin/true").status().map(drop)),
        ("start a thread", thread::Builder::new().spawn(|| {}).map(drop)),
    ];
    let mut text = format!("variables: {}\n", env::vars_os().count());
    for (attempt, outcome) in outcomes {
        let outcome = outcome.map_err(|error| error.raw_os_error().unwrap_or_default());
        text.push_str(&format!("{attempt}: {outcome:?}\n"));
    }
    text
}

/// The limits in force, soft and hard, a line each.
fn limits() -> String {
    [
        Resource::RLIMIT_AS,
        Resource::RLIMIT_CORE,
        Resource::RLIMIT_NOFILE,
        Resource::RLIMIT_FSIZE,
        Resource::RLIMIT_CPU,
    ]
    .map(|resource| format!("{resource:?}: {:?}\n", getrlimit(resource)))
    .concat()
}

fn spin() -> ! {
    loop {
        hint::spin_loop();
    }
}

/// Takes more than a second of a processor.
fn burn() {
    let used = || getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.user_time().num_milliseconds());
    let before = used();
    while used() < before + 1_200 {
        hint::spin_loop();
    }
}

fn grow() -> ! {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; 16 << 20]);
        hint::black_box(&held);
    }
}

/// Writes what is no frame, and waits for nobody to object.
fn babble() -> ! {
    let mut output = io::stdout().lock();
    let _ = output
        .write_all(b"a renderer has been taken over\n")
        .and_then(|()| output.flush());
    spin()
}
