//! The threads that send writes. They outlive the guest whose request they carry.
//!
//! A request is handed over only to a thread that is free: one that waits in a queue could leave
//! long after its guest was told that it did not.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::effect::point;
use crate::failure::{caught, vital};
use crate::secret::Secrets;
use crate::wire::flight::Flight;
use crate::wire::{Client, Failure, Prepared, Sent, Why};

struct Job {
    prepared: Prepared,
    hard_deadline: Instant,
    flight: Arc<Flight>,
}

/// The sending threads of one account. They end when this is dropped and their request is done.
#[derive(Clone, Debug)]
pub(crate) struct Senders {
    jobs: Sender<Job>,
    hard: Duration,
}

impl Senders {
    /// Starts `count` threads; a request may take `hard` altogether.
    pub(crate) fn start(
        count: usize,
        hard: Duration,
        name: &str,
        client: &Arc<Client>,
        secrets: &Arc<Secrets>,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = bounded::<Job>(0);
        for number in 0..count {
            let (inbox, client, secrets) = (inbox.clone(), client.clone(), secrets.clone());
            thread::Builder::new()
                .name(format!("{name}/send{number}"))
                .spawn(move || vital(|| send_all(&inbox, &client, &secrets)))?;
        }
        Ok(Self { jobs, hard })
    }

    /// Hands a write to a free thread; gives up at `deadline`, then nothing left.
    pub(crate) fn send(
        &self,
        prepared: Prepared,
        deadline: Instant,
    ) -> Result<Arc<Flight>, Failure> {
        let flight = Arc::new(Flight::default());
        let hard_deadline = Instant::now() + self.hard;
        let job = Job { prepared, hard_deadline, flight: flight.clone() };
        self.jobs.send_deadline(job, deadline).map(|()| flight).map_err(|_| Failure {
            why: Why::Timeout,
            sent: Sent::No,
            message: "every sending thread of the account is busy".to_owned(),
        })
    }
}

fn send_all(inbox: &Receiver<Job>, client: &Client, secrets: &Secrets) {
    for job in inbox {
        let (prepared, hard_deadline) = (job.prepared, job.hard_deadline);
        let outcome = caught(|| {
            point("write.leaving");
            let outcome = client.run(prepared, hard_deadline, secrets);
            point("write.answered");
            outcome
        });
        // Its guest and its row wait for an end, whatever became of the request.
        job.flight.land(outcome.unwrap_or_else(|text| Err(broken(&text, secrets))));
    }
}

/// The host failed over a request: how much of it had left is not known (I13).
fn broken(text: &str, secrets: &Secrets) -> Failure {
    let message = secrets.scrub_text(&format!("the host failed while it sent this: {text}"));
    Failure { why: Why::Other, sent: Sent::Some, message }
}
