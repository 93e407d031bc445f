//! Where pictures come from, and what must become of each.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use fastrand::Rng;
use testkit::{Origin, Reply, pictures};

/// How a source behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// At once and rightly.
    Good,
    /// Rightly, within half a second to two and a half.
    Slow,
    /// By way of a redirect.
    Redirected,
    /// A picture, said to be a page.
    Mistyped,
    /// 503 once or twice, then good.
    Flaky,
    /// Broken off by RST in mid-body once or twice, then good.
    Torn,
    /// Half a picture.
    Truncated,
    /// A page, said to be a picture.
    Page,
    /// 404.
    Missing,
    /// More pixels than anybody wants.
    Bomb,
    /// Never answers.
    Hanging,
    /// Always 503.
    Broken,
    /// 503 until somebody mends it; then good.
    Outage,
}

/// What must become of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It becomes `ready`.
    Ready,
    /// It fails, for one of these reasons.
    Failed(&'static [&'static str]),
}

impl Source {
    /// What must become of its pictures.
    pub fn expected(self) -> Expected {
        match self {
            Self::Good | Self::Slow | Self::Redirected | Self::Mistyped | Self::Flaky | Self::Torn => {
                Expected::Ready
            }
            Self::Truncated => Expected::Failed(&["corrupt_image"]),
            Self::Page => Expected::Failed(&["unsupported_format"]),
            Self::Missing | Self::Broken | Self::Outage => Expected::Failed(&["download_failed"]),
            Self::Bomb => Expected::Failed(&["too_many_pixels"]),
            // Where its host is known for this, it is no longer asked.
            Self::Hanging => Expected::Failed(&["download_timeout", "download_failed"]),
        }
    }

    /// Whether its jobs climb the ladder to the end, and leave a dead letter.
    pub fn leaves_a_dead_letter(self) -> bool {
        matches!(self, Self::Hanging | Self::Broken | Self::Outage)
    }
}

struct Entry {
    source: Source,
    number: u32,
    /// Its own server; none where it is the steady one.
    server: Option<usize>,
    is_mended: bool,
}

impl Entry {
    fn path(&self) -> String {
        path_of(self.number)
    }
}

#[derive(Default)]
struct Registry {
    entries: HashMap<String, Entry>,
    servers: Vec<Origin>,
}

/// Servers of pictures. What misbehaves has a server of its own, so that its fame harms no other picture.
pub struct Sources {
    steady: Origin,
    photograph: Vec<u8>,
    count: AtomicU32,
    registry: Mutex<Registry>,
}

impl Sources {
    /// Starts the steady server.
    pub async fn start() -> Self {
        Self {
            steady: Origin::start().await,
            photograph: std::fs::read(pictures::photograph_small()).unwrap_or_default(),
            count: AtomicU32::default(),
            registry: Mutex::default(),
        }
    }

    /// A new source of any kind, as often as suits; its address.
    pub async fn invent(&self, rng: &mut Rng) -> String {
        let source = match rng.u8(..100) {
            0..55 => Source::Good,
            // Whatever is under way when a fault comes is what can be lost.
            55..70 => Source::Slow,
            70..74 => Source::Redirected,
            74..76 => Source::Mistyped,
            76..81 => Source::Flaky,
            81..85 => Source::Torn,
            85..88 => Source::Truncated,
            88..90 => Source::Page,
            90..92 => Source::Missing,
            92..94 => Source::Bomb,
            94 => Source::Hanging,
            95 => Source::Broken,
            _ => Source::Outage,
        };
        self.serve(source, rng).await
    }

    /// A new source of this kind; its address.
    pub async fn serve(&self, source: Source, rng: &mut Rng) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = path_of(number);
        let picture = picture_of(number);
        let good = Reply::png(picture.clone());
        let half = picture.len() / 2;
        let reply = match source {
            Source::Good if rng.u8(..20) == 0 => Reply::jpeg(self.photograph.clone()),
            Source::Good => good,
            Source::Slow => slow(picture, rng.f64() * 2.0 + 0.5),
            Source::Redirected => {
                let target = format!("/to{path}");
                self.steady.serve(&target, good);
                Reply::redirect(target)
            }
            Source::Mistyped => Reply::bytes("text/html", picture),
            Source::Flaky => good.after_failures(rng.usize(1..3), 503),
            Source::Torn => Reply::First {
                times: rng.usize(1..3),
                reply: Box::new(Reply::Reset {
                    content_type: "image/png".to_owned(),
                    body: picture[..half].to_vec().into(),
                    announced: picture.len() as u64,
                }),
                then: Box::new(good),
            },
            Source::Truncated => Reply::png(pictures::truncated(picture)),
            Source::Page => Reply::html(),
            Source::Missing => Reply::Status(404),
            Source::Bomb => Reply::png(pictures::png_announcing(60_000, 60_000)),
            Source::Hanging => Reply::Hang,
            Source::Broken | Source::Outage => Reply::Status(503),
        };
        let own = matches!(
            source,
            Source::Flaky | Source::Torn | Source::Hanging | Source::Broken | Source::Outage
        );
        let server = if own { Some(Origin::start().await) } else { None };
        let mut registry = self.registry();
        let (url, server) = match server {
            Some(origin) => {
                let url = origin.serve(&path, reply);
                registry.servers.push(origin);
                (url, Some(registry.servers.len() - 1))
            }
            None => (self.steady.serve(&path, reply), None),
        };
        let entry = Entry {
            source,
            number,
            server,
            is_mended: false,
        };
        registry.entries.insert(url.clone(), entry);
        url
    }

    /// Lets every outage end whose picture `is_meant`; their addresses. Their pictures come slowly from now on, so
    /// that there is time for something to happen meanwhile.
    pub fn mend_outages(&self, mut is_meant: impl FnMut() -> bool) -> Vec<String> {
        let mut registry = self.registry();
        let Registry { entries, servers } = &mut *registry;
        let mut mended = Vec::new();
        for (url, entry) in entries.iter_mut() {
            if entry.source == Source::Outage && !entry.is_mended && is_meant() {
                entry.is_mended = true;
                if let Some(origin) = entry.server.and_then(|server| servers.get(server)) {
                    origin.serve(&entry.path(), slow(picture_of(entry.number), 1.5));
                }
                mended.push(url.clone());
            }
        }
        mended
    }

    /// How a source behaves, and what must become of its pictures now. `None` for an address of no source.
    pub fn judge(&self, url: &str) -> Option<(Source, Expected, bool)> {
        let registry = self.registry();
        let entry = registry.entries.get(url)?;
        let expected = if entry.is_mended {
            Expected::Ready
        } else {
            entry.source.expected()
        };
        Some((entry.source, expected, entry.is_mended))
    }

    /// How often a source was asked for its picture.
    pub fn hits(&self, url: &str) -> usize {
        let registry = self.registry();
        let Some(entry) = registry.entries.get(url) else {
            return 0;
        };
        match entry.server.and_then(|server| registry.servers.get(server)) {
            Some(origin) => origin.hits(&entry.path()),
            None => self.steady.hits(&entry.path()),
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path_of(number: u32) -> String {
    format!("/{number}.png")
}

/// A few hundred bytes, of a colour of its own.
fn picture_of(number: u32) -> Vec<u8> {
    let [_, red, green, blue] = number.wrapping_mul(2_654_435_761).to_be_bytes();
    pictures::png(20, 16, [red, green, blue])
}

fn slow(body: Vec<u8>, seconds: f64) -> Reply {
    Reply::Slow {
        content_type: "image/png".to_owned(),
        bytes_per_second: (body.len() as f64 / seconds) as usize,
        body: body.into(),
    }
}
