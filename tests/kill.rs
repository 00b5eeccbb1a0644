//! SIGKILL at random moments while a client works, which remembers every promise (S3, S6).
//!
//! Continuous integration runs 20 rounds. To run more, such as a hundred:
//!
//! ```text
//! BRACKETD_KILL_ROUNDS=100 cargo test -p bracketd --test blackbox kill:: -- --nocapture
//! ```
//!
//! `BRACKETD_KILL_SEED` makes another run of it; the seed is printed at the start.

use std::time::{Duration, Instant};

use crate::harness::{Client, Daemon, Dir, Exchange, Numbers, configure, wanted};

const ROUNDS: u64 = 20;
const SEED: u64 = 3;
/// Ledgers that are killed beside each other; the rounds are shared between them.
const LANES: u64 = 2;
/// A process is killed within this time after it was ready.
const LIFE_MS_MAX: u64 = 700;
const REPAIR: Duration = Duration::from_secs(60);

#[test]
fn s6_what_was_promised_outlives_every_kill() {
    let rounds = wanted("BRACKETD_KILL_ROUNDS", ROUNDS);
    let seed = wanted("BRACKETD_KILL_SEED", SEED);
    println!("{rounds} rounds with seed {seed}");
    std::thread::scope(|scope| {
        for lane in 0..LANES.min(rounds) {
            let share = rounds / LANES + u64::from(lane < rounds % LANES);
            scope.spawn(move || run_lane(share, seed.wrapping_mul(1_000) + lane));
        }
    });
}

fn run_lane(rounds: u64, seed: u64) {
    let (dir, mut numbers) = (Dir::new(), Numbers::new(seed));
    let exchange = Exchange::manual(&dir);
    configure(&dir, &exchange.url, &[]);
    let mut client = Client::new(&exchange, seed);
    for round in 0..rounds {
        let mut daemon = Daemon::spawn(&dir, None);
        let api = daemon.ready().expect("it lives until it is killed");
        let ready_ms = numbers.below(LIFE_MS_MAX);
        std::thread::scope(|scope| {
            let daemon = &daemon;
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(ready_ms));
                daemon.signal("KILL");
            });
            client.work(&api, || true);
        });
        daemon.ends_within(REPAIR);
        println!(
            "lane {seed}, round {round}: killed after {ready_ms} ms, {} promises",
            client.answered
        );
    }
    let mut daemon = Daemon::spawn(&dir, None);
    let api = daemon.ready().expect("nobody kills the last one");
    let began = Instant::now();
    while let Err(why) = client.judge(&api) {
        assert!(began.elapsed() < REPAIR, "seed {seed}: {why}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let answered = client.answered;
    assert!(answered >= rounds, "only {answered} promises in {rounds} rounds prove nothing");
}
