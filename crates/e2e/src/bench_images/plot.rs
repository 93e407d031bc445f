//! The curve as a drawing (SVG 1.1), to be read without any program of ours.

use std::fmt::Write as _;

use super::{
    curve::{EDGE, Encoder, Point},
    figures::mean,
};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 60.0;

/// Told apart by people who do not see red and green as others do, too.
const COLOURS: [&str; 4] = ["#0072b2", "#56b4e9", "#d55e00", "#e69f00"];

/// Draws SSIMULACRA2 over bytes, a line for each encoder, with a ring around what the settings choose.
pub fn draw(points: &[Point]) -> String {
    let across = Axis::over(points.iter().map(|point| point.kilobytes), LEFT, WIDTH - RIGHT);
    let up = Axis::over(points.iter().map(|point| point.score), HEIGHT - BOTTOM, TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n<text x=\"{LEFT}\" y=\"28\" \
         font-size=\"16\">Quality for bytes, at {EDGE} pixels; each point is a quality, rings are the defaults</text>\n"
    );
    draw_axes(&mut svg, &across, &up);
    for (index, encoder) in Encoder::ALL.into_iter().enumerate() {
        let of_encoder: Vec<&Point> = points.iter().filter(|point| point.encoder == encoder).collect();
        draw_line(&mut svg, &across, &up, &of_encoder, COLOURS[index]);
        draw_legend(&mut svg, index, encoder, &of_encoder);
    }
    svg.push_str("</svg>\n");
    svg
}

/// From values to places on the drawing.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    step: f64,
}

impl Axis {
    /// An axis with room for all values, that begins and ends at a line of its grid.
    fn over(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = if least < most { (least, most) } else { (0.0, 1.0) };
        // About eight lines, at round numbers.
        let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
            .into_iter()
            .find(|step| (most - least) / step <= 9.0)
            .unwrap_or(200.0);
        Self {
            low: (least / step).floor() * step,
            high: (most / step).ceil() * step,
            from,
            to,
            step,
        }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn lines(&self) -> impl Iterator<Item = f64> {
        let (low, step) = (self.low, self.step);
        let count = ((self.high - self.low) / step).round() as u32;
        (0..=count).map(move |line| low + f64::from(line) * step)
    }
}

fn draw_axes(svg: &mut String, across: &Axis, up: &Axis) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for value in across.lines() {
        let x = across.place(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#dddddd\"/>\n<text x=\"{x:.1}\" \
             y=\"{:.1}\" text-anchor=\"middle\">{value:.0}</text>",
            bottom + 20.0
        );
    }
    for value in up.lines() {
        let y = up.place(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\n<text x=\"{:.1}\" \
             y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">kilobytes, the mean of all photographs</text>\n<text \
         transform=\"translate(22 {:.1}) rotate(-90)\" text-anchor=\"middle\">SSIMULACRA2, the mean</text>",
        f64::midpoint(LEFT, right),
        HEIGHT - 16.0,
        f64::midpoint(TOP, bottom)
    );
}

fn draw_line(svg: &mut String, across: &Axis, up: &Axis, points: &[&Point], colour: &str) {
    let place = |point: &Point| (across.place(point.kilobytes), up.place(point.score));
    let path: Vec<String> = points
        .iter()
        .map(|point| {
            let (x, y) = place(point);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        path.join(" ")
    );
    for point in points {
        let (x, y) = place(point);
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
        );
        let is_default = point.encoder.default_quality() == Some(point.quality);
        if is_default {
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
        }
        if is_default || point.quality.is_multiple_of(5) {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"{colour}\">{}</text>",
                x + 8.0,
                y + 14.0,
                point.quality
            );
        }
    }
}

fn draw_legend(svg: &mut String, index: usize, encoder: Encoder, points: &[&Point]) {
    let y = HEIGHT - BOTTOM - 20.0 * (Encoder::ALL.len() - index) as f64;
    let x = WIDTH - RIGHT - 250.0;
    let milliseconds = mean(points.iter().map(|point| point.milliseconds));
    let _ = writeln!(
        svg,
        "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{}\" stroke-width=\"3\"/>\n<text \
         x=\"{:.1}\" y=\"{:.1}\">{}: {milliseconds:.1} ms</text>",
        x + 24.0,
        COLOURS[index],
        x + 32.0,
        y + 4.0,
        encoder.name()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoder_has_its_line_and_every_default_its_ring() {
        let points: Vec<Point> = Encoder::ALL
            .into_iter()
            .flat_map(|encoder| {
                (75..=90).map(move |quality| Point {
                    encoder,
                    quality,
                    kilobytes: f64::from(quality),
                    milliseconds: 4.0,
                    score: f64::from(quality) - 10.0,
                    worst: 0.0,
                })
            })
            .collect();
        let svg = draw(&points);
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert_eq!(svg.matches("r=\"9\"").count(), 2);
        assert!(Encoder::ALL.iter().all(|encoder| svg.contains(&encoder.name())));
    }

    #[test]
    fn an_axis_holds_all_its_values() {
        let axis = Axis::over([63.0, 101.0].into_iter(), 0.0, 100.0);
        assert_eq!((axis.low, axis.high, axis.step), (60.0, 105.0, 5.0));
        assert_eq!((axis.place(60.0), axis.place(105.0)), (0.0, 100.0));
        assert_eq!(axis.lines().count(), 10);
    }
}
