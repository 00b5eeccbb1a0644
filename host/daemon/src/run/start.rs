//! Start and stop of the whole daemon, in one order each.
//!
//! Apart because the order is a promise: the lock before anything, the ledger before the accounts,
//! the engine before the API; and at the end the other way round, with the protective orders left
//! where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bracketd_account::{
    AccountConfig, AccountHandle, ClockSource, CompiledCache, Drive, Grant, Host, KvEntry, Limits,
    LogLine, Plugin, PollConfig, read_plugin,
};
use bracketd_core::book::{Book, OnShutdown};
use bracketd_core::broker::FromAccount;
use bracketd_core::control::KillFile;
use bracketd_core::ids::{AccountName, PolicyName, Symbol};
use bracketd_engine::{Engine, PolicySettings, Settings, StartError};
use bracketd_policy::{BuildReport, EventKind, Params, PolicySet, SourceFile, Sources};
use bracketd_store::activity::{ActivityLog, ActivityOptions};
use bracketd_store::{DirLock, KvEntry as Stored, Loaded, SpareRoom};
use crossbeam_channel::{Sender, bounded};

use super::arming::Arming;
use super::engine_thread::{Clock, EngineThread, Identity, Parts};
use super::entries::Entries;
use super::kill_file::{self, KillWatch};
use super::ledger::{open_ledger, unusable};
use super::plugins::PluginStager;
use super::policies::{PolicyBuilder, sources};
use super::report::TapeReport;
use super::shutdown;
use super::values::{self, VALUES_FILE};
use super::{account_log, alerts};
use crate::config::Config;
use crate::config::resolved::{AccountSettings, GrantSettings};
use crate::daemon_file::{self, DaemonFile};
use crate::effect::point;
use crate::http::Server;
use crate::message::{Mode, ToEngine};
use crate::plugin_record;
use crate::vital;
use crate::watch::{self, Snapshot, Watch};

/// Messages that may wait for the engine; one more is refused as busy.
const INBOX: usize = 1_024;
/// Words of accounts that may wait; an account then waits itself.
const HEARD: usize = 4_096;
/// How long the activity log may take to write what waits, at the end.
const DRAIN_MS: u64 = 5_000;
/// How long after a failure `daemon.json` is tried again.
const FILE_AGAIN: Duration = Duration::from_secs(1);

/// What is to be run.
pub struct Plan {
    /// The configuration.
    pub config: Config,
    /// What kind of run this is.
    pub mode: Mode,
    /// Where the time comes from.
    pub clock: Clock,
    /// What opens transactions by itself, in a tape run.
    pub entries: Entries,
    /// Symbols that are watched whatever is held.
    pub watch: BTreeMap<AccountName, Vec<Symbol>>,
    /// The lock of its data directory, from [`hold`].
    pub lock: DirLock,
    /// Whether an empty ledger takes the place of a lost one.
    pub new_ledger: bool,
}

/// A running daemon.
pub struct Running {
    /// Base URL of its API.
    pub url: String,
    /// The engine's inbox.
    pub inbox: Sender<ToEngine>,
    /// Policies that were refused at the start; the last good ones run.
    pub refused: Vec<bracketd_policy::Refused>,
    /// Names of the policies that run.
    pub policies: Vec<PolicyName>,
    /// What must not be overlooked from the first moment: kill switches, disarmed accounts.
    pub alerts: Vec<String>,
    file: DaemonFile,
    /// When daemon.json was tried last, until it is written.
    file_tried_at: Option<Instant>,
    data_dir: std::path::PathBuf,
    engine: Option<JoinHandle<TapeReport>>,
    server: Option<Server>,
    watch: Option<Watch>,
    kill_watch: Option<KillWatch>,
    activity: Option<ActivityLog>,
    /// Accounts whose entries are canceled when the daemon is told to stop.
    cancels_entries: Vec<AccountName>,
}

/// Starts everything.
///
/// # Errors
/// With what is wrong and what to do about it; then nothing runs.
pub fn start(plan: Plan) -> anyhow::Result<Running> {
    let Plan { config, mode, clock, entries, watch: always, lock, new_ledger } = plan;
    let data_dir = config.data_dir.clone();
    let ledger = open_ledger(&config, lock, new_ledger, &clock)?;
    let spare_room = ledger.spare_room();
    let activity = ActivityLog::start(&data_dir, ActivityOptions::default())?;
    let host = Host::new()?;
    let plugins = load_plugins(&host, &config)?;

    let loaded = ledger.load().map_err(|error| unusable(&data_dir, error))?;
    let settings = settings(&config, &plugins, always);
    let params = settings.policies.iter().map(|(name, s)| (name.clone(), s.params.clone()));
    let params: BTreeMap<PolicyName, Params> = params.collect();
    let accounts = config.accounts.iter().map(|account| account.name.clone()).collect();
    let base = Sources { config: params, accounts: Some(accounts), ..Sources::default() };
    let (report, digest) = first_policies(&config, &base, &loaded);
    check_assigned(&config, &report.set)?;
    let engine = Engine::start(ledger, settings, report.set.clone(), clock.now())
        .map_err(|error| not_started(&data_dir, error))?;
    point("start.loaded");
    let kill_file = kill_file::look(&data_dir);
    let (arming, alerts) = first_look(&engine, &data_dir, kill_file.as_ref())?;

    let (inbox, said) = bounded(INBOX);
    let (tell, heard) = bounded::<FromAccount>(HEARD);
    let accounts = start_accounts(&host, &plugins, &config, &clock, (loaded.kv, &tell))?;
    point("start.connecting");
    let (watching, policies) = watch_policies(&config, &report, (base, digest), &inbox)?;
    let stager = PluginStager::start(host.clone(), &config, &plugins, inbox.clone())?;
    let running: Vec<PolicyName> = report.set.iter().map(|p| p.name().clone()).collect();
    let refused = report.refused.clone();
    let thread = EngineThread::new(Parts {
        engine,
        accounts,
        recorder: activity.recorder(),
        policies,
        plugins: stager,
        identity: identity(mode, &config),
        entries,
        clock,
        inbox: said,
        heard,
        spare_room: spare_room.clone(),
        arming,
    });
    // Before anything else: no entry leaves while the file stands there.
    inbox.send(ToEngine::KillFile(kill_file.clone())).context("the engine did not start")?;
    let first = ToEngine::PoliciesBuilt { report: Box::new(report), reply: None };
    inbox.send(first).context("the engine did not start")?;
    let engine = spawn_engine(thread, host)?;
    let kill_watch = KillWatch::start(data_dir.clone(), kill_file, inbox.clone())?;
    let (server, file, is_written) = serve_api(&config, inbox.clone(), spare_room.as_ref())?;
    point("start.serving");
    Ok(Running {
        url: file.url.clone(),
        inbox,
        refused,
        policies: running,
        alerts,
        cancels_entries: cancels_entries(&config),
        kill_watch: Some(kill_watch),
        file,
        file_tried_at: (!is_written).then(Instant::now),
        data_dir,
        engine: Some(engine),
        server: Some(server),
        watch: Some(watching),
        activity: Some(activity),
    })
}

/// Looks at the policies' directory from now on, and builds what changes there.
fn watch_policies(
    config: &Config,
    first: &BuildReport,
    (base, digest): (Sources, Option<String>),
    inbox: &Sender<ToEngine>,
) -> anyhow::Result<(Watch, PolicyBuilder)> {
    let (dir, poll) = (&config.policies_dir, Duration::from_millis(config.policies_poll_ms));
    let (watching, looks) = watch::start(dir, poll)?;
    let (set, inbox) = (first.set.clone(), inbox.clone());
    let policies = PolicyBuilder::start(dir.clone(), set, base, digest, looks, inbox)?;
    Ok((watching, policies))
}

/// Makes the data directory where it is missing, and takes its lock: before anything in it is made,
/// replaced or removed.
///
/// # Errors
/// While another daemon runs on it, with which.
pub fn hold(dir: &Path) -> anyhow::Result<DirLock> {
    std::fs::create_dir_all(dir)
        .with_context(|| format!("cannot make the data directory {}", dir.display()))?;
    DirLock::take(dir).map_err(|error| unusable(dir, error))
}

fn spawn_engine(thread: EngineThread, host: Host) -> std::io::Result<JoinHandle<TapeReport>> {
    vital::spawn("engine", || {
        // The host's epoch ticker lives as long as the accounts do.
        let _host = host;
        thread.run()
    })
}

fn settings(
    config: &Config,
    plugins: &BTreeMap<AccountName, Plugin>,
    watch: BTreeMap<AccountName, Vec<Symbol>>,
) -> Settings {
    Settings {
        accounts: config.accounts.iter().map(|a| (a.name.clone(), a.rules.clone())).collect(),
        policies: policy_settings(config),
        watch,
        identities: identities(plugins),
    }
}

/// The API, and the file that says where it is. Without that file the daemon looks after its stops
/// all the same.
fn serve_api(
    config: &Config,
    inbox: Sender<ToEngine>,
    spare_room: Option<&SpareRoom>,
) -> anyhow::Result<(Server, DaemonFile, bool)> {
    let listener = daemon_file::listen(config.bind)?;
    let token = daemon_file::draw_token()?;
    let server = Server::start(listener, &token, &config.data_dir, inbox)?;
    let file = DaemonFile::new(server.address(), token);
    let mut written = file.write(&config.data_dir);
    if written.as_ref().is_err_and(|error| error.kind() == ErrorKind::StorageFull) {
        // Also where the engine has just given it back for a commit of its own.
        let _had_some = spare_room.is_some_and(SpareRoom::free);
        written = file.write(&config.data_dir);
    }
    if let Err(why) = &written {
        tracing::error!(
            url = %file.url,
            "{} cannot be written ({why}): stops are looked after, but the command line does \
             not find this daemon; it is tried again until there is room",
            config.data_dir.join(daemon_file::NAME).display()
        );
    }
    Ok((server, file, written.is_ok()))
}

/// What decides from now on, for the ledger: this program and each account's plugin.
fn identities(plugins: &BTreeMap<AccountName, Plugin>) -> BTreeMap<AccountName, String> {
    let version = env!("CARGO_PKG_VERSION");
    let of = |plugin: &Plugin| format!("bracketd {version}, plugin sha256 {}", plugin.digest());
    plugins.iter().map(|(name, plugin)| (name.clone(), of(plugin))).collect()
}

/// What the daemon says of itself.
fn identity(mode: Mode, config: &Config) -> Identity {
    let written = config.accounts.iter().map(|a| (a.name.clone(), a.guards_written.clone()));
    Identity { mode, written: written.collect() }
}

/// Who armed and disarmed the accounts, and what must not be overlooked.
fn first_look(
    engine: &Engine,
    data_dir: &Path,
    file: Option<&KillFile>,
) -> anyhow::Result<(Arming, Vec<String>)> {
    let arming = Arming::read(engine.ledger(), engine.book().epoch)
        .map_err(|error| unusable(data_dir, error))?;
    let alerts = first_alerts(engine.book(), &arming, file);
    Ok((arming, alerts))
}

fn first_alerts(book: &Book, arming: &Arming, file: Option<&KillFile>) -> Vec<String> {
    let mut words = alerts::kills(book, &BTreeSet::new());
    words.extend(file.map(|file| {
        format!(
            "the file {} in the data directory asks for {} ({})",
            kill_file::NAME,
            file.level.as_str(),
            file.why
        )
    }));
    words.extend(alerts::disarmed(book, arming));
    words
}

fn cancels_entries(config: &Config) -> Vec<AccountName> {
    let wants = |a: &&AccountSettings| a.rules.on_shutdown == OnShutdown::CancelEntries;
    config.accounts.iter().filter(wants).map(|account| account.name.clone()).collect()
}

fn start_accounts(
    host: &Host,
    plugins: &BTreeMap<AccountName, Plugin>,
    config: &Config,
    clock: &Clock,
    (mut memories, tell): (BTreeMap<AccountName, Vec<Stored>>, &Sender<FromAccount>),
) -> anyhow::Result<BTreeMap<AccountName, AccountHandle>> {
    let mut accounts = BTreeMap::new();
    let log = account_log::start()?;
    for account in &config.accounts {
        let Some(plugin) = plugins.get(&account.name) else { continue };
        let mut configured = account_config(account, clock, Some(log.clone()))?;
        let remembered = memories.remove(&account.name).unwrap_or_default().into_iter();
        let put_back = |Stored { key, value, revision }| KvEntry { key, value, revision };
        configured.kv = remembered.map(put_back).collect();
        let handle = AccountHandle::start(host, plugin, configured, tell.clone())
            .with_context(|| format!("account {} does not start", account.name))?;
        plugin_record::keep(&config.data_dir, plugin, &handle.info());
        accounts.insert(account.name.clone(), handle);
    }
    Ok(accounts)
}

impl Running {
    /// Ends everything: entries are canceled where an account wants that; then no new decision;
    /// what is in flight is waited for a short while and left to the next start's look-up after
    /// that; protective orders stay at the broker; the activity log is written out.
    ///
    /// # Errors
    /// A thread that ended badly, or activity that could not be written in time.
    pub fn stop(mut self) -> anyhow::Result<TapeReport> {
        self.file.remove(&self.data_dir);
        drop(self.server.take());
        drop(self.watch.take());
        point("stop.asked");
        let (wanted, patience) = (&self.cancels_entries, shutdown::PATIENCE);
        if let Some(why) = shutdown::cancel_entries(&self.inbox, wanted, patience).warning() {
            tracing::warn!("{why}");
        }
        drop(self.kill_watch.take());
        // An engine that is gone already cannot be told.
        drop(self.inbox.send(ToEngine::Stop));
        let report = match self.engine.take().map(JoinHandle::join) {
            Some(Ok(report)) => report,
            _ => bail!("the engine thread ended badly; see the log above"),
        };
        point("stop.drained");
        if let Some(activity) = self.activity.take() {
            let left = activity.shutdown(DRAIN_MS);
            if left > 0 {
                bail!("{left} activity records were not written; they are made again at the start");
            }
        }
        point("stop.ended");
        Ok(report)
    }

    /// Writes `daemon.json` where that failed at the start; to be called again and again.
    pub fn tend(&mut self) {
        if self.file_tried_at.is_none_or(|at| at.elapsed() < FILE_AGAIN) {
            return;
        }
        self.file_tried_at = match self.file.write(&self.data_dir) {
            Ok(path) => {
                tracing::info!("{} is written; the command line finds this daemon", path.display());
                None
            }
            Err(_) => Some(Instant::now()),
        };
    }

    /// Whether the engine thread still runs.
    pub fn is_alive(&self) -> bool {
        self.engine.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

fn not_started(data_dir: &Path, error: StartError) -> anyhow::Error {
    match error {
        StartError::Store(error) => unusable(data_dir, error),
        StartError::UnknownAccount { .. } => error.into(),
    }
}

fn load_plugins(host: &Host, config: &Config) -> anyhow::Result<BTreeMap<AccountName, Plugin>> {
    let mut by_file: BTreeMap<&Path, Plugin> = BTreeMap::new();
    let mut plugins = BTreeMap::new();
    let cache = cache(&config.data_dir);
    for account in &config.accounts {
        let path = account.plugin.as_path();
        if !by_file.contains_key(path) {
            let bytes = read_plugin(path).with_context(|| {
                format!("account {}: cannot read its plugin {}", account.name, path.display())
            })?;
            let name = path.file_stem().map(|s| s.to_string_lossy()).unwrap_or_default();
            let loaded = match &cache {
                Some(cache) => host.load_cached(&bytes, &name, cache),
                None => host.load(&bytes, &name),
            };
            let plugin = loaded.with_context(|| {
                format!("account {}: its plugin {} is not taken", account.name, path.display())
            })?;
            by_file.insert(path, plugin);
        }
        let Some(plugin) = by_file.get(path) else { continue };
        match &account.sha256 {
            Some(pinned) if pinned != plugin.digest() => bail!(
                "account {}: its plugin {} has SHA-256 {}, the configuration pins {pinned}; check \
                 where the file is from, then pin the new digest",
                account.name,
                path.display(),
                plugin.digest()
            ),
            _ => plugins.insert(account.name.clone(), plugin.clone()),
        };
    }
    Ok(plugins)
}

/// The compiled plugins of the data directory. Without them every start compiles.
pub(super) fn cache(data_dir: &Path) -> Option<CompiledCache> {
    CompiledCache::open(data_dir)
        .inspect_err(|error| {
            tracing::warn!(%error, "compiled plugins cannot be kept; each start compiles them");
        })
        .ok()
}

/// The first load is a reload like any other: what is broken on disk leaves the last good version
/// of the ledger running (I11).
fn first_policies(
    config: &Config,
    base: &Sources,
    loaded: &Loaded,
) -> (BuildReport, Option<String>) {
    let versions = loaded.policy_versions.iter();
    let values = loaded.policy_params.as_ref().map(|taken| {
        let path = config.policies_dir.join(VALUES_FILE).display().to_string();
        values::read(SourceFile::new("params", &path, &taken.source))
    });
    let previous = PolicySet::restore(versions.map(|v| v.source.as_str())).set;
    let previous = previous.with_values(values, &base.config);
    let snapshot = watch::scan(&config.policies_dir).unwrap_or_else(|error| {
        tracing::warn!(%error, "the policies cannot be read; the last good ones run");
        Snapshot { files: BTreeMap::new(), faults: BTreeMap::new(), digest: String::new() }
    });
    let sources = sources(&config.policies_dir, &snapshot, base);
    let report = PolicySet::vetted(&sources, Some(&previous), None);
    (report, Some(snapshot.digest))
}

fn check_assigned(config: &Config, set: &PolicySet) -> anyhow::Result<()> {
    for account in &config.accounts {
        for policy in &account.rules.policies {
            if set.policy(policy).is_none() {
                bail!(
                    "account {} names policy {policy}, and there is no good version of it in {}; \
                     `bracketd policy check` says why",
                    account.name,
                    config.policies_dir.display()
                );
            }
        }
        for policy in &account.rules.portfolio_policies {
            let known = set.policy(policy);
            if !known.is_some_and(|policy| policy.handles(EventKind::Portfolio)) {
                bail!(
                    "account {} names portfolio policy {policy}, and no good version of it in {} \
                     has on_portfolio(pf, p); `bracketd policy check` says why",
                    account.name,
                    config.policies_dir.display()
                );
            }
        }
    }
    Ok(())
}

fn policy_settings(config: &Config) -> BTreeMap<PolicyName, PolicySettings> {
    let mut all = BTreeMap::new();
    for (name, settings) in &config.policies {
        let verbs = settings.verbs.clone().unwrap_or_default();
        let mut params = Params::default();
        for (key, value) in &settings.params {
            params.set(key, &value.text());
        }
        all.insert(name.clone(), PolicySettings { params, verbs });
    }
    all
}

/// What an account runs with, its secrets read.
///
/// # Errors
/// Where a secret is not to be had.
pub fn account_config(
    account: &AccountSettings,
    clock: &Clock,
    log: Option<Sender<LogLine>>,
) -> anyhow::Result<AccountConfig> {
    let mut secrets = BTreeMap::new();
    for (name, settings) in &account.secrets {
        let read = settings.read();
        let secret = read.with_context(|| format!("account {}, secret {name}", account.name))?;
        secrets.insert(name.clone(), secret);
    }
    let (drive, clock) = match clock {
        Clock::Wall => (Drive::Timer, ClockSource::Wall),
        Clock::Tape(_) => {
            let clock = clock.clone();
            let now_ns = move || u64::try_from(clock.now().0).unwrap_or(0).saturating_mul(1_000);
            (Drive::Steps, ClockSource::Given(Arc::new(now_ns)))
        }
    };
    Ok(AccountConfig {
        name: account.name.clone(),
        settings: account.settings.clone(),
        secrets,
        grants: account.grants.iter().map(grant).collect(),
        limits: Limits { messages_per_minute: account.messages_per_minute, ..Limits::default() },
        poll: PollConfig {
            drive,
            fills_ms: account.poll_fills_ms,
            prices_ms: account.poll_prices_ms,
            picture_ms: account.poll_picture_ms,
        },
        kv: Vec::new(),
        clock,
        log,
        confirm: account.confirm.clone(),
        hook: None,
    })
}

fn grant(settings: &GrantSettings) -> Grant {
    let paths = settings.paths.clone();
    let all = || if paths.is_empty() { vec!["/".to_owned()] } else { paths.clone() };
    Grant {
        scheme: settings.scheme,
        host: settings.host.clone(),
        port: Some(settings.port),
        methods: if settings.scheme.is_socket() { Vec::new() } else { settings.methods.clone() },
        reads: if settings.read { all() } else { Vec::new() },
        paths,
        private: settings.private,
        secrets_in_body: settings.secrets_in_body,
        frames: settings.frames.clone(),
    }
}
