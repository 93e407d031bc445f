//! The worker as a whole: checks what it needs, works until it is told to stop, and leaves nothing half done.

use anyhow::Context as _;
use broker::{BackfillShare, Broker, BrokerError};
use messages::Job;
use runtime::{Causes, Settings, Shutdown, StartError, settings::Unreachable};
use storage_s3::{Error, ObjectStore};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    configure,
    fetch::{Fetcher, Lookup},
    handler::JobHandler,
    patience::{LONGEST_WAIT, PatientStore},
    process::Processor,
    render::{ChildProgram, Renderer},
};

/// Runs the worker until `shutdown` begins and what is under way has ended, or its grace period has.
///
/// # Errors
/// RabbitMQ or S3 does not answer, or no HTTP client can be built; the error says what to do.
pub async fn run(settings: &Settings, shutdown: &Shutdown) -> anyhow::Result<()> {
    if let Some(missing) = imaging::missing_instructions() {
        anyhow::bail!(
            "this processor has no {missing}; run the worker on a newer one (x86-64-v2: Intel since 2009, AMD since \
             2011), or give the virtual machine a newer type of processor"
        );
    }
    let store = store_open(settings).await?;
    let config = configure::broker(&settings.rabbitmq);
    Broker::check(&config)
        .await
        .map_err(|error| StartError::from(broker_unreachable(settings, &error)))?;
    let concurrency = settings.worker.concurrency;
    let images = &settings.images;
    let fetcher = Fetcher::new(
        configure::fetch_limits(images),
        configure::hop_guard(images),
        Lookup::System,
        shutdown.token(),
    )
    .context("cannot build the HTTP client; is there a bundle of root certificates (ca-certificates)?")?;
    let renderer = Renderer::new(
        ChildProgram::this(),
        configure::render_profile(images),
        configure::render_tuning(images),
        configure::render_limits(images, concurrency),
    );
    renderer
        .prepare()
        .await
        .context("cannot start a process to render pictures in")?
        .log();

    // Ends after the consumer: until then jobs acknowledge and answer.
    let connected = CancellationToken::new();
    let broker = Broker::start(config, connected.clone());
    let handler = JobHandler::new(Processor {
        fetcher,
        renderer,
        store: PatientStore::new(store, shutdown.token(), LONGEST_WAIT),
        keep_originals: images.keep_originals,
        publisher: broker.publisher(),
        stop: shutdown.token(),
    });
    let prefetch = u16::try_from(settings.worker.jobs).unwrap_or(u16::MAX);
    info!(
        concurrency,
        jobs = prefetch,
        version = env!("CARGO_PKG_VERSION"),
        "taking jobs"
    );
    let share = backfill_share(concurrency);
    let consuming = broker.consume_with_backfill::<Job, _>(handler, prefetch, share, shutdown.token());
    let consumed = shutdown.within_grace(consuming).await;
    connected.cancel();
    match consumed {
        Some(()) if !shutdown.has_begun() => anyhow::bail!("taking jobs ended by itself"),
        Some(()) => {}
        None => warn!("the grace period is over; what was under way goes back to the queue"),
    }
    info!("stopped");
    Ok(())
}

/// One renderer always stays for the pictures of new products, unless it is the only one.
fn backfill_share(concurrency: usize) -> BackfillShare {
    let renderers = u16::try_from(concurrency).unwrap_or(u16::MAX);
    BackfillShare {
        at_once: renderers.saturating_sub(1).max(1),
        below: renderers,
    }
}

async fn store_open(settings: &Settings) -> Result<ObjectStore, StartError> {
    let opening = async {
        let store = ObjectStore::new(configure::store(&settings.aws)).await?;
        store.check().await?;
        Ok(store)
    };
    opening
        .await
        .map_err(|error| store_unreachable(settings, &error).into())
}

fn store_unreachable(settings: &Settings, error: &Error) -> Unreachable {
    let aws = &settings.aws;
    let address = match &aws.endpoint {
        Some(endpoint) => format!("{endpoint}, bucket {}", aws.s3bucket),
        None => format!("AWS in {}, bucket {}", aws.region, aws.s3bucket),
    };
    let (names, cure): (&[&str], _) = match error {
        Error::NoSuchBucket { .. } | Error::NotFound { .. } => (&["aws.s3bucket"], "create the bucket"),
        // The keys came from AWS's own ways, of which there are many; only the settings' are named by their source.
        Error::AccessDenied { .. } | Error::Config { .. } if aws.access_key_id.is_none() => (
            &["aws.s3bucket"],
            "see that AWS_ACCESS_KEY_ID and its fellows, the profile or the role may read and write the bucket, or set \
             aws.access_key_id and aws.secret_access_key",
        ),
        Error::AccessDenied { .. } | Error::Config { .. } => (
            &["aws.access_key_id", "aws.s3bucket"],
            "give keys, or a role, that may read and write the bucket",
        ),
        Error::Unavailable { .. } | Error::TooLarge { .. } | Error::Other { .. } => (
            &["aws.endpoint", "aws.region"],
            "see that the service runs and can be reached from here",
        ),
    };
    settings.unreachable("S3", names, address, error, cure)
}

fn broker_unreachable(settings: &Settings, error: &BrokerError) -> Unreachable {
    let (names, cure) = error.blame();
    let cause = Causes(error);
    settings.unreachable("RabbitMQ", names, settings.rabbitmq.address(), cause, cure)
}
