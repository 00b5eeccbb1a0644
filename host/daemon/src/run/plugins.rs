//! The thread that reads, checks and compiles plugins: on request, and when a plugin's file changes.
//!
//! Apart because compiling takes as long as a compiler takes, and the engine has no such time. It
//! starts nothing and swaps nothing: what it loaded goes to the engine, which lets the account take
//! it over when everything there is protected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bracketd_account::{CompiledCache, Host, Plugin, Terms, digest, read_plugin};
use bracketd_core::ids::AccountName;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::start::cache;
use crate::config::resolved::AccountSettings;
use crate::config::{Config, check_text};
use crate::message::{PluginWish, Staged, SwapReply, ToEngine};
use crate::vital;

/// Wishes that may wait.
const ASKED_MAX: usize = 8;
/// How long a plugin may take to compile; an honest one takes a second, or some on a busy machine.
const COMPILE_MAX: Duration = Duration::from_secs(120);
/// How often the plugins' files are looked at. A change counts once two looks see the same.
const LOOK: Duration = Duration::from_secs(1);

/// A wish and where its answer goes.
type Asked = (AccountName, PluginWish, SwapReply);

/// The engine thread's side of the stager.
#[derive(Debug)]
pub struct PluginStager {
    ask: Sender<Asked>,
    unusable: Unusable,
}

/// Of each account whose configured file could not be taken now: why.
type Unusable = Arc<Mutex<BTreeMap<AccountName, String>>>;

impl PluginStager {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn start(
        host: Host,
        config: &Config,
        running: &BTreeMap<AccountName, Plugin>,
        engine: Sender<ToEngine>,
    ) -> std::io::Result<Self> {
        let (ask, asked) = bounded(ASKED_MAX);
        let watched = config.accounts.iter().filter_map(|account| {
            let digest = running.get(&account.name)?.digest().to_owned();
            let file = account.plugin.clone();
            let watched = Watched { seen: Look::at(&file), read: None, judged: digest, file };
            Some((account.name.clone(), watched))
        });
        let (cache, watched) = (cache(&config.data_dir), watched.collect());
        let unusable = Unusable::default();
        let config = config.clone();
        let written = Look::at(&config.file);
        let stager = Stager {
            host,
            cache,
            config,
            watched,
            config_seen: written,
            config_read: written,
            unusable: unusable.clone(),
            engine,
        };
        vital::spawn("plugins", move || stager.run(&asked))?;
        Ok(Self { ask, unusable })
    }

    /// Accounts whose configured file a restart would not take, a sentence each.
    pub(super) fn alerts(&self) -> Vec<String> {
        let unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        let sentence = |(account, why): (&AccountName, &String)| {
            format!(
                "the plugin of account {account} runs on, and a restart would not take its file: {why}"
            )
        };
        unusable.iter().map(sentence).collect()
    }

    /// Somebody wants another plugin.
    pub(super) fn ask(&self, account: AccountName, wish: PluginWish, reply: SwapReply) {
        if let Err(refused) = self.ask.try_send((account, wish, reply)) {
            let (_, _, reply) = refused.into_inner();
            drop(reply.try_send(Err("too many plugins are being read; try again".to_owned())));
        }
    }
}

struct Stager {
    host: Host,
    cache: Option<CompiledCache>,
    config: Config,
    watched: BTreeMap<AccountName, Watched>,
    /// The configuration as it looked at the last look, and when it was read last: it may pin.
    config_seen: Look,
    config_read: Look,
    unusable: Unusable,
    engine: Sender<ToEngine>,
}

/// The file of an account's plugin.
struct Watched {
    file: PathBuf,
    seen: Look,
    /// What it looked like when it was read last: a file that stays as it is is not read again.
    read: Option<Look>,
    /// The digest that was taken or refused last; empty while there is nothing to read.
    judged: String,
}

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look(Option<(u64, Option<SystemTime>)>);

impl Look {
    fn at(file: &Path) -> Self {
        let seen = std::fs::metadata(file).ok();
        Self(seen.map(|meta| (meta.len(), meta.modified().ok())))
    }
}

impl Stager {
    fn run(mut self, asked: &Receiver<Asked>) {
        loop {
            match asked.recv_timeout(LOOK) {
                Ok((account, wish, reply)) => self.stage(account, wish, Some(reply)),
                Err(RecvTimeoutError::Timeout) => {
                    self.look_at_configuration();
                    self.look_at_files();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// A configuration that changed and then stayed as it was for one look may pin another file, or
    /// the one that was refused: what a restart would take is judged anew. It swaps nothing.
    fn look_at_configuration(&mut self) {
        let now = Look::at(&self.config.file);
        let is_still = std::mem::replace(&mut self.config_seen, now) == now;
        if !is_still || self.config_read == now {
            return;
        }
        self.config_read = now;
        for account in self.watched.keys() {
            self.file_is(account, self.load(account, None).err());
        }
    }

    /// A file that changed and then stayed as it was for one look is a new plugin.
    fn look_at_files(&mut self) {
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        for (account, watched) in &mut self.watched {
            let now = Look::at(&watched.file);
            let is_still = std::mem::replace(&mut watched.seen, now) == now;
            if !is_still || watched.read == Some(now) {
                continue;
            }
            let bytes = match read_plugin(&watched.file) {
                Ok(bytes) => bytes,
                Err(why) => {
                    // Whatever comes back is judged anew.
                    (watched.read, watched.judged) = (None, String::new());
                    gone.push((account.clone(), unreadable(&watched.file, &why)));
                    continue;
                }
            };
            watched.read = Some(now);
            let digest = digest(&bytes);
            if digest != watched.judged {
                watched.judged = digest;
                changed.push((account.clone(), watched.file.clone()));
            }
        }
        for (account, why) in gone {
            self.file_is(&account, Some(why));
        }
        for (account, file) in changed {
            tracing::info!(%account, "the plugin {} changed", file.display());
            self.stage(account, PluginWish { file: None, terms: Terms::default() }, None);
        }
    }

    fn stage(&mut self, account: AccountName, wish: PluginWish, reply: Option<SwapReply>) {
        let loaded = self.load(&account, wish.file.as_deref());
        if wish.file.is_none() {
            self.file_is(&account, loaded.as_ref().err().cloned());
        }
        let mut terms = wish.terms;
        terms.accept_more |= loaded.as_ref().is_ok_and(|(_, is_pinned)| *is_pinned);
        let loaded = loaded.map(|(plugin, _)| plugin);
        // Another file that somebody named says nothing of the one that is watched.
        if let (Ok(plugin), Some(watched), None) =
            (&loaded, self.watched.get_mut(&account), &wish.file)
        {
            watched.judged = plugin.digest().to_owned();
        }
        let staged = Staged { account, loaded, terms, reply };
        // An engine that is gone takes no plugin any more.
        drop(self.engine.send(ToEngine::PluginStaged(staged)));
    }

    /// Notes whether a restart would take the file that the configuration names.
    fn file_is(&self, account: &AccountName, unusable: Option<String>) {
        let mut all = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        match unusable {
            None => drop(all.remove(account)),
            Some(why) if all.get(account) == Some(&why) => {}
            Some(why) => {
                tracing::warn!(%account, "{why}; the plugin that runs goes on, a restart would not take this one");
                all.insert(account.clone(), why);
            }
        }
    }

    /// Reads and compiles the plugin of an account: the file that the configuration names now, or
    /// this one. A pin holds in both cases; the answer says whether there is one.
    fn load(&self, account: &AccountName, file: Option<&Path>) -> Result<(Plugin, bool), String> {
        let settings = self.settings(account)?;
        let file = file.unwrap_or(&settings.plugin);
        let shown = file.display();
        let bytes = read_plugin(file).map_err(|why| unreadable(file, &why))?;
        let digest = digest(&bytes);
        if let Some(pinned) = settings.sha256.as_ref().filter(|pinned| **pinned != digest) {
            return Err(format!(
                "{shown} has SHA-256 {digest}, the configuration pins {pinned}; check where the \
                 file is from, then pin it with `bracketd plugin pin`"
            ));
        }
        let name = file.file_stem().map(|s| s.to_string_lossy()).unwrap_or_default();
        let loaded = self.host.load_within(bytes, &name, self.cache.as_ref(), COMPILE_MAX);
        let plugin = loaded.map_err(|why| format!("{shown}: {why}"))?;
        // Who pins a file has looked at what it can do.
        Ok((plugin, settings.sha256.is_some()))
    }

    /// The account as the configuration describes it now; as it was at the start where the file is
    /// gone.
    fn settings(&self, account: &AccountName) -> Result<AccountSettings, String> {
        let file = &self.config.file;
        let now = match std::fs::read_to_string(file) {
            Err(_) => Some(self.config.clone()),
            Ok(text) => check_text(file, &text).config,
        };
        let now = now.ok_or_else(|| {
            format!("{} has errors; `bracketd config check` names them", file.display())
        })?;
        let found = now.accounts.into_iter().find(|settings| settings.name == *account);
        found.ok_or_else(|| format!("{} has no account {account}", file.display()))
    }
}

fn unreadable(file: &Path, why: &std::io::Error) -> String {
    format!("cannot read {}: {why}", file.display())
}
