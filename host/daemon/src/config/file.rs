//! The configuration as it is written: the shape of the TOML file.
//!
//! Apart because the published JSON Schema and the check for misspelt keys are both made from these
//! types; what a value means stands in `resolve.rs`. Nothing here has a default that trades.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::guards::GuardsTable;

/// A value with its place in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct At<T>(toml::Spanned<T>);

impl<T> At<T> {
    /// The value.
    pub fn get(&self) -> &T {
        self.0.get_ref()
    }

    /// Where it stands, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

/// The whole file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "bracketd.toml")]
pub struct ConfigFile {
    /// Version of this file's format; 1.
    pub schema: At<u32>,
    /// Where the ledger, the activity log and daemon.json live; relative to this file.
    pub data_dir: Option<At<String>>,
    /// The local HTTP API.
    #[serde(default)]
    pub server: ServerTable,
    /// Where the policies are.
    #[serde(default)]
    pub policies: PoliciesTable,
    /// One table for each policy that needs one: `[policy.trailing_stop]`.
    #[serde(default)]
    pub policy: BTreeMap<String, At<PolicyTable>>,
    /// One table for each broker account.
    #[serde(default)]
    pub account: Vec<AccountTable>,
}

/// `[server]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTable {
    /// Loopback address and port, such as "127.0.0.1:8741"; a busy port moves on to the next free.
    pub bind: Option<At<String>>,
}

/// `[policies]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoliciesTable {
    /// Directory with the *.rhai files; relative to this file.
    pub dir: Option<At<String>>,
    /// How often the directory is read even when no change was noticed, such as "2s".
    pub poll: Option<At<String>>,
}

/// `[policy.NAME]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTable {
    /// Values for the script's parameters; decimals as strings.
    #[serde(default)]
    pub params: BTreeMap<String, ParamValue>,
    /// The verbs that the policy may use; left out, all but open_position, lock and halt.
    pub verbs: Option<Vec<At<String>>>,
}

/// A value for a script's parameter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ParamValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text, or a decimal number written as one.
    Text(String),
}

impl ParamValue {
    /// The value as text, for the script's own reading.
    pub fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// `[[account]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountTable {
    /// The name by which people and policies know the account.
    pub name: At<String>,
    /// The plugin's .wasm file; relative to this file.
    pub plugin: At<String>,
    /// SHA-256 of the plugin file in hex; any other file is refused.
    pub sha256: Option<At<String>>,
    /// Policies of transactions that name none.
    #[serde(default)]
    pub policies: Vec<At<String>>,
    /// Policies that look after the account as a whole, each with `on_portfolio`.
    #[serde(default)]
    pub portfolio_policies: Vec<At<String>>,
    /// What the plugin is told at connect, such as base_url.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Secrets by name; the plugin sees only the names.
    #[serde(default)]
    pub secrets: BTreeMap<String, At<SecretTable>>,
    /// What the plugin may reach; nothing else can be reached.
    #[serde(default)]
    pub grant: Vec<GrantTable>,
    /// Whether commands go out until a person arms or disarms it; left out, false.
    pub armed: Option<bool>,
    /// How long held quantity may be without its wanted stop, such as "3s".
    pub protection_deadline: Option<At<String>>,
    /// What happens once it has been without it for so long.
    pub on_deadline: Option<OnDeadlineWord>,
    /// What happens when a wanted stop is already through the market.
    pub on_breached: Option<OnBreachedWord>,
    /// What happens to the rest of an entry that filled in part.
    pub on_partial: Option<OnPartialWord>,
    /// Whether a policy may move a stop away from the market.
    pub stop_may_loosen: Option<bool>,
    /// Farthest a stop or target may be from the price, such as "50%".
    pub collar: Option<At<String>>,
    /// Oldest price that is checked against, such as "15s".
    pub stale_price: Option<At<String>>,
    /// How long stops and targets rest at the broker.
    pub exit_time_in_force: Option<TimeInForceWord>,
    /// How often fills are asked for, such as "1s"; at most "2s".
    pub poll_fills: Option<At<String>>,
    /// How often prices are asked for, such as "1s".
    pub poll_prices: Option<At<String>>,
    /// How often everything is compared with the broker, such as "60s"; losses are looked at as
    /// often.
    pub poll_picture: Option<At<String>>,
    /// Requests that the broker takes in a minute, reads and writes together.
    pub messages_per_minute: Option<At<u32>>,
    /// What may be lost on one UTC day, in the account's currency, such as "500"; beyond it the
    /// account is held at protect-only until a person clears it.
    pub max_day_loss: Option<At<String>>,
    /// How far the equity may fall below its peak, such as "10%"; beyond it the same.
    pub max_drawdown: Option<At<String>>,
    /// Codes of questions that the broker asks before it takes an order, answered with yes; any
    /// other counts as its no.
    #[serde(default)]
    pub confirm: Vec<String>,
    /// What becomes of resting entries when the daemon is told to stop.
    pub on_shutdown: Option<OnShutdownWord>,
    /// The limits that no script can switch off.
    #[serde(default)]
    pub guards: GuardsTable,
}

/// Where a secret comes from, exactly one of file and env, and where it may go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretTable {
    /// A file that only its owner can read; relative to the configuration.
    pub file: Option<String>,
    /// An environment variable.
    pub env: Option<String>,
    /// Hosts that it may be sent to, each one of the account's grants; left out, all of these.
    pub hosts: Option<Vec<At<String>>>,
    /// How the broker writes the key that signs; left out, as it is used.
    pub encoding: Option<EncodingWord>,
}

/// Words for `encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncodingWord {
    /// As base64: signatures are made with what it stands for (Kraken's).
    Base64,
}

/// `[[account.grant]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantTable {
    /// "https" or "http" for requests, "wss" or "ws" for a socket; left out, https.
    pub scheme: Option<SchemeWord>,
    /// Host name or address.
    pub host: At<String>,
    /// Port; left out, that of the scheme.
    pub port: Option<At<u16>>,
    /// Methods; left out, GET, POST, PATCH, PUT and DELETE.
    pub methods: Option<Vec<At<String>>>,
    /// Path prefixes, each starting with a slash; left out, every path.
    pub paths: Option<Vec<At<String>>>,
    /// Whether every request here only reads, also a POST.
    #[serde(default)]
    pub read: bool,
    /// Whether the host may be this machine or a private network.
    #[serde(default)]
    pub private: bool,
    /// Whether {{secret:NAME}} is also filled in bodies, for a broker that takes a token there.
    #[serde(default)]
    pub secrets_in_body: bool,
    /// Frames of a socket that only read; every other one is not sent.
    #[serde(default)]
    pub frames: Vec<At<FrameTable>>,
}

/// One kind of frame: key and value, or text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameTable {
    /// A key of the outermost level of a JSON object, such as "action".
    pub key: Option<String>,
    /// The text under that key, such as "listen".
    pub value: Option<String>,
    /// The whole frame, as the plugin writes it.
    pub text: Option<String>,
}

/// Words for `scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemeWord {
    /// Requests with TLS.
    Https,
    /// Requests without.
    Http,
    /// A socket with TLS.
    Wss,
    /// A socket without.
    Ws,
}

/// Words for `on_deadline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDeadlineWord {
    /// People are told; the stop is tried on.
    Alert,
    /// What is held is closed at the market.
    MarketClose,
}

/// Words for `on_breached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBreachedWord {
    /// It is shown as breached and tried again.
    Keep,
    /// As keep, and people are told.
    Alert,
    /// What is held is closed at the market.
    MarketClose,
}

/// Words for `on_partial`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnPartialWord {
    /// The rest is canceled, then what filled is protected.
    CancelRest,
    /// What filled is protected by a linked pair beside the entry.
    Oco,
    /// The end of the entry is waited for.
    Wait,
}

/// Words for `on_shutdown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnShutdownWord {
    /// They stay at the broker.
    Keep,
    /// They are canceled, as far as the broker confirms it in time.
    CancelEntries,
}

/// Words for `exit_time_in_force`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForceWord {
    /// Until the session ends.
    Day,
    /// Until canceled.
    Gtc,
}
