//! What the plugin says about itself. Separate because `describe` runs without any import; it must
//! never promise what the broker does not keep.

use bracketd_plugin_sdk::account::Info;

/// Longest client order id asked for. Alpaca takes 128, its older clients 48.
const CLIENT_ID_MAX: u8 = 48;
const CLIENT_ID_CHARS: &str = "abcdefghijklmnopqrstuvwxyz0123456789-_";

/// The plugin's card.
#[must_use]
pub fn describe() -> Info {
    // client-id-unique-forever: the broker refuses a client order id it has ever seen, so a resend
    // cannot double.
    let features =
        ["concurrent-writes", "client-id-unique-forever", "client-id-lookup", "batch-prices"];
    Info {
        name: "alpaca".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        client_id_max: CLIENT_ID_MAX,
        client_id_chars: CLIENT_ID_CHARS.to_owned(),
        features: features.map(str::to_owned).to_vec(),
        ext: Vec::new(),
    }
}
