//! The lines of the accounts, plugins' and hosts', into the daemon's log.
//!
//! Apart because it is the one place where a plugin's words become the daemon's: always with their
//! account and who says them, never as a line of the daemon's own. The accounts scrub, cut and limit
//! them and never wait; what finds no room is counted by the account and told with its next line.

use bracketd_account::{LogLevel, LogLine};
use crossbeam_channel::{Sender, bounded};

use crate::vital;

/// Lines that may wait for standard error.
const WAITING_MAX: usize = 1_024;

/// Starts the thread that writes them; it ends with the last account.
///
/// # Errors
/// Where the thread cannot be started.
pub(super) fn start() -> std::io::Result<Sender<LogLine>> {
    let (tell, lines) = bounded::<LogLine>(WAITING_MAX);
    vital::spawn("account-log", move || {
        for line in lines {
            write(&line);
        }
    })?;
    Ok(tell)
}

/// One line, at its own level: `BRACKETD_LOG=account=debug` shows a plugin's debug lines.
fn write(line: &LogLine) {
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(
                target: "account",
                account = %line.account,
                source = line.source.as_str(),
                fields = words(&line.fields),
                lost = (line.lost > 0).then_some(line.lost),
                "{}",
                line.message
            )
        };
    }
    match line.level {
        LogLevel::Trace => at!(trace),
        LogLevel::Debug => at!(debug),
        LogLevel::Info => at!(info),
        LogLevel::Warn => at!(warn),
        LogLevel::Error => at!(error),
    }
}

/// `name=value name=value`; none = there are no fields.
fn words(fields: &[(String, String)]) -> Option<String> {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(" "))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use bracketd_account::LogSource;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line(level: LogLevel, message: &str, fields: &[(&str, &str)], lost: u64) -> LogLine {
        let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (message, source) = (message.to_owned(), LogSource::Plugin);
        LogLine { account: "paper".into(), level, message, fields, lost, source }
    }

    #[test]
    fn a_line_is_logged_with_its_account_its_fields_and_what_was_lost() {
        let page = Page::default();
        let to = page.clone();
        let log = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .without_time()
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || to.clone())
            .finish();
        tracing::subscriber::with_default(log, || {
            write(&line(LogLevel::Warn, "odd answer", &[("status", "418"), ("id", "7")], 3));
            write(&line(LogLevel::Debug, "not wanted at this level", &[], 0));
            write(&line(LogLevel::Info, "fine", &[], 0));
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines,
            [
                serde_json::json!({
                    "level": "WARN", "target": "account", "account": "paper", "source": "plugin",
                    "message": "odd answer", "fields": "status=418 id=7", "lost": 3,
                }),
                serde_json::json!({
                    "level": "INFO", "target": "account", "account": "paper", "source": "plugin",
                    "message": "fine",
                }),
            ]
        );
    }
}
