//! The `log` import, and the account's own warnings: lines for the operator, bounded and
//! rate-limited.
//!
//! It never waits: a full channel or a chatty guest loses lines, which are counted. A chatty guest
//! costs the host no line: each has a rate of its own.

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_channel::Sender;

use bracketd_core::ids::AccountName;

use crate::bindings::bracketd::broker::log;
use crate::guest::GuestState;
use crate::lock::lock;
use crate::secret::Secrets;

/// Longest message in bytes; the rest is cut.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2_048;
/// Most fields of a line.
const FIELDS_MAX: usize = 16;
/// Longest field name or value in bytes.
const FIELD_BYTES_MAX: usize = 256;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Trace,
    /// For the plugin's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something does not work.
    Error,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// The plugin, in its own words.
    Plugin,
    /// The host, of the plugin or the broker.
    Host,
}

impl LogSource {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Host => "host",
        }
    }
}

/// One line of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The account.
    pub account: AccountName,
    /// How important it is.
    pub level: LogLevel,
    /// The message, cut and scrubbed.
    pub message: String,
    /// Its fields, cut and scrubbed.
    pub fields: Vec<(String, String)>,
    /// Lines lost since the last one that arrived.
    pub lost: u64,
    /// Who says it.
    pub source: LogSource,
}

/// How many lines one of them may still write.
#[derive(Debug)]
struct Bucket {
    since: Instant,
    left: u32,
}

/// The account's way out for lines.
#[derive(Debug)]
pub(crate) struct LogSink {
    out: Option<Sender<LogLine>>,
    per_second: u32,
    plugin: Mutex<Bucket>,
    host: Mutex<Bucket>,
    lost: AtomicU64,
}

impl LogSink {
    /// A sink; without a channel every line is counted as lost.
    pub(crate) fn new(out: Option<Sender<LogLine>>, per_second: u32) -> Self {
        let bucket = || Mutex::new(Bucket { since: Instant::now(), left: per_second });
        Self { out, per_second, plugin: bucket(), host: bucket(), lost: AtomicU64::new(0) }
    }

    /// Another sink to the same place, with a rate of its own.
    pub(crate) fn beside(&self) -> Self {
        Self::new(self.out.clone(), self.per_second)
    }

    /// Hands a line over, or counts it.
    pub(crate) fn write(&self, mut line: LogLine) {
        let Some(out) = self.out.as_ref().filter(|_| self.take(line.source)) else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        line.lost = self.lost.swap(0, Ordering::Relaxed);
        let lost = line.lost;
        if out.try_send(line).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }

    fn take(&self, source: LogSource) -> bool {
        let mut bucket = lock(match source {
            LogSource::Plugin => &self.plugin,
            LogSource::Host => &self.host,
        });
        if bucket.since.elapsed().as_secs() >= 1 {
            *bucket = Bucket { since: Instant::now(), left: self.per_second };
        }
        bucket.left = match bucket.left.checked_sub(1) {
            Some(rest) => rest,
            None => return false,
        };
        true
    }
}

/// Text for people: without secrets, on one line, cut. Scrubbed first: a cut through a secret would
/// hide its start from the scrubbing.
pub(crate) fn clean(secrets: &Secrets, text: &str, max: usize) -> String {
    let scrubbed = secrets.scrub_text(text);
    cut(&scrubbed, max).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl log::Host for GuestState {
    fn emit(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.enter("log.emit")?;
        let secrets = &self.shared.secrets;
        let clean = |text: &str, max: usize| clean(secrets, text, max);
        let line = LogLine {
            account: self.shared.name.clone(),
            level: match level {
                log::Level::Trace => LogLevel::Trace,
                log::Level::Debug => LogLevel::Debug,
                log::Level::Info => LogLevel::Info,
                log::Level::Warn => LogLevel::Warn,
                log::Level::Error => LogLevel::Error,
            },
            message: clean(&message, MESSAGE_BYTES_MAX),
            fields: fields
                .iter()
                .take(FIELDS_MAX)
                .map(|(k, v)| (clean(k, FIELD_BYTES_MAX), clean(v, FIELD_BYTES_MAX)))
                .collect(),
            lost: 0,
            source: LogSource::Plugin,
        };
        self.shared.log.write(line);
        self.leave("log.emit")
    }
}

/// What ends a text that was cut.
const CUT: &str = "…";

/// The text, or as many of its characters as fit into that many bytes with the sign of the cut.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return text.into();
    }
    let end = text.floor_char_boundary(max.saturating_sub(CUT.len()));
    format!("{}{CUT}", text.get(..end).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(source: LogSource, message: &str) -> LogLine {
        LogLine {
            account: "a".into(),
            level: LogLevel::Info,
            message: message.to_owned(),
            fields: Vec::new(),
            lost: 0,
            source,
        }
    }

    #[test]
    fn lines_beyond_the_rate_are_counted_and_told_with_the_next() {
        let (out, lines) = crossbeam_channel::bounded(16);
        let sink = LogSink::new(Some(out), 2);
        for text in ["1", "2", "3", "4"] {
            sink.write(line(LogSource::Plugin, text));
        }
        *lock(&sink.plugin) = Bucket { since: Instant::now(), left: 1 };
        sink.write(line(LogSource::Plugin, "5"));
        let got: Vec<_> = lines.try_iter().map(|l| (l.message, l.lost)).collect();
        assert_eq!(got, [("1".into(), 0), ("2".into(), 0), ("5".into(), 2)]);
    }

    #[test]
    fn a_guest_that_talks_all_the_time_costs_the_host_no_line() {
        let (out, lines) = crossbeam_channel::bounded(16);
        let sink = LogSink::new(Some(out), 1);
        sink.write(line(LogSource::Plugin, "1"));
        sink.write(line(LogSource::Plugin, "2"));
        sink.write(line(LogSource::Host, "the plugin trapped"));
        let got: Vec<_> = lines.try_iter().map(|l| (l.message, l.lost)).collect();
        assert_eq!(got, [("1".into(), 0), ("the plugin trapped".into(), 1)]);
    }

    #[test]
    fn a_line_holds_no_secret_and_no_second_line() {
        let map = [("key".to_owned(), crate::Secret::new("PK-123456"))].into();
        let secrets = Secrets::new(map).unwrap();
        for (text, max, want) in [
            ("key PK-123456!", 99, "key [secret]!"),
            // The cut falls into the secret.
            ("key PK-123456!", 11, "key [sec…"),
            ("a\nERROR forged\u{1b}[2J", 99, "a ERROR forged [2J"),
        ] {
            assert_eq!(clean(&secrets, text, max), want);
        }
    }

    #[test]
    fn a_cut_ends_on_a_character_and_says_so() {
        for (text, max, want) in
            [("abcdef", 5, "ab…"), ("aééé", 5, "a…"), ("abcde", 5, "abcde"), ("ab", 9, "ab")]
        {
            assert_eq!(cut(text, max), want);
        }
    }
}
