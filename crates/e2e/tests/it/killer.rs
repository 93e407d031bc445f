//! A picture that kills whoever touches it.

use std::fs;

use e2e::{PATIENCE, System};
use messages::Work;
use testkit::{Binary, Reply, Signal, eventually, pictures};
use tokio::{net::TcpListener, select};

/// Pictures beside the one that kills, as many before it as behind it.
const NEIGHBOURS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_kills_its_process_fails_and_its_neighbours_are_ready() {
    let system = System::prepare().await;
    let _api = system.start_api().await;
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trapped = trap.local_addr().unwrap().port();
    let killer = format!("http://127.0.0.1:{trapped}/killer.png");
    // Slow enough that some of them are under way whenever a worker dies.
    let picture = pictures::png(64, 48, [200, 30, 30]);
    let slow = Reply::Slow {
        content_type: "image/png".to_owned(),
        bytes_per_second: picture.len() * 2,
        body: picture.into(),
    };
    let mut sources: Vec<_> = (0..NEIGHBOURS)
        .map(|index| system.origin.serve(&format!("/{index}.png"), slow.clone()))
        .collect();
    sources.insert(NEIGHBOURS / 2, killer);
    let created = system.create("Mug", &sources).await;

    let start = || system.start_worker_with(&[("PMS__WORKER__CONCURRENCY", "2".to_owned())]);
    let mut workers = vec![start(), start()];
    let mut deaths = 0;
    let settled = {
        let mut settled = Box::pin(system.settled(&created));
        loop {
            let caller = select! {
                settled = &mut settled => break settled,
                accepted = trap.accept() => accepted.unwrap(),
            };
            // The connection stays open, and is not answered, until the process is dead.
            let (_connection, address) = caller;
            let victim = eventually(PATIENCE, async || {
                workers
                    .iter()
                    .position(|worker| is_caller(worker, address.port(), trapped))
            })
            .await;
            let mut victim = workers.swap_remove(victim);
            victim.signal(Signal::Kill);
            victim.wait_for_exit(PATIENCE).await;
            deaths += 1;
            workers.push(start());
        }
    };

    let images = settled["images"].as_array().unwrap();
    for (index, image) in images.iter().enumerate() {
        if index == NEIGHBOURS / 2 {
            assert_eq!(image["status"], "failed");
            assert_eq!(image["error"]["code"], "processing_crashed");
        } else {
            assert_eq!(image["status"], "ready", "neighbour {index}: {}", image["error"]);
        }
    }
    assert_eq!(deaths, 3, "begun with three times, and then no more");

    // What a worker held unseen, it would put back when told to stop.
    for worker in &mut workers {
        worker.signal(Signal::Term);
        assert!(worker.wait_for_exit(PATIENCE).await.success());
    }
    let names = system.broker.names();
    for queue in [names.suspects_queue(Work::Jobs), names.queue(Work::Jobs)] {
        assert_eq!(system.broker.queue_depth(&queue).await, Some(0), "{queue}");
    }
    let letter = system.broker.take(&names.dead(), PATIENCE).await;
    assert_eq!(
        letter.correlation_id,
        images[NEIGHBOURS / 2]["id"].as_str().unwrap()
    );
    assert_eq!(system.broker.queue_depth(&names.dead()).await, Some(0));
}

/// Whether this process holds the connection between these ports of this machine.
fn is_caller(worker: &Binary, from: u16, to: u16) -> bool {
    let process = format!("/proc/{}", worker.pid());
    let [from, to] = [from, to].map(|port| format!(":{port:04X}"));
    let sockets = fs::read_to_string(format!("{process}/net/tcp")).unwrap_or_default();
    // The second column is the own address, the third the other one, the tenth the number of the socket. The own port
    // may be in use for other connections as well.
    let socket = sockets.lines().find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let is_it = columns.get(1)?.ends_with(&from) && columns.get(2)?.ends_with(&to);
        is_it.then(|| format!("socket:[{}]", columns[9]))
    });
    let Some(socket) = socket else { return false };
    fs::read_dir(format!("{process}/fd")).is_ok_and(|handles| {
        handles
            .flatten()
            .filter_map(|handle| fs::read_link(handle.path()).ok())
            .any(|target| target.to_string_lossy() == socket)
    })
}
