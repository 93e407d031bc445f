//! `api images reprocess`: asks for pictures a batch at a time, never for more than a bound before those are answered,
//! and looks on until the last one is.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::{AccountId, ImageId};
use runtime::Settings;
use storage_postgres::{
    Database, ReprocessChoice, ReprocessPage, StorageError, StoredVariants, account_find,
    images_reprocess_ask, images_reprocess_begin, images_reprocess_failed, images_reprocess_lacking,
    images_reprocess_page, images_reprocess_progress,
};

use super::{
    Reprocess,
    display::{Counts, Display},
    patience::patiently,
    wanted::formats_of,
};
use crate::{application::open::open_database, commands::say};

/// Pictures that are looked at together.
const PAGE: u16 = 1_000;
/// Pictures that are asked for in one transaction.
const BATCH: usize = 100;
/// No more than so many are under way: that is what the outbox, the queue and its retries hold at most.
const UNDER_WAY_MAX: u64 = 1_000;
/// From look to look while others work.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Pictures that somebody held are looked for again this often.
const PASSES: usize = 3;
/// So many of those that failed are named.
const NAMED: u16 = 20;

/// Has pictures made again. False where some were not.
pub(super) async fn reprocess(settings: &Settings, chosen: Reprocess) -> anyhow::Result<bool> {
    let formats = formats_of(settings, &chosen.variant)?;
    let database = open_database(settings).await?;
    let run = images_reprocess_begin(&database).await?;
    let stored = if chosen.all {
        StoredVariants::MadeBefore(chosen.made_before.map_or(run, |moment| moment.0))
    } else {
        StoredVariants::Lacking {
            name: chosen.variant,
            formats,
        }
    };
    let choice = ReprocessChoice {
        run,
        account: account(&database, chosen.account.as_deref()).await?,
        since: chosen.since.map(|moment| moment.0),
        stored,
    };
    let wanted = async |after| images_reprocess_page(&database, &choice, after, PAGE).await;
    let total = count(wanted).await?;
    if let (StoredVariants::Lacking { name, .. }, 0) = (&choice.stored, total) {
        say(&format!(
            "Nothing to do for the variant {name:?}. After a change of its size or quality, which cannot be seen, give --all."
        ));
    }
    if chosen.dry_run {
        say(&format!("Pictures to be made again: {total}"));
        return Ok(true);
    }
    if let StoredVariants::MadeBefore(time) = choice.stored {
        say(&format!(
            "Should this be interrupted, go on with --made-before {}",
            text(time)
        ));
    }
    let mut run = Run {
        display: Display::new(total)?,
        begun: Instant::now(),
        database,
        choice,
        asked: 0,
        has_told_of_others: false,
    };
    let outcome = run.carry_out().await;
    run.display.close();
    run.summarise(outcome?).await
}

async fn account(database: &Database, name: Option<&str>) -> anyhow::Result<Option<AccountId>> {
    let Some(name) = name else {
        return Ok(None);
    };
    let found = account_find(database, name).await?;
    found
        .map(Some)
        .with_context(|| format!("there is no account {name:?}"))
}

/// Counts over all pages.
async fn count(
    page_after: impl AsyncFn(Option<ImageId>) -> Result<ReprocessPage, StorageError>,
) -> Result<u64, StorageError> {
    let (mut total, mut after) = (0, None);
    loop {
        let page = patiently(async || page_after(after).await).await?;
        total += page.wanted.len() as u64;
        match page.last {
            Some(last) => after = Some(last),
            None => return Ok(total),
        }
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

struct Run {
    display: Display,
    begun: Instant,
    database: Database,
    choice: ReprocessChoice,
    /// Pictures that this run has asked for.
    asked: u64,
    /// Whether it was said that others keep this run waiting.
    has_told_of_others: bool,
}

impl Run {
    /// Answers with the number of pictures that somebody held each time.
    async fn carry_out(&mut self) -> Result<usize, StorageError> {
        let mut passed_over = 0;
        for _ in 0..PASSES {
            passed_over = self.ask_for_all().await?;
            if passed_over == 0 {
                break;
            }
        }
        while self.look().await?.0.under_way > 0 {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(passed_over)
    }

    async fn ask_for_all(&mut self) -> Result<usize, StorageError> {
        let (mut passed_over, mut after) = (0, None);
        loop {
            let (database, choice) = (&self.database, &self.choice);
            let page = patiently(async || images_reprocess_page(database, choice, after, PAGE).await).await?;
            for batch in page.wanted.chunks(BATCH) {
                passed_over += self.ask(batch).await?;
            }
            match page.last {
                Some(last) => after = Some(last),
                None => return Ok(passed_over),
            }
        }
    }

    /// Asks for a batch as soon as there is room for it.
    async fn ask(&mut self, batch: &[ImageId]) -> Result<usize, StorageError> {
        loop {
            let (counts, all) = self.look().await?;
            if all + batch.len() as u64 <= UNDER_WAY_MAX {
                break;
            }
            if counts.under_way == 0 && !self.has_told_of_others {
                self.has_told_of_others = true;
                say(&format!(
                    "Waiting for other runs, for which {all} pictures are under way; at most {UNDER_WAY_MAX} are in all."
                ));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        let (database, choice) = (&self.database, &self.choice);
        let asked = patiently(async || images_reprocess_ask(database, batch, choice).await).await?;
        self.asked += asked.asked as u64;
        Ok(asked.passed_over)
    }

    /// How far this run has come, and how many pictures are under way whoever has asked for them.
    async fn look(&mut self) -> Result<(Counts, u64), StorageError> {
        let (database, run) = (&self.database, self.choice.run);
        let progress = patiently(async || images_reprocess_progress(database, run).await).await?;
        let counts = Counts {
            done: self.asked.saturating_sub(progress.of_run + progress.failed),
            failed: progress.failed,
            under_way: progress.of_run,
        };
        self.display.show(counts);
        Ok((counts, progress.under_way))
    }

    async fn summarise(&mut self, passed_over: usize) -> anyhow::Result<bool> {
        let (Counts { done, failed, .. }, others) = self.look().await?;
        let took = humantime::format_duration(Duration::from_secs(self.begun.elapsed().as_secs()));
        say(&format!("Made again: {done}; failed: {failed}; in {took}."));
        if others > 0 {
            say(&format!("Under way for other runs: {others}"));
        }
        if passed_over > 0 {
            say(&format!("Busy: {passed_over}; run this again for them."));
        }
        if failed > 0 {
            for picture in images_reprocess_failed(&self.database, self.choice.run, NAMED).await? {
                say(&format!("failed: {}  {}", picture.image_id, picture.code));
            }
            say("Pictures that failed show what they had; run this again to have them tried once more.");
        }
        let (database, choice) = (&self.database, &self.choice);
        let lacking = async |after| images_reprocess_lacking(database, choice, after, PAGE).await;
        let lacking = count(lacking).await?;
        if lacking > 0 {
            say(&format!(
                "Made again without the variant: {lacking}; were all workers restarted with it? Run this again once they are."
            ));
        }
        Ok(failed == 0 && passed_over == 0 && lacking == 0)
    }
}
