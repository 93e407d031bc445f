use std::{future::pending, time::Duration};

use resilience::{Breaker, BreakerConfig, CallError, State};
use tokio::time::{Instant, advance, sleep, timeout};

#[derive(Debug, PartialEq)]
enum Fault {
    Outage,
    Refusal,
}

fn breaker() -> Breaker {
    Breaker::new("test", BreakerConfig::default())
}

async fn call(
    breaker: &Breaker,
    work: impl Future<Output = Result<(), Fault>>,
) -> Result<(), CallError<Fault>> {
    breaker.call(|fault| *fault == Fault::Outage, work).await
}

async fn fail(breaker: &Breaker) -> bool {
    matches!(
        call(breaker, async { Err(Fault::Outage) }).await,
        Err(CallError::Failed(Fault::Outage))
    )
}

async fn succeed(breaker: &Breaker) -> bool {
    call(breaker, async { Ok(()) }).await.is_ok()
}

async fn opened() -> Breaker {
    let breaker = breaker();
    while fail(&breaker).await {}
    assert_eq!(breaker.state(), State::Open);
    breaker
}

#[tokio::test(start_paused = true)]
async fn after_too_many_failures_no_call_is_made_for_a_moment() {
    let breaker = breaker();
    let mut made = 0;
    for _ in 0..100 {
        made += u32::from(fail(&breaker).await);
    }
    assert!((8..=9).contains(&made), "{made}");
    let refused = call(&breaker, async { unreachable!("the breaker is open") }).await;
    let Err(CallError::Open { retry_after }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        retry_after > Duration::ZERO && retry_after <= Duration::from_millis(1_200),
        "{retry_after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn fewer_failures_than_its_share_change_nothing() {
    let breaker = breaker();
    for _ in 0..50 {
        assert!(fail(&breaker).await);
        assert!(succeed(&breaker).await);
        assert!(succeed(&breaker).await);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_sign_of_life() {
    let breaker = breaker();
    for _ in 0..50 {
        let refused = call(&breaker, async { Err(Fault::Refusal) }).await;
        assert!(matches!(refused, Err(CallError::Failed(Fault::Refusal))));
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_that_succeed_too_slowly_open_it() {
    let breaker = breaker();
    for _ in 0..9 {
        let slow = async {
            sleep(Duration::from_secs(6)).await;
            Ok(())
        };
        assert!(call(&breaker, slow).await.is_ok());
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_counts_only_if_it_was_slow() {
    let breaker = breaker();
    for _ in 0..20 {
        let dropped = timeout(Duration::from_secs(4), call(&breaker, pending()));
        assert!(dropped.await.is_err());
    }
    assert_eq!(breaker.state(), State::Closed);
    for _ in 0..9 {
        let dropped = timeout(Duration::from_secs(6), call(&breaker, pending()));
        assert!(dropped.await.is_err());
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn one_call_at_a_time_finds_out_whether_the_part_is_back() {
    let breaker = opened().await;
    breaker.usable().await;
    let probe = {
        let breaker = breaker.clone();
        tokio::spawn(async move {
            call(&breaker, async {
                sleep(Duration::from_secs(1)).await;
                Ok(())
            })
            .await
        })
    };
    tokio::task::yield_now().await;
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(matches!(
        call(&breaker, async { Ok(()) }).await,
        Err(CallError::Open { .. })
    ));
    assert!(probe.await.unwrap().is_ok());
    assert_eq!(breaker.state(), State::Closed);
    assert!(succeed(&breaker).await);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again() {
    let breaker = opened().await;
    breaker.usable().await;
    assert!(fail(&breaker).await);
    assert_eq!(breaker.state(), State::Open);
    assert!(!succeed(&breaker).await);
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_caller_goes_away_makes_room_for_the_next() {
    let breaker = opened().await;
    breaker.usable().await;
    let dropped = timeout(Duration::from_millis(10), call(&breaker, pending()));
    assert!(dropped.await.is_err());
    assert!(succeed(&breaker).await);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_failure_from_before_does_not_count_after() {
    let breaker = breaker();
    let mut late = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let breaker = breaker.clone();
        late.spawn(async move {
            call(&breaker, async {
                sleep(Duration::from_secs(4)).await;
                Err(Fault::Outage)
            })
            .await
        });
    }
    tokio::task::yield_now().await;
    while fail(&breaker).await {}
    breaker.usable().await;
    assert!(succeed(&breaker).await);
    assert_eq!(late.join_all().await.len(), 50);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_look_is_taken_whatever_the_state_and_closes_it() {
    let breaker = opened().await;
    let is_outage = |fault: &Fault| *fault == Fault::Outage;
    assert_eq!(
        breaker
            .look(is_outage, async { Err::<(), _>(Fault::Outage) })
            .await,
        Err(Fault::Outage)
    );
    assert_eq!(breaker.state(), State::Open);
    breaker.look(is_outage, async { Ok(()) }).await.unwrap();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_wake_when_a_call_would_be_let_through() {
    let breaker = opened().await;
    let start = Instant::now();
    breaker.usable().await;
    assert!(
        start.elapsed() >= Duration::from_millis(790),
        "{:?}",
        start.elapsed()
    );
    // While a probe is under way they wait for its end.
    let waiting = {
        let breaker = breaker.clone();
        tokio::spawn(async move { breaker.usable().await })
    };
    let slow = async {
        advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
        Ok(())
    };
    assert!(call(&breaker, slow).await.is_ok());
    waiting.await.unwrap();
    breaker.usable().await;
}
