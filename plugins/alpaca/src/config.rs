//! The settings `connect` is given. Separate so that the rest never sees raw pairs; it must never
//! hold a secret: the headers carry placeholders that the host fills in.

use bracketd_plugin_sdk::fault::invalid;
use bracketd_plugin_sdk::types::Fault;

/// Where Alpaca serves market data for its own trading hosts, which serve none.
const ALPACA_DATA: &str = "https://data.alpaca.markets";
const ALPACA_TRADING: [&str; 2] =
    ["https://paper-api.alpaca.markets", "https://api.alpaca.markets"];

/// One account's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Trading API, without a slash at the end.
    pub trading: String,
    /// Market data API, without a slash at the end.
    pub data: String,
    /// Data feed (`iex`, `sip`); none leaves the choice to the broker.
    pub feed: Option<String>,
    /// Where trade updates are streamed.
    pub stream: String,
}

impl Config {
    /// Reads `base_url`, `data_url` (the base URL unless given; `data.alpaca.markets` for Alpaca's
    /// own hosts), `feed`, and `stream_url` (`/stream` at the base URL unless given). Other keys are the host's business and ignored.
    ///
    /// # Errors
    /// `invalid` when there is no `base_url`, or an address has another scheme than its kind has.
    pub fn from_pairs(pairs: &[(String, String)]) -> Result<Self, Fault> {
        let get = |key: &str| {
            let found = pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.trim());
            found.filter(|value| !value.is_empty())
        };
        let trading = get("base_url")
            .ok_or_else(|| invalid("CONFIG", "`base_url` is missing: the trading API's address"))
            .and_then(|url| address("base_url", url))?;
        let data = match get("data_url") {
            Some(url) => address("data_url", url)?,
            None if ALPACA_TRADING.contains(&trading.as_str()) => ALPACA_DATA.to_owned(),
            None => trading.clone(),
        };
        let stream = match get("stream_url") {
            Some(url) if url.starts_with("wss://") || url.starts_with("ws://") => url.to_owned(),
            Some(url) => {
                let text = format!("`stream_url` is no wss or ws address: {url}");
                return Err(invalid("CONFIG", text));
            }
            // https becomes wss, and http ws.
            None => format!("{}/stream", trading.replacen("http", "ws", 1)),
        };
        Ok(Self { trading, data, feed: get("feed").map(str::to_owned), stream })
    }
}

fn address(key: &str, url: &str) -> Result<String, Fault> {
    if url.starts_with("https://") || url.starts_with("http://") {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(invalid("CONFIG", format!("`{key}` is no http or https address: {url}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, Fault> {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_pairs(&pairs)
    }

    #[test]
    fn addresses_and_their_defaults() {
        for (pairs, trading, data, feed) in [
            (
                &[("base_url", "http://127.0.0.1:9/")][..],
                "http://127.0.0.1:9",
                "http://127.0.0.1:9",
                None,
            ),
            (
                &[("base_url", "https://paper-api.alpaca.markets"), ("feed", "iex")],
                "https://paper-api.alpaca.markets",
                "https://data.alpaca.markets",
                Some("iex"),
            ),
            (&[("base_url", "http://a"), ("data_url", "http://b")], "http://a", "http://b", None),
            (
                &[("base_url", "http://a"), ("data_url", " "), ("other", "x")],
                "http://a",
                "http://a",
                None,
            ),
        ] {
            let config = read(pairs).unwrap();
            assert_eq!((config.trading.as_str(), config.data.as_str()), (trading, data));
            assert_eq!(config.feed.as_deref(), feed);
        }
    }

    #[test]
    fn the_stream_is_beside_the_trading_api() {
        for (pairs, stream) in [
            (
                &[("base_url", "https://paper-api.alpaca.markets")][..],
                "wss://paper-api.alpaca.markets/stream",
            ),
            (&[("base_url", "http://127.0.0.1:9/")], "ws://127.0.0.1:9/stream"),
            (&[("base_url", "http://a"), ("stream_url", "wss://b/c")], "wss://b/c"),
        ] {
            assert_eq!(read(pairs).unwrap().stream, stream);
        }
    }

    #[test]
    fn a_bad_address_is_named() {
        for (pairs, named) in [
            (&[][..], "base_url"),
            (&[("base_url", "ftp://a")], "base_url"),
            (&[("base_url", "http://a"), ("data_url", "b")], "data_url"),
            (&[("base_url", "http://a"), ("stream_url", "http://a/stream")], "stream_url"),
        ] {
            match read(pairs) {
                Err(Fault::Invalid(detail)) => {
                    assert!(detail.message.contains(named), "{detail:?}")
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
