//! What the configuration names on this machine: plugins, their digests, policies, secrets.
//!
//! Apart from the file's meaning because the same text may be right here and wrong there. It reads
//! secrets only to know that they can be read, and keeps nothing of them. Plugins are compiled only
//! for who gives a host for it: a start compiles them itself. Nothing of a plugin is run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bracketd_account::{Host, read_plugin};
use bracketd_core::ids::PolicyName;
use bracketd_store::LedgerReader;

use super::file::{At, ConfigFile};
use super::load::Complaint;
use super::resolved::{Config, SecretError, SecretSource};
use super::shape::nearest;
use crate::watch::scan;

/// How a component begins: magic, version and layer (WebAssembly component model, "Binary Format").
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// Plugins that were compiled, by their files: what is wrong with each, where something is.
type Compiled = BTreeMap<PathBuf, Option<String>>;

/// Compares what the file names with what is there; with a host, plugins as a start would take
/// them.
pub fn check(file: &ConfigFile, config: &Config, host: Option<&Host>, out: &mut Vec<Complaint>) {
    policies(file, config, out);
    let mut compiled = Compiled::new();
    for (written, account) in file.account.iter().zip(&config.accounts) {
        plugin(written, account, host, &mut compiled, out);
        for (name, settings) in &account.secrets {
            let Some(written) = written.secrets.get(name) else { continue };
            let why = match settings.read() {
                Ok(_) => continue,
                Err(error @ (SecretError::TooShort | SecretError::NotBase64)) => {
                    format!("the secret `{name}`: {error}")
                }
                Err(error) => error.to_string(),
            };
            let complaint = Complaint::new("C009", why, written.span(), "not to be had");
            // A variable may be set where the daemon runs and not where the file is checked.
            out.push(match settings.source {
                SecretSource::File(_) => complaint,
                SecretSource::Env(_) => complaint.warning(),
            });
        }
    }
}

fn plugin(
    written: &super::file::AccountTable,
    account: &super::resolved::AccountSettings,
    host: Option<&Host>,
    compiled: &mut Compiled,
    out: &mut Vec<Complaint>,
) {
    let bytes = match read_plugin(&account.plugin) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the plugin {}: {error}", account.plugin.display());
            return out.push(
                Complaint::new("C007", message, written.plugin.span(), "not there")
                    .help("the path is relative to this file"),
            );
        }
    };
    if !bytes.starts_with(&COMPONENT) {
        let path = account.plugin.display();
        let message =
            format!("the plugin {path} of account {} is not a WebAssembly component", account.name);
        out.push(
            Complaint::new("C007", message, written.plugin.span(), "no plugin")
                .help("name a plugin built as a component, such as plugins/alpaca.wasm"),
        );
    } else if let Some(host) = host {
        let load = || host.load(&bytes, "").err().map(|error| error.to_string());
        let wrong = compiled.entry(account.plugin.clone()).or_insert_with(load);
        if let Some(why) = wrong {
            let (path, name) = (account.plugin.display(), &account.name);
            let message = format!("the plugin {path} of account {name} is not taken: {why}");
            out.push(Complaint::new("C007", message, written.plugin.span(), "not taken"));
        }
    }
    let found = sha256(&bytes);
    if let (Some(pinned), Some(written)) = (&account.sha256, &written.sha256)
        && *pinned != found
    {
        let message = format!("the plugin {} is another file", account.plugin.display());
        out.push(
            Complaint::new("C007", message, written.span(), "not its SHA-256")
                .help(format!("its SHA-256 is {found}; pin that only if you know why it changed")),
        );
    }
}

fn policies(file: &ConfigFile, config: &Config, out: &mut Vec<Complaint>) {
    let used = file
        .account
        .iter()
        .flat_map(|account| account.policies.iter().chain(&account.portfolio_policies));
    let used: Vec<(&str, _)> = used.map(|name| (name.get().as_str(), name.span())).collect();
    let tuned = file.policy.iter().map(|(name, table)| (name.as_str(), table.span()));
    let named: Vec<_> = used.into_iter().chain(tuned).collect();
    let there = match scan(&config.policies_dir) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let place = file.policies.dir.as_ref().map(At::span);
            if let Some(place) = place.or_else(|| named.first().map(|(_, span)| span.clone())) {
                let complaint = Complaint::new("C008", error.to_string(), place, "not to be read");
                let kept = Kept::of(config);
                let all_kept = !named.is_empty() && named.iter().all(|(name, _)| kept.has(name));
                out.push(if all_kept { complaint.help(GOES_ON).warning() } else { complaint });
            }
            return;
        }
    };
    let names: Vec<&str> = there
        .files
        .keys()
        .filter_map(|file| file.strip_suffix(".rhai"))
        .filter(|name| !name.contains('/') && !name.ends_with("_test"))
        .collect();
    let missing: Vec<_> = named.into_iter().filter(|(name, _)| !names.contains(name)).collect();
    if missing.is_empty() {
        return;
    }
    let kept = Kept::of(config);
    for (name, span) in missing {
        let dir = config.policies_dir.display();
        let message = format!("there is no policy `{name}` in {dir}");
        let complaint = Complaint::new("C008", message, span, "no such file");
        out.push(match nearest(name, names.iter().copied()) {
            _ if kept.has(name) => complaint.help(GOES_ON).warning(),
            Some(near) => complaint.help(format!("did you mean `{near}`?")),
            None => complaint.help(format!("the policies there are: {}", names.join(", "))),
        });
    }
}

/// A position without its policy is worse than a policy without its file.
const GOES_ON: &str = "its last version, which the ledger has, goes on deciding; put the file back, or \
    see \"When a file goes away\" in docs/running-policies.md";

/// The policies that the ledger has a version of.
struct Kept(Option<LedgerReader>);

impl Kept {
    /// A ledger that is not there yet, or cannot be read, has none.
    fn of(config: &Config) -> Self {
        Self(LedgerReader::open(&config.data_dir).ok())
    }

    fn has(&self, name: &str) -> bool {
        let Some(ledger) = &self.0 else { return false };
        let versions = ledger.policy_versions(&PolicyName::new(name), "", u32::MAX);
        versions.is_ok_and(|versions| versions.iter().any(|version| version.active))
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use bracketd_account::Host;

    use crate::config::check_file;
    use bracketd_core::diagnostic::Severity;

    use crate::demo::PLUGIN;

    /// SHA-256 of "abc", from FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_is_the_one_that_people_compute() {
        assert_eq!(super::sha256(b"abc"), ABC);
    }

    fn found(config: &str) -> Vec<(&'static str, Severity, String)> {
        found_with(None, config)
    }

    fn found_with(host: Option<&Host>, config: &str) -> Vec<(&'static str, Severity, String)> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        std::fs::create_dir(dir.path().join("policies")).unwrap();
        put("policies/trailing_stop.rhai", "x");
        put("policies/trailing_stop_test.rhai", "x");
        std::fs::write(dir.path().join("abc.wasm"), super::COMPONENT).unwrap();
        std::fs::write(dir.path().join("alpaca.wasm"), PLUGIN).unwrap();
        std::fs::write(dir.path().join("half.wasm"), &PLUGIN[..PLUGIN.len() / 2]).unwrap();
        put("random.wasm", "abc");
        put("short", "ab\n");
        put("key", "secret\n");
        let open = put("open", "secret\n");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
        let account = "schema = 1\n[[account]]\nname = 'a'\nplugin = 'abc.wasm'\n";
        let path = put("bracketd.toml", &config.replace("ACCOUNT", account));
        let checked = check_file(&path, host).unwrap();
        let show = |d: &bracketd_core::diagnostic::Diagnostic| {
            (d.code, d.severity, format!("{} {}", d.message, d.help.clone().unwrap_or_default()))
        };
        let errors = checked.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        assert_eq!(checked.config.is_none(), errors.count() > 0);
        checked.diagnostics.iter().map(show).collect()
    }

    #[test]
    fn what_is_there_is_not_complained_about() {
        let digest = super::sha256(&super::COMPONENT);
        let pinned = format!("ACCOUNTsha256 = '{digest}'\npolicies = ['trailing_stop']\n");
        assert_eq!(found(&pinned), vec![]);
        assert_eq!(found("ACCOUNTsecrets = { k = { file = 'key' } }\n"), vec![]);
        assert_eq!(found("ACCOUNT[policy.trailing_stop]\nverbs = []\n"), vec![]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        use Severity::{Error, Warning};
        let other = ABC.replace('b', "c");
        let digest = super::sha256(&super::COMPONENT);
        let rows = [
            ("schema = 1\n[[account]]\nname = 'a'\nplugin = 'x.wasm'\n", "C007", Error, "x.wasm"),
            (
                "schema = 1\n[[account]]\nname = 'a'\nplugin = 'random.wasm'\n",
                "C007",
                Error,
                "component",
            ),
            ("ACCOUNTsecrets = { k = { file = 'short' } }\n", "C009", Error, "shorter than 6"),
            (&format!("ACCOUNTsha256 = '{other}'\n"), "C007", Error, &digest),
            ("ACCOUNTpolicies = ['trailing_stp']\n", "C008", Error, "`trailing_stop`?"),
            ("ACCOUNTportfolio_policies = ['trailing_stp']\n", "C008", Error, "`trailing_stop`?"),
            ("ACCOUNTpolicies = ['trailing_stop_test']\n", "C008", Error, "no policy"),
            ("ACCOUNT[policy.nothing_alike]\n", "C008", Error, "there are: trailing_stop"),
            ("schema = 1\npolicies.dir = 'x'\n", "C008", Error, "cannot read"),
            ("ACCOUNTsecrets = { k = { file = 'no' } }\n", "C009", Error, "cannot read"),
            ("ACCOUNTsecrets = { k = { file = 'open' } }\n", "C009", Error, "chmod 600"),
            ("ACCOUNTsecrets = { k = { env = 'BRACKETD_NO' } }\n", "C009", Warning, "not set"),
        ];
        for (config, code, severity, words) in rows {
            let found = found(config);
            assert_eq!(found.len(), 1, "{config}\n{found:?}");
            assert_eq!((found[0].0, found[0].1), (code, severity), "{config}");
            assert!(found[0].2.contains(words), "{:?} lacks {words:?}", found[0].2);
        }
    }

    #[test]
    fn a_plugin_that_a_start_would_not_take_is_told_with_its_account() {
        let host = Host::new().unwrap();
        let account =
            |name: &str, file: &str| format!("[[account]]\nname = '{name}'\nplugin = '{file}'\n");
        let of = |accounts: &[(&str, &str)]| {
            let all: Vec<_> = accounts.iter().map(|(name, file)| account(name, file)).collect();
            format!("schema = 1\n{}", all.concat())
        };
        assert_eq!(found_with(Some(&host), &of(&[("a", "alpaca.wasm")])), vec![]);
        let rows = [
            ("abc.wasm", "account a is not taken: ", "it exports nothing"),
            ("half.wasm", "account a is not taken: ", "bytes"),
            ("random.wasm", "account a is not a", "WebAssembly component"),
        ];
        for (file, begin, words) in rows {
            let found = found_with(Some(&host), &of(&[("a", file)]));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].0, found[0].1), ("C007", Severity::Error));
            assert!(found[0].2.contains(begin) && found[0].2.contains(words), "{found:?}");
        }
        let found = found_with(Some(&host), &of(&[("a", "abc.wasm"), ("b", "abc.wasm")]));
        let names: Vec<_> = found.iter().map(|one| one.2.contains("account b")).collect();
        assert_eq!(names, [false, true], "each account is told: {found:?}");
    }

    #[test]
    fn a_secret_is_never_in_a_complaint() {
        let all = found("ACCOUNTsecrets = { k = { file = 'open' }, l = { file = 'no' } }\n");
        assert!(all.iter().all(|(_, _, text)| !text.contains("secret\n")), "{all:?}");
    }
}
