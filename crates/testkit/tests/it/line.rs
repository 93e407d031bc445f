use std::time::Duration;

use testkit::{Mode, Origin, Proxy, Reply, Share, eventually, http_client};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(5);

/// A line to a service that sends back what it gets.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    Proxy::start(address.to_string()).await
}

async fn say(stream: &mut TcpStream, word: &[u8; 4]) -> std::io::Result<()> {
    stream.write_all(word).await?;
    let mut heard = [0; 4];
    stream.read_exact(&mut heard).await?;
    assert_eq!(&heard, word);
    Ok(())
}

#[tokio::test]
async fn a_cut_line_ends_old_connections_and_new_ones() {
    let proxy = echo().await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut old, b"ping").await.unwrap();
    proxy.set(Mode::Cut);
    assert!(timeout(LONG, say(&mut old, b"ping")).await.unwrap().is_err());
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(timeout(LONG, say(&mut new, b"ping")).await.unwrap().is_err());
    proxy.set(Mode::Pass);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut new, b"ping").await.unwrap();
}

#[tokio::test]
async fn a_reset_line_breaks_connections_off_within_what_they_carry() {
    let proxy = echo().await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut old, b"ping").await.unwrap();
    // Four bytes go there and two come back.
    proxy.set(Mode::Reset { after: 6 });
    let error = timeout(LONG, say(&mut old, b"ping")).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let mut idle = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Mode::Reset { after: 0 });
    let error = timeout(LONG, idle.read(&mut [0; 4])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    proxy.set(Mode::Pass);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut new, b"ping").await.unwrap();
}

#[tokio::test]
async fn a_line_can_fail_for_some_of_its_connections() {
    let proxy = echo().await;
    let mut first = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut first, b"ping").await.unwrap();
    let mut second = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut second, b"ping").await.unwrap();
    proxy.set_for(Share::Odd, Mode::Silent);
    assert!(timeout(SHORT, say(&mut first, b"ping")).await.is_err());
    timeout(LONG, say(&mut second, b"ping")).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_silent_line_never_wakes_for_those_who_lost_something() {
    let proxy = echo().await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut old, b"ping").await.unwrap();
    proxy.set(Mode::Silent);
    assert!(timeout(SHORT, say(&mut old, b"ping")).await.is_err());
    proxy.set(Mode::Pass);
    assert!(timeout(SHORT, say(&mut old, b"ping")).await.is_err());
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut new, b"ping").await.unwrap();
}

#[tokio::test]
async fn a_frozen_line_delivers_later() {
    let proxy = echo().await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut old, b"ping").await.unwrap();
    proxy.set(Mode::Frozen);
    assert!(timeout(SHORT, say(&mut old, b"late")).await.is_err());
    proxy.set(Mode::Pass);
    let mut heard = [0; 4];
    timeout(LONG, old.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(&heard, b"late");
}

#[tokio::test]
async fn waiting_ends_with_what_came() {
    let origin = Origin::start().await;
    let url = origin.serve("/", Reply::html().after_failures(3, 500));
    let client = http_client();
    let text = eventually(LONG, || async {
        let answer = client.get(&url).send().await.ok()?.error_for_status().ok()?;
        answer.text().await.ok()
    })
    .await;
    assert!(text.contains("Not a picture"), "{text}");
}

#[tokio::test]
#[should_panic(expected = "line.rs")]
async fn waiting_in_vain_names_the_place() {
    eventually(SHORT, || async { None::<()> }).await;
}
