//! Having the work of a dead letter done after all.

use broker::{DeadLetter, DeadLetters};
use messages::{DecodeError, ImageProcessV1, ImageResult, Job, Message as _};
use runtime::Settings;
use storage_postgres::{Cause, Database, Restarted, image_restart};

use crate::application::parts::{database_config, database_unreachable};

/// What became of a letter.
#[derive(Debug)]
pub(super) enum Fate {
    /// The work is asked for again.
    Replayed,
    /// Removed for good.
    Dropped,
    /// Removed, since its picture is ready or was asked for again meanwhile.
    Superseded,
    /// Removed, since its picture is gone.
    Gone,
    /// Still there.
    Kept {
        /// Why.
        why: String,
    },
}

/// Has the work of dead letters done after all.
pub(super) struct Replayer {
    database: Database,
}

impl Replayer {
    /// # Errors
    /// The database does not answer.
    pub(super) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let unreachable = |error| database_unreachable(settings, &error);
        let database = Database::new(&database_config(settings))?;
        database.check().await.map_err(unreachable)?;
        Ok(Self { database })
    }

    /// Replays a letter, and then removes it: a crash in between leaves it there, and replaying it again does no harm.
    ///
    /// What cannot be read goes back to its queue only if it is meant by name: whoever reads it there is likely to bury
    /// it again.
    pub(super) async fn replay(
        &self,
        letters: &mut DeadLetters,
        letter: &DeadLetter,
        is_named: bool,
    ) -> anyhow::Result<Fate> {
        let fate = match decode(letter) {
            Ok(Some(job)) => self.ask_again(letter, &job).await?,
            Err(fault) if !is_named => {
                let why = format!("{fault}; replay it with --id if it can be by now, or drop it");
                return Ok(Fate::Kept { why });
            }
            Ok(None) | Err(_) => {
                if letter.work.is_none() {
                    let why = "it does not say which queue it comes from".to_owned();
                    return Ok(Fate::Kept { why });
                }
                letters.republish(letter).await?;
                Fate::Replayed
            }
        };
        letters.remove(letter).await?;
        Ok(fate)
    }

    /// A picture that was given up is `failed` by now, and an answer to the old asking would change nothing.
    async fn ask_again(&self, letter: &DeadLetter, job: &ImageProcessV1) -> anyhow::Result<Fate> {
        let cause = Cause {
            request_id: letter.request_id.clone(),
            traceparent: letter.traceparent.clone(),
        };
        let restarted = image_restart(&self.database, job.image_id, job.generation, &cause).await?;
        Ok(match restarted {
            Restarted::Asked { .. } => Fate::Replayed,
            Restarted::Superseded => Fate::Superseded,
            Restarted::Gone => Fate::Gone,
        })
    }
}

/// The job of a picture; none for another message that can be read.
fn decode(letter: &DeadLetter) -> Result<Option<ImageProcessV1>, DecodeError> {
    let type_name = letter.type_name.as_deref().unwrap_or_default();
    if ImageResult::TYPE_NAMES.contains(&type_name) {
        return ImageResult::decode(type_name, &letter.body).map(|_| None);
    }
    match Job::decode(type_name, &letter.body)? {
        Job::Process(job) => Ok(Some(job)),
        Job::Purge(_) | Job::PurgeOriginal(_) => Ok(None),
    }
}
