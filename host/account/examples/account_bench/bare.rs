//! The request of a moved stop over a connection that stays open, without any library.
//!
//! Apart because it is the least that a round trip can cost: what the account adds is told from it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::desk::{Failure, KEY, SECRET};

/// A connection to the exchange.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    /// Connects.
    pub(super) fn open(url: &str) -> Result<Self, Failure> {
        let host = url.strip_prefix("http://").ok_or("no http URL")?.to_owned();
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host })
    }

    /// Moves the stop; its new order id.
    pub(super) fn move_stop(&mut self, id: &str, price: &str) -> Result<String, Failure> {
        let body = format!(r#"{{"stop_price":"{price}"}}"#);
        let request = format!(
            "PATCH /v2/orders/{id} HTTP/1.1\r\nhost: {}\r\nAPCA-API-KEY-ID: {KEY}\r\n\
             APCA-API-SECRET-KEY: {SECRET}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.host,
            body.len(),
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let answer = self.answer()?;
        let (_, id) = answer.split_once(r#""id":""#).ok_or(answer.as_str())?;
        Ok(id.split('"').next().unwrap_or_default().to_owned())
    }

    fn answer(&mut self) -> Result<String, Failure> {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let lower = line.trim().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(bytes) = lower.strip_prefix("content-length:") {
                length = bytes.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(String::from_utf8(body)?)
    }
}
