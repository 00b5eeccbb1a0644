//! From the file as written to the configuration as used: units, words, defaults, references.
//!
//! Apart from the shape because this is about meaning. It fills in a safe value after each
//! complaint so that the next one is found too; such a configuration is never handed out.

mod guards;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bracketd_account::{FrameRule, Scheme};
use bracketd_core::Decimal;
use bracketd_core::book::{AccountRules, OnBreached, OnDeadline, OnShutdown};
use bracketd_core::ids::{AccountName, PolicyName};
use bracketd_core::order::TimeInForce;
use bracketd_core::transaction::OnPartial;
use bracketd_policy::Verbs;

use super::file::{
    AccountTable, At, ConfigFile, EncodingWord, FrameTable, GrantTable, OnBreachedWord,
    OnDeadlineWord, OnPartialWord, OnShutdownWord, SchemeWord, TimeInForceWord,
};
use super::load::Complaint;
use super::resolved::{
    AccountSettings, Config, GrantSettings, PolicySettings, SecretSettings, SecretSource,
};
use super::shape::nearest;
use super::units::{amount, percent, show_ms, span_ms};

/// The data directory when the file does not say.
pub(super) const DATA_DIR: &str = "bracketd-data";
/// Where the API listens when the file does not say.
pub const BIND: &str = "127.0.0.1:8741";
/// What Alpaca allows one key (its documentation, "API call throttling").
const MESSAGES_PER_MINUTE: u32 = 200;
/// Below it, fills alone would use up more than half.
const MESSAGES_PER_MINUTE_RANGE: (u32, u32) = (60, 1_000_000);
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"];

struct Resolver<'a> {
    base: PathBuf,
    out: &'a mut Vec<Complaint>,
}

/// What the paths in a file are relative to: its own directory.
pub(super) fn base(file: &Path) -> PathBuf {
    let base = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(base).unwrap_or_else(|_| base.to_owned())
}

/// The configuration that the file means; what is wrong goes to `out`.
pub fn resolve(file: &ConfigFile, path: &Path, out: &mut Vec<Complaint>) -> Config {
    let mut r = Resolver { base: base(path), out };
    if *file.schema.get() != 1 {
        let message = format!("`schema` {} is not known", file.schema.get());
        r.complain(Complaint::new("C005", message, file.schema.span(), "only 1 is known"));
    }
    let config = Config {
        file: path.to_owned(),
        data_dir: r.path(file.data_dir.as_ref(), DATA_DIR),
        bind: r.bind(file.server.bind.as_ref()),
        policies_dir: r.path(file.policies.dir.as_ref(), "policies"),
        policies_poll_ms: r.span("poll", file.policies.poll.as_ref(), 2_000, (500, 60_000)),
        policies: file
            .policy
            .iter()
            .map(|(name, table)| {
                let table = table.get();
                let verbs = table.verbs.as_ref().map(|verbs| r.verbs(verbs));
                let settings = PolicySettings { params: table.params.clone(), verbs };
                (PolicyName::new(name), settings)
            })
            .collect(),
        accounts: file.account.iter().map(|table| r.account(table)).collect(),
    };
    r.names_differ(&file.account);
    config
}

impl Resolver<'_> {
    fn complain(&mut self, complaint: Complaint) {
        self.out.push(complaint);
    }

    fn path(&self, written: Option<&At<String>>, default: &str) -> PathBuf {
        self.base.join(written.map_or(default, |w| w.get()))
    }

    fn bind(&mut self, written: Option<&At<String>>) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8741));
        let Some(written) = written else { return default };
        match written.get().parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => address,
            Ok(address) => {
                let message = format!("`bind` must be a loopback address, not {}", address.ip());
                self.complain(
                    Complaint::new("C005", message, written.span(), "reachable from outside")
                        .help(format!("write \"127.0.0.1:{}\"", address.port())),
                );
                default
            }
            Err(_) => {
                let message = "`bind` must be an address and a port";
                self.complain(
                    Complaint::new("C005", message, written.span(), "cannot be read")
                        .help(format!("write \"{BIND}\"")),
                );
                default
            }
        }
    }

    fn span(
        &mut self,
        key: &str,
        written: Option<&At<String>>,
        default: u64,
        (min, max): (u64, u64),
    ) -> u64 {
        let Some(written) = written else { return default };
        match span_ms(written.get()) {
            Ok(ms) if (min..=max).contains(&ms) => ms,
            Ok(_) => {
                let message =
                    format!("`{key}` must be between {} and {}", show_ms(min), show_ms(max));
                self.complain(
                    Complaint::new("C005", message, written.span(), "out of range")
                        .help(format!("left out, it is \"{}\"", show_ms(default))),
                );
                default
            }
            Err(help) => {
                let message = format!("`{key}` is not a span of time");
                self.complain(
                    Complaint::new("C005", message, written.span(), "cannot be read").help(help),
                );
                default
            }
        }
    }

    /// The daemon runs with what comes out here, so that it starts with whatever the check takes.
    fn verbs(&mut self, written: &[At<String>]) -> Verbs {
        let mut verbs = Verbs::none();
        for verb in written {
            let name = verb.get().as_str();
            let Err(unknown) = verbs.allow(name) else { continue };
            let help = match (Verbs::goes_with(name), nearest(name, Verbs::known())) {
                (Some(with), _) => format!("it is allowed with \"{with}\": name that"),
                (None, Some(near)) => format!("did you mean \"{near}\"?"),
                (None, None) => {
                    format!("the verbs are: {}", Verbs::known().collect::<Vec<_>>().join(", "))
                }
            };
            let message = format!("{unknown} in the list");
            self.complain(Complaint::new("C005", message, verb.span(), "not a verb").help(help));
        }
        verbs
    }

    fn account(&mut self, table: &AccountTable) -> AccountSettings {
        let name = table.name.get();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
            let message = format!("\"{name}\" cannot be the name of an account");
            self.complain(
                Complaint::new("C005", message, table.name.span(), "not a name")
                    .help("use 1 to 32 of a-z, 0-9, - and _, such as \"alpaca-main\""),
            );
        }
        self.empty_list(table);
        AccountSettings {
            name: AccountName::new(name),
            plugin: self.base.join(table.plugin.get()),
            sha256: table.sha256.as_ref().map(|digest| self.sha256(digest)),
            settings: table.settings.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            secrets: table
                .secrets
                .iter()
                .filter_map(|(name, secret)| {
                    let hosts = self.secret_hosts(name, secret, &table.grant);
                    let source = self.secret(name, secret)?;
                    Some((name.clone(), SecretSettings { hosts, ..source }))
                })
                .collect(),
            grants: table.grant.iter().map(|grant| self.grant(grant)).collect(),
            rules: self.rules(table),
            guards_written: guards::written(table),
            confirm: table.confirm.clone(),
            poll_fills_ms: self.span("poll_fills", table.poll_fills.as_ref(), 1_000, (200, 2_000)),
            poll_prices_ms: self.span(
                "poll_prices",
                table.poll_prices.as_ref(),
                1_000,
                (200, 60_000),
            ),
            poll_picture_ms: self.span(
                "poll_picture",
                table.poll_picture.as_ref(),
                60_000,
                (5_000, 3_600_000),
            ),
            messages_per_minute: self.budget(table.messages_per_minute.as_ref()),
        }
    }

    fn budget(&mut self, written: Option<&At<u32>>) -> u32 {
        let Some(written) = written else { return MESSAGES_PER_MINUTE };
        let (min, max) = MESSAGES_PER_MINUTE_RANGE;
        if (min..=max).contains(written.get()) {
            return *written.get();
        }
        let message = format!("`messages_per_minute` must be between {min} and {max}");
        self.complain(Complaint::new("C005", message, written.span(), "out of range").help(
            format!(
                "write what the broker allows; left out, it is {MESSAGES_PER_MINUTE}, and there is \
                 no word for no limit"
            ),
        ));
        MESSAGES_PER_MINUTE
    }

    fn rules(&mut self, table: &AccountTable) -> AccountRules {
        let default = AccountRules::default();
        AccountRules {
            policies: table.policies.iter().map(|p| PolicyName::new(p.get())).collect(),
            stop_may_loosen: table.stop_may_loosen.unwrap_or(default.stop_may_loosen),
            collar_percent: match table.collar.as_ref().map(|c| (c, percent(c.get()))) {
                None => default.collar_percent,
                Some((_, Ok(value))) => value,
                Some((written, Err(help))) => {
                    let message = "`collar` is not a percentage";
                    let place = written.span();
                    self.complain(
                        Complaint::new("C005", message, place, "cannot be read").help(help),
                    );
                    default.collar_percent
                }
            },
            quote_age_ms_max: self.span(
                "stale_price",
                table.stale_price.as_ref(),
                default.quote_age_ms_max,
                (500, 600_000),
            ),
            protection_deadline_ms: self.span(
                "protection_deadline",
                table.protection_deadline.as_ref(),
                default.protection_deadline_ms,
                (500, 60_000),
            ),
            on_deadline: match table.on_deadline {
                None | Some(OnDeadlineWord::Alert) => OnDeadline::Alert,
                Some(OnDeadlineWord::MarketClose) => OnDeadline::Close,
            },
            on_breached: match table.on_breached {
                Some(OnBreachedWord::Keep) => OnBreached::Keep,
                None | Some(OnBreachedWord::Alert) => OnBreached::Alert,
                Some(OnBreachedWord::MarketClose) => OnBreached::Close,
            },
            on_partial: table.on_partial.map(|word| match word {
                OnPartialWord::CancelRest => OnPartial::CancelRest,
                OnPartialWord::Oco => OnPartial::Oco,
                OnPartialWord::Wait => OnPartial::Wait,
            }),
            exit_time_in_force: match table.exit_time_in_force {
                None | Some(TimeInForceWord::Gtc) => TimeInForce::Gtc,
                Some(TimeInForceWord::Day) => TimeInForce::Day,
            },
            armed: table.armed.unwrap_or(false),
            max_day_loss: self.number("max_day_loss", table.max_day_loss.as_ref(), amount),
            max_drawdown_percent: self
                .number("max_drawdown", table.max_drawdown.as_ref(), percent)
                .filter(|value| self.is_part("max_drawdown", table.max_drawdown.as_ref(), *value)),
            on_shutdown: match table.on_shutdown {
                None | Some(OnShutdownWord::Keep) => OnShutdown::Keep,
                Some(OnShutdownWord::CancelEntries) => OnShutdown::CancelEntries,
            },
            guards: self.guards(&table.guards),
            portfolio_policies: table
                .portfolio_policies
                .iter()
                .map(|p| PolicyName::new(p.get()))
                .collect(),
        }
    }

    /// A number with its unit that has no default: left out, there is no limit.
    fn number(
        &mut self,
        key: &str,
        written: Option<&At<String>>,
        read: fn(&str) -> Result<Decimal, String>,
    ) -> Option<Decimal> {
        let written = written?;
        read(written.get())
            .map_err(|help| {
                let message = format!("`{key}` cannot be read");
                self.complain(
                    Complaint::new("C005", message, written.span(), "cannot be read").help(help),
                );
            })
            .ok()
    }

    /// Whether a percentage is a part of a whole; one of a hundred would never be reached.
    fn is_part(&mut self, key: &str, written: Option<&At<String>>, value: Decimal) -> bool {
        let fits = value < Decimal::ONE_HUNDRED;
        if let Some(written) = written.filter(|_| !fits) {
            let message = format!("`{key}` must be below 100%");
            self.complain(
                Complaint::new("C005", message, written.span(), "would never be reached")
                    .help("write a percentage of the peak, such as \"10%\""),
            );
        }
        fits
    }

    fn sha256(&mut self, written: &At<String>) -> String {
        let text = written.get().to_ascii_lowercase();
        if text.len() != 64 || !text.chars().all(|c| c.is_ascii_hexdigit()) {
            let message = "`sha256` must be 64 hexadecimal digits";
            self.complain(
                Complaint::new("C005", message, written.span(), "cannot be a digest")
                    .help("print it with: sha256sum FILE.wasm"),
            );
        }
        text
    }

    fn secret(
        &mut self,
        name: &str,
        written: &At<super::file::SecretTable>,
    ) -> Option<SecretSettings> {
        let is_base64 = written.get().encoding == Some(EncodingWord::Base64);
        let settings = |source| Some(SecretSettings { source, is_base64, hosts: None });
        match (&written.get().file, &written.get().env) {
            (Some(file), None) => settings(SecretSource::File(self.base.join(file))),
            (None, Some(variable)) => settings(SecretSource::Env(variable.clone())),
            _ => {
                let message = format!("the secret `{name}` needs a file or an env, not both");
                self.complain(
                    Complaint::new("C006", message, written.span(), "exactly one source")
                        .help(format!("write {name} = {{ file = \"secrets/{name}\" }}")),
                );
                None
            }
        }
    }

    /// A host that no grant names would never be asked, so a secret for it is a slip of the pen.
    fn secret_hosts(
        &mut self,
        name: &str,
        written: &At<super::file::SecretTable>,
        grants: &[GrantTable],
    ) -> Option<Vec<String>> {
        let hosts = written.get().hosts.as_ref()?;
        if hosts.is_empty() {
            let message = format!("the secret `{name}` is for no host, so it could not be used");
            self.complain(
                Complaint::new("C006", message, written.span(), "empty")
                    .help("leave `hosts` out to allow every host of the account's grants"),
            );
        }
        let granted: Vec<String> =
            grants.iter().map(|grant| grant.host.get().to_ascii_lowercase()).collect();
        let is_granted = |host: &str| granted.iter().any(|known| known.eq_ignore_ascii_case(host));
        for host in hosts.iter().filter(|host| !is_granted(host.get())) {
            let message =
                format!("the secret `{name}` is for {}, which no grant names", host.get());
            let help = match nearest(host.get(), granted.iter().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the granted hosts are: {}", granted.join(", ")),
            };
            self.complain(Complaint::new("C006", message, host.span(), "not granted").help(help));
        }
        Some(hosts.iter().map(|host| host.get().to_ascii_lowercase()).collect())
    }

    fn grant(&mut self, table: &GrantTable) -> GrantSettings {
        let scheme = match table.scheme {
            None | Some(SchemeWord::Https) => Scheme::Https,
            Some(SchemeWord::Http) => Scheme::Http,
            Some(SchemeWord::Wss) => Scheme::Wss,
            Some(SchemeWord::Ws) => Scheme::Ws,
        };
        let host = table.host.get();
        if host.is_empty() || host.contains(['/', '*', ' ', '@']) {
            let message = format!("\"{host}\" is not one host");
            self.complain(
                Complaint::new("C005", message, table.host.span(), "not a host name")
                    .help("write the name only, such as \"paper-api.alpaca.markets\""),
            );
        }
        for path in table.paths.iter().flatten().filter(|path| !path.get().starts_with('/')) {
            let message = format!("the path \"{}\" must start with a slash", path.get());
            self.complain(Complaint::new("C005", message, path.span(), "not a path"));
        }
        let methods = table.methods.as_ref().map(|methods| self.methods(methods));
        let usual = || ["GET", "POST", "PATCH", "PUT", "DELETE"].map(str::to_owned).to_vec();
        self.fits_scheme(table, scheme);
        GrantSettings {
            scheme,
            host: host.to_ascii_lowercase(),
            port: table.port.as_ref().map_or(scheme.default_port(), |p| *p.get()),
            methods: methods.unwrap_or_else(usual),
            paths: table.paths.iter().flatten().map(|path| path.get().clone()).collect(),
            read: table.read,
            private: table.private,
            secrets_in_body: table.secrets_in_body,
            frames: table.frames.iter().filter_map(|frame| self.frame(frame)).collect(),
        }
    }

    /// A request has a method and a socket has frames.
    fn fits_scheme(&mut self, table: &GrantTable, scheme: Scheme) {
        let (place, help) = match (scheme.is_socket(), &table.methods, table.frames.first()) {
            (false, _, Some(frame)) => (frame.span(), "frames belong to a grant for wss or ws"),
            (true, Some(_), _) => (table.host.span(), "a socket has no methods; list its `frames`"),
            (true, None, _) if table.read => {
                (table.host.span(), "a socket is not `read` as a whole; list its `frames`")
            }
            _ => return,
        };
        let message = format!("this does not go with scheme \"{}\"", scheme.as_str());
        self.complain(Complaint::new("C006", message, place, "does not fit").help(help));
    }

    fn frame(&mut self, written: &At<FrameTable>) -> Option<FrameRule> {
        let FrameTable { key, value, text } = written.get();
        match (key, value, text) {
            (Some(key), Some(value), None) => {
                Some(FrameRule::Json { key: key.clone(), value: value.clone() })
            }
            (None, None, Some(text)) => Some(FrameRule::Text(text.clone())),
            _ => {
                let message = "a frame needs a key and a value, or a text";
                self.complain(
                    Complaint::new("C006", message, written.span(), "not one kind of frame")
                        .help("write { key = \"action\", value = \"listen\" }"),
                );
                None
            }
        }
    }

    fn methods(&mut self, written: &[At<String>]) -> Vec<String> {
        for method in written.iter().filter(|m| !METHODS.contains(&m.get().as_str())) {
            let message = format!("\"{}\" is not a method", method.get());
            self.complain(
                Complaint::new("C005", message, method.span(), "not a method")
                    .help(format!("write some of: {}", METHODS.join(", "))),
            );
        }
        written.iter().map(|method| method.get().clone()).collect()
    }

    fn names_differ(&mut self, accounts: &[AccountTable]) {
        let mut seen = BTreeSet::new();
        for account in accounts {
            if !seen.insert(account.name.get()) {
                let message = format!("two accounts are named \"{}\"", account.name.get());
                self.complain(Complaint::new("C006", message, account.name.span(), "used before"));
            }
        }
    }
}
