//! Reads whole HTTP/1.1 messages from a connection.
//!
//! Apart because the network passes bytes on as they came; it needs to know only where a message
//! ends (RFC 9112, section 6.3).

use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// Largest message in bytes.
const BYTES_MAX: usize = 16 << 20;

/// A whole request; none at the end of the connection.
pub(crate) fn request(from: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let Some(mut bytes) = head(from)? else { return Ok(None) };
    match framing(&bytes) {
        Framing::Length(length) => take(from, &mut bytes, length)?,
        Framing::Chunked => chunks(from, &mut bytes)?,
        Framing::None => {}
    }
    Ok(Some(bytes))
}

/// A whole answer; none at the end of the connection. One without a length ends with it.
pub(crate) fn answer(from: &mut impl BufRead, is_head: bool) -> Result<Option<Vec<u8>>> {
    let Some(mut bytes) = head(from)? else { return Ok(None) };
    let status = bytes.get(9..12).unwrap_or_default();
    if is_head || status == b"204" || status == b"304" {
        return Ok(Some(bytes));
    }
    match framing(&bytes) {
        Framing::Length(length) => take(from, &mut bytes, length)?,
        Framing::Chunked => chunks(from, &mut bytes)?,
        Framing::None => {
            let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
            from.take(limit).read_to_end(&mut bytes)?;
        }
    }
    Ok(Some(bytes))
}

/// What follows the head; of a chunked answer with its chunk lines.
pub(crate) fn body(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    end.and_then(|at| message.get(at + 4..)).unwrap_or_default()
}

enum Framing {
    Length(usize),
    Chunked,
    None,
}

fn framing(head: &[u8]) -> Framing {
    let text = String::from_utf8_lossy(head).to_lowercase();
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
    };
    if value("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        return Framing::Chunked;
    }
    match value("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => Framing::Length(length),
        None => Framing::None,
    }
}

fn head(from: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        if matches!(bytes.get(before..), Some(b"\r\n" | b"\n")) {
            return Ok(Some(bytes));
        }
        within(bytes.len())?;
    }
}

fn take(from: &mut impl BufRead, bytes: &mut Vec<u8>, length: usize) -> Result<()> {
    within(bytes.len().saturating_add(length))?;
    let start = bytes.len();
    bytes.resize(start + length, 0);
    from.read_exact(bytes.get_mut(start..).unwrap_or_default())
}

fn chunks(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> Result<()> {
    loop {
        let start = bytes.len();
        from.read_until(b'\n', bytes)?;
        let line = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned();
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| Error::new(ErrorKind::InvalidData, "not a chunk"))?;
        // Its data and the line's end after it; of the last one, the end of the message.
        take(from, bytes, size + 2)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn within(length: usize) -> Result<()> {
    match length > BYTES_MAX {
        true => Err(Error::new(ErrorKind::InvalidData, "too large")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_message_ends_where_it_says() {
        for (text, whole, rest) in [
            ("GET / HTTP/1.1\r\n\r\nmore", "GET / HTTP/1.1\r\n\r\n", "more"),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nokmore", "ok", "more"),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
                "0\r\n\r\n",
                "x",
            ),
        ] {
            let mut from = Cursor::new(text.as_bytes());
            let got = String::from_utf8(request(&mut from).unwrap().unwrap()).unwrap();
            assert!(got.ends_with(whole), "{got:?}");
            let mut left = String::new();
            from.read_to_string(&mut left).unwrap();
            assert_eq!(left, rest);
        }
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection_and_one_without_a_body_at_its_head() {
        for (text, want) in [
            ("HTTP/1.1 200 OK\r\n\r\nall of it", "all of it"),
            ("HTTP/1.1 204 No Content\r\n\r\nnext", ""),
        ] {
            let got = answer(&mut Cursor::new(text.as_bytes()), false).unwrap().unwrap();
            assert_eq!(body(&got), want.as_bytes());
        }
        assert_eq!(answer(&mut Cursor::new(b""), false).unwrap(), None);
    }
}
