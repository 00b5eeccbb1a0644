//! What a guest says of its sockets and their frames, checked: where a socket may go, which frames
//! go out, what a step's events are worth.
//!
//! Apart from the thread that owns the guest because this is the border: nothing of a guest goes to
//! a socket, and nothing of a socket to the core, but through here. It must never let a frame out
//! that the grant does not list as a read.

use bracketd_core::broker::{Fill, OrderReport, Quote};
use url::Url;

use crate::bindings::bracketd::broker::types as abi;
use crate::bindings::streaming::exports::bracketd::broker::streams as abi_streams;
use crate::convert::{self, Lie};
use crate::frame::{Form, permit_frame};
use crate::grant::{Grant, permit_socket};
use crate::guest::http::{address, headers, parse};
use crate::lock::lock;
use crate::shared::Shared;
use crate::wire::socket::{Frame, Target};

/// Most sockets of one account.
const SOCKETS_MAX: usize = 4;
/// Most frames of one hello or step.
const FRAMES_MAX: usize = 16;
/// Most events of one step.
const EVENTS_MAX: usize = 4_096;
/// Longest name of a socket in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The sockets that a guest wants, each with its own name.
pub(crate) fn sockets(told: Vec<abi_streams::Socket>) -> Result<Vec<abi_streams::Socket>, Lie> {
    if told.len() > SOCKETS_MAX {
        return Err(Lie::new("open", format!("{} sockets, at most {SOCKETS_MAX}", told.len())));
    }
    for (at, socket) in told.iter().enumerate() {
        let name = socket.name.as_str();
        let is_sane = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && name.chars().all(|c| c.is_ascii_graphic());
        if !is_sane || told.iter().take(at).any(|other| other.name == name) {
            return Err(Lie::new("socket.name", format!("{name:?}")));
        }
        if socket.hello.len() > FRAMES_MAX {
            return Err(Lie::new("socket.hello", format!("{} frames long", socket.hello.len())));
        }
    }
    Ok(told)
}

/// A socket that the grants cover, ready to be opened.
pub(crate) struct Permitted {
    /// Where it goes, as the guest wrote it.
    pub url: Url,
    /// What covers it.
    pub grant: Grant,
    /// Where it goes, with its secrets.
    pub target: Target,
}

/// Checks where a socket goes; the error names what would allow it.
pub(crate) fn permit(shared: &Shared, socket: &abi_streams::Socket) -> Result<Permitted, String> {
    let url = parse(&socket.url).map_err(|failure| failure.message)?;
    let grant = permit_socket(&shared.grants, &url)?.clone();
    let host = url.host_str().unwrap_or_default();
    let uri = address(&shared.secrets, &url, host).map_err(|failure| failure.message)?;
    let headers = headers(&shared.secrets, &socket.headers, host);
    let headers = headers.map_err(|failure| failure.message)?;
    let message_bytes = shared.limits.frame_bytes;
    let target = Target { url: url.clone(), uri, headers, message_bytes };
    Ok(Permitted { url, grant, target })
}

/// The frames of a guest that may go out, with their secrets filled in; the others are named.
pub(crate) fn outgoing(
    shared: &Shared,
    name: &str,
    (grant, url): (&Grant, &Url),
    frames: Vec<abi_streams::Frame>,
) -> Vec<Frame> {
    if let Some(more) = frames.len().checked_sub(FRAMES_MAX).filter(|more| *more > 0) {
        shared.warn(&format!("socket {name}: {more} frames beyond {FRAMES_MAX} are not sent"));
    }
    let permitted = frames.into_iter().take(FRAMES_MAX).filter_map(|frame| {
        let filled = fill(shared, grant, url, frame);
        filled.map_err(|why| shared.warn(&format!("socket {name}: {why}"))).ok()
    });
    permitted.collect()
}

fn fill(
    shared: &Shared,
    grant: &Grant,
    url: &Url,
    frame: abi_streams::Frame,
) -> Result<Frame, String> {
    if frame.data.len() > shared.limits.frame_bytes {
        return Err(format!("a frame of {} bytes is too large", frame.data.len()));
    }
    let form = permit_frame(grant, url, &frame.data)?;
    let host = url.host_str().unwrap_or_default();
    let text = String::from_utf8_lossy(&frame.data);
    let filled = match form {
        Form::Json => shared.secrets.fill_json(&text, host),
        Form::Text => shared.secrets.fill(&text, Some(host)),
    };
    let data = filled.map_err(|name| format!("secret {name} is not configured"))?;
    Ok(Frame { binary: frame.binary, data })
}

/// What a step tells.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Orders.
    pub orders: Vec<OrderReport>,
    /// Fills.
    pub fills: Vec<Fill>,
    /// Prices of watched symbols.
    pub quotes: Vec<Quote>,
    /// Whether something could not be read or believed: a poll shows it.
    pub is_doubtful: bool,
}

/// The events of a step, checked one by one.
pub(crate) fn news(shared: &Shared, name: &str, events: Vec<abi_streams::Event>) -> News {
    let mut news = News::default();
    if events.len() > EVENTS_MAX {
        shared.note_lie(&Lie::new("step.events", format!("{} long", events.len())));
        news.is_doubtful = true;
    }
    for event in events.into_iter().take(EVENTS_MAX) {
        let taken = match event {
            abi_streams::Event::OrderUpdate(order) => take_order(&mut news, &order),
            abi_streams::Event::Fill(fill) => {
                convert::fill(&fill).map(|fill| news.fills.push(fill))
            }
            abi_streams::Event::Quote(quote) => take_quote(shared, &mut news, &quote),
            abi_streams::Event::Unread(text) => {
                shared.warn(&format!("socket {name}: the plugin cannot read a frame: {text}"));
                news.is_doubtful = true;
                Ok(())
            }
        };
        if let Err(lie) = taken {
            shared.note_lie(&lie);
            news.is_doubtful = true;
        }
    }
    news
}

fn take_order(news: &mut News, order: &abi::Order) -> Result<(), Lie> {
    // How it is tied is left to reads, which show its family; a single order may not.
    let (report, _tie) = convert::report(order)?;
    news.orders.push(report);
    Ok(())
}

fn take_quote(shared: &Shared, news: &mut News, quote: &abi::Quote) -> Result<(), Lie> {
    let quote = convert::quote(quote)?;
    if lock(&shared.watched).contains(&quote.symbol) {
        news.quotes.push(quote);
    }
    Ok(())
}
