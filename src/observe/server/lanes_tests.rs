use super::*;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

async fn ran(lanes: &Lanes, sort: Sort, query: u64, pace: Pace) {
    let turn = lanes.turn(sort, query, soon()).await.unwrap();
    lanes.ended(&turn, pace, Instant::now());
}

#[tokio::test(start_paused = true)]
async fn a_slow_query_stays_out_of_the_way_until_it_was_quick_again() {
    let lanes = Lanes::new(1);
    let slow = lanes.turn(Sort::Custom, 1, soon()).await.unwrap();
    ran(&lanes, Sort::BuiltIn, 9, Pace::Quick).await;
    lanes.ended(&slow, Pace::Slow, Instant::now());
    drop(slow);

    let again = lanes.turn(Sort::Custom, 1, soon()).await;
    let other = lanes.turn(Sort::Custom, 2, soon()).await;
    assert!(again.is_some() && other.is_some(), "each has its own lane");
    lanes.ended(&again.unwrap(), Pace::Quick, Instant::now());
    assert_eq!(lanes.slow_queries(), 0);
    assert!(
        lanes.turn(Sort::Custom, 1, soon()).await.is_none(),
        "back in the one place that is taken"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_slow_with_everything_makes_no_query_slow() {
    let lanes = Lanes::new(8);
    for query in 0..8 {
        ran(&lanes, Sort::Custom, query, Pace::Slow).await;
    }
    assert_eq!(lanes.slow_queries(), 0);
}

#[tokio::test(start_paused = true)]
async fn slow_queries_that_leave_no_place_to_others_are_known_without_a_quick_answer() {
    let lanes = Lanes::new(1);
    let slow = lanes.turn(Sort::Custom, 1, soon()).await.unwrap();
    let other = lanes.turn(Sort::Custom, 2, soon());
    tokio::pin!(other);
    assert!(futures::poll!(&mut other).is_pending());
    lanes.ended(&slow, Pace::Slow, Instant::now());
    assert_eq!(lanes.slow_queries(), 1);
    drop(slow);
    assert!(other.await.is_some());
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_place_ends_at_the_deadline() {
    let lanes = Lanes::new(1);
    let _held = lanes.turn(Sort::BuiltIn, 1, soon()).await;
    let began = Instant::now();
    assert!(lanes.turn(Sort::BuiltIn, 2, soon()).await.is_none());
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert!(lanes.turn(Sort::Past, 2, soon()).await.is_some());
    assert!(lanes.turn(Sort::Custom, 2, soon()).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_query_without_a_turn_comes_before_those_that_had_one() {
    let lanes = Lanes::new(8);
    let slow: Vec<_> =
        futures::future::join_all((0..3).map(|query| lanes.turn(Sort::Custom, query, soon()))).await;
    ran(&lanes, Sort::BuiltIn, 9, Pace::Quick).await;
    for turn in slow.iter().flatten() {
        lanes.ended(turn, Pace::Slow, Instant::now());
    }
    drop(slow);
    // Two have the places of the slow lane, and keep them; the third finds none.
    let held = [
        lanes.turn(Sort::Custom, 0, soon()).await,
        lanes.turn(Sort::Custom, 1, soon()).await,
    ];
    assert!(lanes.turn(Sort::Custom, 2, soon()).await.is_none());
    let order = std::sync::Mutex::new(Vec::new());
    let asked = |query| {
        let (lanes, order) = (&lanes, &order);
        async move {
            let turn = lanes.turn(Sort::Custom, query, soon()).await;
            lock(order).push(query);
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(turn);
        }
    };
    drop(held);
    futures::join!(asked(0), asked(1), asked(2));
    assert_eq!(lock(&order).first(), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_slow_queries_is_bounded() {
    let mut memory = Memory::default();
    let now = Instant::now();
    for query in 0..5000 {
        memory.know(query, now + Duration::from_secs(query));
    }
    assert_eq!(memory.slow.len(), SLOW_KNOWN);
    assert!(memory.slow.contains_key(&4999) && !memory.slow.contains_key(&0));
}
