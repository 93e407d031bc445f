//! `render-pictures SOURCE FOLDER JPEG WEBP METHOD`: renders a photograph once for each line on standard input, and
//! answers with a line: CPU and wall-clock seconds, and the most memory held so far, in KiB. The first time it writes
//! the files. `bench-images` starts it.

#![forbid(unsafe_code)]

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use e2e::bench_images::{
    Fault,
    job::Job,
    process::{own_cpu_seconds, own_peak_kib},
};

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [source, folder, jpeg, webp, method] = arguments.as_slice() else {
        return Err("usage: render-pictures SOURCE FOLDER JPEG WEBP METHOD".into());
    };
    let profile = Job::profile([jpeg.parse()?, webp.parse()?, method.parse()?]);
    let source = fs::read(source)?;
    let mut output = io::stdout();
    for (number, line) in io::stdin().lines().enumerate() {
        line?;
        let (cpu, began) = (own_cpu_seconds()?, Instant::now());
        let rendered = imaging::render(&source, &profile)?;
        let (cpu, wall) = (own_cpu_seconds()? - cpu, began.elapsed().as_secs_f64());
        if number == 0 {
            for variant in &rendered.variants {
                let name = format!("{}.{}", variant.name, variant.format.as_str());
                fs::write(Path::new(folder).join(name), &variant.bytes)?;
            }
        }
        drop(rendered);
        let told = serde_json::json!({"cpu": cpu, "wall": wall, "peak": own_peak_kib()?});
        writeln!(output, "{told}")?;
        output.flush()?;
    }
    Ok(())
}
