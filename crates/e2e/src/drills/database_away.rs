//! PostgreSQL is killed while products are read and written.

use std::time::{Duration, Instant};

use testkit::{Service, services};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use super::{
    Share,
    figures::Figures,
    load::{Load, Sample, between},
    report::Finding,
    stage::{CALM, Stage, since},
};

const READS_PER_SECOND: u32 = 100;
const WRITES_PER_SECOND: u32 = 20;
const RECOVERY_BOUND: Duration = Duration::from_secs(5);
/// Version 3.0 of the protocol.
const PROTOCOL: u32 = 0x0003_0000;

pub(super) async fn run(share: Share) -> Finding {
    let stage = Stage::prepare(&[]).await;
    let products = stage.create_products(20).await;
    let reads = Load::begin(READS_PER_SECOND, "/id", stage.reading(&products));
    let writes = Load::begin(WRITES_PER_SECOND, "/id", stage.creating());
    // By then every product that is read is in the cache.
    sleep(CALM).await;
    let killed = writes.elapsed();
    stage.control.kill(Service::Postgres).await.unwrap();
    sleep(share.of(15)).await;
    let returned = async {
        since(Instant::now(), takes_connections).await;
        writes.elapsed()
    };
    let (started, back) = tokio::join!(stage.control.start(Service::Postgres), returned);
    started.unwrap();
    sleep(CALM + RECOVERY_BOUND).await;
    let (reads, writes) = (reads.end().await, writes.end().await);

    let during = Figures::of(between(&writes, killed, back));
    let mut finding = Finding::new(
        "PostgreSQL killed, products written and read",
        back - killed,
        during,
    );
    for api in 0..stage.apis.len() {
        // They were asked by turns.
        let own = writes.iter().skip(api).step_by(stage.apis.len());
        let refused = own.filter(|sample| sample.status != Some(201));
        let last = refused
            .map(|sample| sample.at + sample.took)
            .max()
            .unwrap_or_default();
        let took = last.saturating_sub(back);
        finding.recovered(&format!("api {api} writes after"), took, RECOVERY_BOUND);
    }
    finding.note("5xx here are 503 with Retry-After");
    let cached = Figures::of(between(&reads, killed, back));
    finding.note(format!("{} cached reads meanwhile, {cached} ms", cached.requests));
    let not_read: Vec<_> = reads.iter().filter(|sample| sample.status != Some(200)).collect();
    finding.require(not_read.is_empty(), || {
        format!(
            "{} cached reads failed, the first {:?}",
            not_read.len(),
            not_read[0]
        )
    });

    let is_sound = |sample: &&Sample| match sample.status {
        Some(201) => true,
        Some(503) => sample.retry_after,
        _ => false,
    };
    let unsound: Vec<_> = writes.iter().filter(|sample| !is_sound(sample)).collect();
    finding.require(unsound.is_empty(), || {
        format!(
            "{} writes were neither 201 nor 503 with Retry-After, the first {:?}",
            unsound.len(),
            unsound[0]
        )
    });
    let early = writes.iter().filter(|sample| sample.at + sample.took < killed);
    let refused = early.filter(|sample| sample.status != Some(201)).count();
    finding.require_equal("writes refused before", refused, 0);

    let acknowledged: Vec<_> = writes
        .iter()
        .filter(|sample| sample.status == Some(201))
        .collect();
    let list: Vec<_> = acknowledged
        .iter()
        .filter_map(|sample| Some(format!("'{}'", sample.word.as_ref()?)))
        .collect();
    let table = format!("products WHERE id IN ({})", list.join(","));
    let stored = stage.system.database.count(&table).await;
    finding.require_equal(
        "acknowledged products that are there",
        stored,
        i64::try_from(acknowledged.len()).unwrap(),
    );
    finding
}

/// Whether PostgreSQL lets a client in: it answers the first message by asking for a password. While it is still
/// recovering, it answers with an error.
async fn takes_connections() -> bool {
    let url = services().database_url.parse::<reqwest::Url>().unwrap();
    let Ok(mut stream) = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).await else {
        return false;
    };
    let parameters = format!("user\0{}\0\0", url.username());
    let length = u32::try_from(8 + parameters.len()).unwrap();
    let message = [
        &length.to_be_bytes(),
        &PROTOCOL.to_be_bytes(),
        parameters.as_bytes(),
    ]
    .concat();
    stream.write_all(&message).await.is_ok() && stream.read_u8().await.is_ok_and(|kind| kind == b'R')
}
