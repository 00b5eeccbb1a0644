//! The thread of one socket: opens it, says hello, carries frames both ways until it ends.
//!
//! Apart from the thread that owns the guest, so that a slow guest never lets a socket die, nor a
//! silent socket holds up a guest. It knows nothing of what frames mean: what goes out was
//! permitted, what comes in is scrubbed before anybody sees it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TryRecvError, bounded};

use crate::config::ms;
use crate::failure::{caught, vital};
use crate::shared::Shared;
use crate::wire::socket::{Frame, Received, Socket, Target};

/// Frames that may wait to go out; a broker that takes no more than that is as good as gone.
const OUT_MAX: usize = 64;
/// Longest wait for a frame before what is to go out is looked for.
const WAIT: Duration = Duration::from_millis(100);

/// What a socket's thread tells.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It is open, and its hello was sent.
    Opened,
    /// A message came; without secrets.
    Frame(Frame),
    /// It ended; for people, without secrets.
    Ended(String),
}

/// A running socket. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Feed {
    /// Tells its words from those of the ones before it.
    pub number: u64,
    out: Sender<Frame>,
}

impl Feed {
    /// Starts the thread; `hello` goes out first.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        number: u64,
        target: Target,
        hello: Vec<Frame>,
        heard: Sender<(u64, Heard)>,
    ) -> std::io::Result<Self> {
        let (out, outgoing) = bounded(OUT_MAX);
        let line = Line { shared: shared.clone(), number, outgoing, heard };
        let name = format!("{}/socket{number}", shared.name);
        thread::Builder::new().name(name).spawn(move || vital(|| line.run(&target, hello)))?;
        Ok(Self { number, out })
    }

    /// Hands over a frame that may go out; `false` when there is no room.
    pub(crate) fn send(&self, frame: Frame) -> bool {
        self.out.try_send(frame).is_ok()
    }
}

struct Line {
    shared: Arc<Shared>,
    number: u64,
    outgoing: Receiver<Frame>,
    heard: Sender<(u64, Heard)>,
}

impl Line {
    fn run(&self, target: &Target, hello: Vec<Frame>) {
        // What a broker sends is parsed here: a failure over it costs the socket, no more.
        let ended = caught(|| self.carry(target, hello));
        let why = match ended {
            Ok(Ok(())) => return,
            Ok(Err(why)) => why,
            Err(text) => format!("the host failed over it: {text}"),
        };
        self.tell(Heard::Ended(self.shared.secrets.scrub_text(&why)));
    }

    /// Until nobody wants it any more; the error says why it ended before.
    fn carry(&self, target: &Target, hello: Vec<Frame>) -> Result<(), String> {
        let mut socket = Socket::open(&self.shared.client, target, || self.shared.stopping())?;
        for frame in hello {
            socket.send(frame)?;
        }
        self.tell(Heard::Opened);
        let idle = ms(self.shared.limits.socket_idle_ms.max(1));
        let (mut alive, mut pinged) = (Instant::now(), false);
        while !self.shared.stopping() {
            loop {
                match self.outgoing.try_recv() {
                    Ok(frame) => socket.send(frame)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        socket.close();
                        return Ok(());
                    }
                }
            }
            match socket.receive(WAIT.min(idle))? {
                Received::Nothing if alive.elapsed() >= 2 * idle => {
                    return Err(format!("nothing came for {} ms", 2 * idle.as_millis()));
                }
                Received::Nothing if alive.elapsed() >= idle && !pinged => {
                    socket.ping()?;
                    pinged = true;
                }
                Received::Nothing => {}
                Received::Alive => (alive, pinged) = (Instant::now(), false),
                Received::Frame(frame) => {
                    (alive, pinged) = (Instant::now(), false);
                    let data = self.shared.secrets.scrub(frame.data);
                    self.tell(Heard::Frame(Frame { data, ..frame }));
                }
            }
        }
        socket.close();
        Ok(())
    }

    /// Waits for the thread that listens: a broker that is faster than its guest waits in TCP.
    fn tell(&self, heard: Heard) {
        let mut message = (self.number, heard);
        loop {
            match self.heard.send_timeout(message, WAIT) {
                Ok(()) | Err(SendTimeoutError::Disconnected(_)) => return,
                Err(SendTimeoutError::Timeout(_)) if self.shared.stopping() => return,
                Err(SendTimeoutError::Timeout(back)) => message = back,
            }
        }
    }
}
