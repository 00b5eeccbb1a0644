//! One request to Alpaca and its judged answer. Separate because headers, statuses and unreadable
//! bodies are treated the same everywhere; it must never send twice.

use bracketd_plugin_sdk::fault::{Purpose, detail, of_transport, unclear};
use bracketd_plugin_sdk::http::{Effect, Request, Response, Transport, encode};
use bracketd_plugin_sdk::types::{Fault, OrderKey};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Config;
use crate::refusal::judge;

/// Header values the host replaces; the key itself never comes in here.
pub(crate) const KEY_ID: &str = "{{secret:key_id}}";
pub(crate) const SECRET_KEY: &str = "{{secret:secret_key}}";

/// An account's settings and its way out.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a, T> {
    /// The settings.
    pub config: &'a Config,
    /// The way out.
    pub transport: &'a T,
}

impl<T: Transport> Client<'_, T> {
    /// GETs from the trading API.
    ///
    /// # Errors
    /// The judged fault.
    pub fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, Fault> {
        let url = format!("{}{path}", self.config.trading);
        self.read(url)
    }

    /// GETs from the data API.
    ///
    /// # Errors
    /// The judged fault.
    pub fn get_data<A: DeserializeOwned>(&self, path: &str) -> Result<A, Fault> {
        let url = format!("{}{path}", self.config.data);
        self.read(url)
    }

    /// GETs one thing that may not exist.
    ///
    /// # Errors
    /// The judged fault; not-found is none.
    pub fn find<A: DeserializeOwned>(&self, path: &str) -> Result<Option<A>, Fault> {
        match self.get(path) {
            Ok(answer) => Ok(Some(answer)),
            Err(Fault::NotFound(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Sends one write and reads the order in the answer.
    ///
    /// # Errors
    /// The judged fault; in doubt with `lookup` when the answer is missing or unreadable.
    pub fn write<A: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        lookup: Vec<OrderKey>,
    ) -> Result<A, Fault> {
        let purpose = Purpose::Write(lookup);
        let url = format!("{}{path}", self.config.trading);
        let response = self.send(method, url, Some(body), &purpose)?;
        parse(&response, &purpose)
    }

    /// Asks for a cancel.
    ///
    /// # Errors
    /// The judged fault; in doubt when the answer is missing.
    pub fn cancel(&self, broker_id: &str) -> Result<(), Fault> {
        let purpose = Purpose::Write(vec![OrderKey::Broker(broker_id.to_owned())]);
        let url = format!("{}/v2/orders/{}", self.config.trading, encode(broker_id));
        let response = self.send("DELETE", url, None, &purpose)?;
        // Alpaca answers 204 with nothing in it; anything else is somebody else's word.
        match response.body.is_empty() {
            true => Ok(()),
            false => {
                let mut detail = detail("UNREADABLE_ANSWER", "a cancel was answered with a body");
                detail.http_status = Some(response.status);
                Err(unclear(detail, &purpose))
            }
        }
    }

    fn read<A: DeserializeOwned>(&self, url: String) -> Result<A, Fault> {
        let response = self.send("GET", url, None, &Purpose::Read)?;
        parse(&response, &Purpose::Read)
    }

    fn send(
        &self,
        method: &str,
        url: String,
        body: Option<&Value>,
        purpose: &Purpose,
    ) -> Result<Response, Fault> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers =
            vec![header("APCA-API-KEY-ID", KEY_ID), header("APCA-API-SECRET-KEY", SECRET_KEY)];
        if body.is_some() {
            headers.push(header("Content-Type", "application/json"));
        }
        let request = Request {
            method: method.to_owned(),
            url,
            headers,
            body: body.map(|body| body.to_string().into_bytes()),
            effect: match purpose {
                Purpose::Read => Effect::Read,
                Purpose::Write(_) => Effect::Write,
            },
            timeout_ms: None,
        };
        let response =
            self.transport.send(&request).map_err(|fault| of_transport(&fault, purpose))?;
        match response.status {
            200..=299 => Ok(response),
            _ => Err(judge(&response, self.transport.now(), purpose)),
        }
    }
}

fn parse<A: DeserializeOwned>(response: &Response, purpose: &Purpose) -> Result<A, Fault> {
    serde_json::from_slice(&response.body).map_err(|error| {
        let mut detail = detail("UNREADABLE_ANSWER", error.to_string());
        detail.http_status = Some(response.status);
        unclear(detail, purpose)
    })
}
