//! What the encoders give at every quality: bytes, CPU, and how near the result is to what went in.

use std::{
    fmt::Write as _,
    fs, thread,
    time::{Duration, Instant},
};

use domain::ImageFormat;
use imaging::RenderProfile;

use super::{
    Fault,
    figures::mean,
    job::{DEFAULT, Job, variant},
    photographs::Photograph,
    picture::Picture,
    report::say,
};

/// The longest edge of what is encoded, in pixels: that of the variant that a shop shows most.
pub const EDGE: u32 = 800;
/// Each file is made so often; the quickest time counts, since everything else is the machine's.
const TRIES: usize = 3;

/// An encoder at one effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// JPEG as the renderer writes it.
    Jpeg,
    /// JPEG with mozjpeg's trellis and tables, which the renderer does not offer.
    JpegTrellis,
    /// WebP with a method.
    Webp(u8),
}

impl Encoder {
    /// Every one that is looked at.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::JpegTrellis, Self::Webp(2), Self::Webp(4)];

    /// For tables.
    pub fn name(self) -> String {
        match self {
            Self::Jpeg => "JPEG".to_owned(),
            Self::JpegTrellis => "JPEG, trellis".to_owned(),
            Self::Webp(method) => format!("WebP, method {method}"),
        }
    }

    /// The quality that the settings choose by default; none for an encoder that they do not use.
    pub fn default_quality(self) -> Option<u8> {
        match (self, DEFAULT.webp) {
            (Self::Jpeg, _) => Some(DEFAULT.jpeg),
            (Self::Webp(method), Some(webp)) if webp.method == method => Some(webp.quality),
            (Self::JpegTrellis | Self::Webp(_), _) => None,
        }
    }

    fn encode(self, picture: &Picture, png: &[u8], quality: u8) -> Result<(Vec<u8>, Duration), Fault> {
        match self {
            Self::Jpeg => render(png, ImageFormat::Jpeg, [quality, 0, 0]),
            Self::Webp(method) => render(png, ImageFormat::WebP, [0, quality, method]),
            Self::JpegTrellis => {
                let began = Instant::now();
                let file = with_trellis(picture, quality)?;
                Ok((file, began.elapsed()))
            }
        }
    }
}

/// An encoder at one quality, over all photographs.
#[derive(Clone, Debug)]
pub struct Point {
    /// Which.
    pub encoder: Encoder,
    /// Its quality.
    pub quality: u8,
    /// Thousands of bytes, the mean.
    pub kilobytes: f64,
    /// Milliseconds of one core, the mean.
    pub milliseconds: f64,
    /// SSIMULACRA2, the mean.
    pub score: f64,
    /// SSIMULACRA2 of the photograph that comes out worst.
    pub worst: f64,
}

struct Sample {
    encoder: Encoder,
    quality: u8,
    file: Vec<u8>,
    took: Duration,
    score: f64,
}

/// Encodes every photograph with every encoder at every quality.
///
/// # Errors
/// A photograph cannot be read, or an encoder fails.
pub fn run(photographs: &[Photograph], qualities: &[u8]) -> Result<Vec<Point>, Fault> {
    let mut samples = Vec::new();
    for (number, photograph) in photographs.iter().enumerate() {
        let picture = reduced(photograph)?;
        let mut of_photograph = encode_all(&picture, qualities)?;
        score_all(&picture, &mut of_photograph)?;
        say(&format!(
            "  {:>2}/{} {}: {} files of {} × {}",
            number + 1,
            photographs.len(),
            photograph.name,
            of_photograph.len(),
            picture.width,
            picture.height
        ))?;
        samples.extend(of_photograph);
    }
    let points = Encoder::ALL
        .into_iter()
        .flat_map(|encoder| qualities.iter().map(move |quality| (encoder, *quality)));
    Ok(points
        .map(|(encoder, quality)| point(encoder, quality, &samples))
        .collect())
}

fn reduced(photograph: &Photograph) -> Result<Picture, Fault> {
    let original = Picture::decode(&fs::read(&photograph.path)?)?;
    let scale = f64::from(EDGE) / f64::from(original.width.max(original.height));
    // Far below the limits of the type.
    let edge = |edge: u32| (f64::from(edge) * scale).round() as u32;
    original.scaled(edge(original.width), edge(original.height))
}

fn encode_all(picture: &Picture, qualities: &[u8]) -> Result<Vec<Sample>, Fault> {
    let png = picture.to_png()?;
    let mut samples = Vec::new();
    for encoder in Encoder::ALL {
        for quality in qualities.iter().copied() {
            let (file, mut took) = encoder.encode(picture, &png, quality)?;
            for _ in 1..TRIES {
                took = took.min(encoder.encode(picture, &png, quality)?.1);
            }
            samples.push(Sample {
                encoder,
                quality,
                file,
                took,
                score: 0.0,
            });
        }
    }
    Ok(samples)
}

/// On all cores, since no time is taken meanwhile.
fn score_all(picture: &Picture, samples: &mut [Sample]) -> Result<(), Fault> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = samples.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = samples
            .chunks_mut(share)
            .map(|samples| {
                scope.spawn(move || -> Result<(), Fault> {
                    for sample in samples {
                        sample.score = picture.score(&Picture::decode(&sample.file)?)?;
                    }
                    Ok(())
                })
            })
            .collect();
        let mut ended = workers.into_iter().map(thread::ScopedJoinHandle::join);
        ended.try_for_each(|ended| ended.unwrap_or_else(|_| Err("a thread that scores has panicked".into())))
    })
}

fn point(encoder: Encoder, quality: u8, samples: &[Sample]) -> Point {
    let of_point = || {
        let samples = samples.iter();
        samples.filter(move |sample| (sample.encoder, sample.quality) == (encoder, quality))
    };
    Point {
        encoder,
        quality,
        kilobytes: mean(of_point().map(|sample| sample.file.len() as f64)) / 1e3,
        milliseconds: mean(of_point().map(|sample| sample.took.as_secs_f64())) * 1e3,
        score: mean(of_point().map(|sample| sample.score)),
        worst: of_point()
            .map(|sample| sample.score)
            .fold(f64::INFINITY, f64::min),
    }
}

/// Through the renderer, which has nothing to scale; the time is that of its encoder alone.
fn render(png: &[u8], format: ImageFormat, numbers: [u8; 3]) -> Result<(Vec<u8>, Duration), Fault> {
    let profile = RenderProfile {
        variants: vec![variant(EDGE, &[format])],
        ..Job::profile(numbers)
    };
    let mut rendered = imaging::render(png, &profile)?;
    let made = rendered.variants.pop().ok_or("the renderer made nothing")?;
    Ok((made.bytes, rendered.timings.encode))
}

fn with_trellis(picture: &Picture, quality: u8) -> Result<Vec<u8>, Fault> {
    // Its own defaults are its slowest ways: trellis, tables for the eye, the search for the best scans.
    let mut jpeg = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
    jpeg.set_size(picture.width as usize, picture.height as usize);
    jpeg.set_quality(f32::from(quality));
    // The search takes longest of all, and what comes of it takes browsers longer to decode.
    jpeg.set_optimize_scans(false);
    let mut started = jpeg.start_compress(Vec::new())?;
    started.write_scanlines(&picture.data)?;
    Ok(started.finish()?)
}

/// As a table for other programs.
pub fn to_csv(points: &[Point]) -> String {
    let mut text = String::from("encoder,quality,kilobytes,milliseconds,ssimulacra2,ssimulacra2_worst\n");
    for point in points {
        let _ = writeln!(
            text,
            "\"{}\",{},{:.2},{:.2},{:.2},{:.2}",
            point.encoder.name(),
            point.quality,
            point.kilobytes,
            point.milliseconds,
            point.score,
            point.worst
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use testkit::pictures;

    use super::*;

    #[test]
    fn more_quality_costs_more_bytes_and_trellis_fewer() {
        let path = pictures::photograph_small();
        let photograph = Photograph {
            name: "small".to_owned(),
            bytes: 0,
            width: 0,
            height: 0,
            path,
        };
        let points = run(&[photograph], &[75, 90]).unwrap();
        assert_eq!(points.len(), 8);
        for pair in points.chunks(2) {
            assert_eq!((pair[0].quality, pair[1].quality), (75, 90));
            assert!(pair[0].kilobytes < pair[1].kilobytes, "{pair:?}");
            assert!(pair[0].score < pair[1].score, "{pair:?}");
            assert!(pair[0].milliseconds > 0.0);
        }
        let (plain, trellis) = (&points[1], &points[3]);
        assert_eq!(
            (plain.encoder, trellis.encoder),
            (Encoder::Jpeg, Encoder::JpegTrellis)
        );
        assert!(trellis.kilobytes < plain.kilobytes);
        assert_eq!(to_csv(&points).lines().count(), 9);
    }

    #[test]
    fn the_defaults_are_on_the_curve() {
        let defaults = Encoder::ALL.map(Encoder::default_quality);
        assert_eq!(defaults, [Some(80), None, Some(82), None]);
    }
}
