//! Hands messages to the engine thread and waits for the answers without holding up the runtime.
//!
//! Apart because three outcomes must never be mixed up: not handed over, answered, and handed over
//! without an answer, which means that it may have been done.

use std::time::Duration;

use bracketd_core::ids::{AccountName, TransactionId};
use bracketd_core::intent::{Request, Verdict};
use bracketd_engine::Thaw;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::problem::Problem;
use crate::message::{Compared, PluginWish, Query, Reloaded, Reply, Seen, ToEngine};

/// How long the engine thread may take for an answer. It answers within milliseconds; only a disk
/// that hangs in a commit takes longer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// How long a reload may take: it compiles and tests every policy.
const RELOAD_TIME: Duration = Duration::from_secs(30);
/// How long reading and compiling a plugin may take; a large one is compiled for seconds.
const PLUGIN_TIME: Duration = Duration::from_secs(30);
/// How long a complete read of an account may take: several pages of orders and fills.
const COMPARE_TIME: Duration = Duration::from_secs(30);

/// The way to the engine thread.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    to: Sender<ToEngine>,
}

impl Engine {
    pub(super) fn new(to: Sender<ToEngine>) -> Self {
        Self { to }
    }

    /// Asks for a change.
    pub(super) async fn request(&self, request: Request) -> Result<Verdict, Problem> {
        let (reply, answer) = bounded(1);
        self.send(ToEngine::Request { request: Box::new(request), reply })?;
        wait(answer, ANSWER_TIME).await
    }

    /// Asks a question.
    pub(super) async fn query(&self, query: Query) -> Result<Reply, Problem> {
        let (reply, answer) = bounded(1);
        self.send(ToEngine::Query { query, reply })?;
        // A question changes nothing, so a missing answer leaves nothing in doubt.
        wait(answer, ANSWER_TIME).await.map_err(|_| Problem::busy())
    }

    /// Asks for a frozen policy to be asked again.
    pub(super) async fn thaw(&self, thaw: Thaw) -> Result<Verdict, Problem> {
        let (reply, answer) = bounded(1);
        self.send(ToEngine::Thaw { thaw, reply })?;
        wait(answer, ANSWER_TIME).await
    }

    /// Asks for the policies to be read again.
    pub(super) async fn reload(&self) -> Result<Reloaded, Problem> {
        let (reply, answer) = bounded(1);
        self.send(ToEngine::Reload { reply })?;
        wait(answer, RELOAD_TIME).await
    }

    /// Asks for an account to be compared with the broker.
    pub(super) async fn compare(&self, account: AccountName) -> Result<Compared, Problem> {
        let (reply, answer) = bounded(1);
        self.send(ToEngine::Compare { account, reply })?;
        // A comparison sends nothing, so a missing answer leaves nothing in doubt.
        wait(answer, COMPARE_TIME).await.map_err(|_| Problem::busy())
    }

    /// Asks for another plugin of an account; the answer is the number of the swap, or why none
    /// began.
    pub(super) async fn plugin(
        &self,
        account: AccountName,
        wish: PluginWish,
    ) -> Result<Result<u64, String>, Problem> {
        let (reply, answer) = bounded(1);
        self.send(ToEngine::Plugin { account, wish, reply })?;
        wait(answer, PLUGIN_TIME).await
    }

    /// Asks for the plugin before.
    pub(super) async fn plugin_back(
        &self,
        account: AccountName,
    ) -> Result<Result<u64, String>, Problem> {
        let (reply, answer) = bounded(1);
        self.send(ToEngine::PluginBack { account, reply })?;
        wait(answer, ANSWER_TIME).await
    }

    /// One transaction, where it is in memory.
    pub(super) async fn transaction(&self, id: TransactionId) -> Result<Option<Seen>, Problem> {
        match self.query(Query::Transaction(id)).await? {
            Reply::Transaction(seen) => Ok(seen),
            other => Err(mismatch(&other)),
        }
    }

    fn send(&self, message: ToEngine) -> Result<(), Problem> {
        self.to.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Problem::busy(),
            TrySendError::Disconnected(_) => Problem::stopping(),
        })
    }
}

/// The engine thread answered another question than it was asked.
pub(super) fn mismatch(reply: &Reply) -> Problem {
    tracing::error!(?reply, "the engine answered another question");
    Problem::new(
        axum::http::StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL",
        "the engine answered another question",
    )
}

async fn wait<T: Send + 'static>(answer: Receiver<T>, time: Duration) -> Result<T, Problem> {
    let waited = tokio::task::spawn_blocking(move || answer.recv_timeout(time)).await;
    match waited {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) | Err(_) => {
            Err(Problem::unknown())
        }
    }
}
