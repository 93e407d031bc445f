//! Renderers alone, turn by turn, so that whatever else the machine does hits all alike.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Fault,
    contestant::{Contestant, Running},
    job::Job,
    peer::Peer,
    photographs::Photograph,
    picture::Picture,
    report::say,
    results::{Made, Outcome},
};

/// Lets every contestant render every photograph for every job, `rounds` times each behind a first time that does not
/// count. The files go beneath `folder`.
///
/// # Errors
/// A contestant cannot be started, ends, or makes something that is no picture.
pub fn run(
    photographs: &[Photograph],
    peer: &Peer,
    rounds: usize,
    folder: &Path,
) -> Result<Vec<Outcome>, Fault> {
    let contestants = Contestant::all(peer)?;
    let mut outcomes = Vec::new();
    for (number, photograph) in photographs.iter().enumerate() {
        let mut judge = Judge::of(photograph)?;
        for job in Job::ALL {
            let of_job = race(&contestants, photograph, &job, rounds, folder, &mut judge)?;
            let costs: Vec<String> = of_job
                .iter()
                .map(|outcome| {
                    format!(
                        "{} {:.3} s, {:.0} MB",
                        outcome.contestant,
                        outcome.cpu(),
                        outcome.peak_kib() / 1024.0
                    )
                })
                .collect();
            say(&format!(
                "  {:>2}/{} {} ({:.0} megapixels), {}: {}",
                number + 1,
                photographs.len(),
                photograph.name,
                photograph.megapixels(),
                job.name,
                costs.join("; ")
            ))?;
            outcomes.extend(of_job);
        }
    }
    Ok(outcomes)
}

fn race(
    contestants: &[Contestant],
    photograph: &Photograph,
    job: &Job,
    rounds: usize,
    folder: &Path,
    judge: &mut Judge,
) -> Result<Vec<Outcome>, Fault> {
    let mut runners: Vec<(Running, PathBuf)> = Vec::new();
    for (index, contestant) in contestants.iter().enumerate() {
        let folder = folder.join(index.to_string()).join(&photograph.name);
        // Files of an earlier job would be taken for those of this one.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let mut running = contestant.start(&photograph.path, &folder, job)?;
        // Loads code, fills caches, and writes the files.
        running.turn()?;
        runners.push((running, folder));
    }
    let mut turns = vec![Vec::new(); runners.len()];
    for round in 0..rounds {
        for place in 0..runners.len() {
            // Who begins changes from round to round.
            let index = (place + round) % runners.len();
            turns[index].push(runners[index].0.turn()?);
        }
    }
    let ended = contestants.iter().zip(runners).zip(turns);
    ended
        .map(|((contestant, (running, folder)), turns)| {
            drop(running);
            Ok(Outcome {
                contestant: contestant.name,
                photograph: photograph.name.clone(),
                job: *job,
                turns,
                files: judge.judge_all(&folder)?,
            })
        })
        .collect()
}

/// Knows the references of one photograph, and what was judged before: JPEGs are the same in every job.
struct Judge {
    original: Picture,
    references: HashMap<(u32, u32), Picture>,
    scores: HashMap<Vec<u8>, f64>,
}

impl Judge {
    fn of(photograph: &Photograph) -> Result<Self, Fault> {
        Ok(Self {
            original: Picture::decode(&fs::read(&photograph.path)?)?,
            references: HashMap::new(),
            scores: HashMap::new(),
        })
    }

    /// Every file of a folder, by name.
    fn judge_all(&mut self, folder: &Path) -> Result<Vec<Made>, Fault> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let file = fs::read(&path)?;
            let name = path.file_name().unwrap_or_default();
            files.push(Made {
                name: name.to_string_lossy().into_owned(),
                bytes: file.len() as u64,
                score: self.score(file)?,
            });
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    fn score(&mut self, file: Vec<u8>) -> Result<f64, Fault> {
        if let Some(score) = self.scores.get(&file) {
            return Ok(*score);
        }
        let picture = Picture::decode(&file)?;
        let size = (picture.width, picture.height);
        if !self.references.contains_key(&size) {
            let reference = self.original.scaled(size.0, size.1)?;
            self.references.insert(size, reference);
        }
        let score = self.references[&size].score(&picture)?;
        self.scores.insert(file, score);
        Ok(score)
    }
}
