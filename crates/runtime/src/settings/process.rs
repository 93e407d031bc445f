//! The small sections: `catalogue`, `worker` and `shutdown`.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use super::fault::Complaint;
use super::images::Images;
use super::section::Section;

/// What is true of all products.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The currency of prices that name none: three capital letters. Whether ISO 4217 knows them is not for
    /// this crate to say.
    pub currency: String,
}

impl Catalogue {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            currency: section.parsed("currency", currency),
        }
    }
}

fn currency(text: &str) -> Result<String, Complaint> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(text.to_owned());
    }
    Err(Complaint::new(
        "is not a currency",
        "give its ISO 4217 code in capital letters, such as EUR",
    ))
}

/// How much an image worker does at a time.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Pictures that one process renders at a time; the 0 of the settings is already one per core here.
    pub concurrency: usize,
    /// Pictures that are fetched, rendered or stored at a time; the 0 of the settings is four
    /// times `concurrency`, and at least twice `images.per_host_downloads`, here.
    pub jobs: usize,
}

/// With fewer, renderers wait for slow sources; with more, a process that dies takes more of its neighbours with it.
const JOBS_PER_RENDERER: usize = 4;
/// With fewer, the downloads from one slow host, and those that wait for it, are soon all that a small worker holds.
const JOBS_PER_DOWNLOAD: usize = 2;

impl Worker {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let concurrency = or_cores(section.number("concurrency", "a number of pictures", 0..=256));
        let jobs = section.number("jobs", "a number of pictures", 0..=1024);
        Self { concurrency, jobs }
    }

    /// Chooses the number of jobs where the settings leave it open.
    pub(super) fn complete(&mut self, images: &Images) {
        if self.jobs == 0 {
            let downloads = images.per_host_downloads * JOBS_PER_DOWNLOAD;
            self.jobs = (self.concurrency * JOBS_PER_RENDERER).max(downloads);
        }
    }
}

/// The end of a process.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// What is under way may finish within this.
    pub grace: Duration,
}

impl Shutdown {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            grace: section.duration("grace", Duration::ZERO..=Duration::from_secs(600)),
        }
    }
}

/// The number, or that of the cores this process may use.
pub(super) fn or_cores(number: usize) -> usize {
    if number > 0 {
        number
    } else {
        thread::available_parallelism().map_or(1, NonZero::get)
    }
}
