//! The component's exports. Only glue: it keeps the settings of `connect` in the instance and hands
//! every call to the pure modules; it must never decide anything.

use std::cell::RefCell;

use bracketd_plugin_sdk::account::{Balance, FillPage, Guest, Info, OrderPage};
use bracketd_plugin_sdk::fault::invalid;
use bracketd_plugin_sdk::http::Host;
use bracketd_plugin_sdk::streams::{self, Frame, Socket, Step};
use bracketd_plugin_sdk::types::{
    Adjusted, Answered, Bar, Bracket, CallCtx, Change, Fault, Instrument, NewOrder, Order,
    OrderKey, Placed, Position, Quote, Session, Target, UnixNanos,
};

use crate::client::Client;
use crate::config::Config;
use crate::{adjust, info, read_market, read_orders, stream, trade};

thread_local! {
    static CONFIG: RefCell<Option<Config>> = const { RefCell::new(None) };
}

struct Alpaca;

fn with<A>(call: impl FnOnce(&Client<'_, Host>) -> Result<A, Fault>) -> Result<A, Fault> {
    CONFIG.with_borrow(|config| match config {
        Some(config) => call(&Client { config, transport: &Host }),
        None => Err(invalid("NOT_CONNECTED", "`connect` comes first on every instance")),
    })
}

impl Guest for Alpaca {
    fn describe() -> Info {
        info::describe()
    }

    fn connect(_: CallCtx, config: Vec<(String, String)>) -> Result<Balance, Fault> {
        let config = Config::from_pairs(&config)?;
        CONFIG.set(Some(config));
        with(read_market::balance)
    }

    fn adjust_sl(ctx: CallCtx, b: Bracket, stop: Target) -> Result<Adjusted, Fault> {
        with(|client| adjust::adjust(client, &ctx, &b, &Target::Keep, &stop))
    }

    fn adjust_tp(ctx: CallCtx, b: Bracket, limit: Target) -> Result<Adjusted, Fault> {
        with(|client| adjust::adjust(client, &ctx, &b, &limit, &Target::Keep))
    }

    fn adjust_tp_sl(
        ctx: CallCtx,
        b: Bracket,
        limit: Target,
        stop: Target,
    ) -> Result<Adjusted, Fault> {
        with(|client| adjust::adjust(client, &ctx, &b, &limit, &stop))
    }

    fn submit_order(ctx: CallCtx, o: NewOrder) -> Result<Placed, Fault> {
        with(|client| trade::submit(client, &ctx, &o))
    }

    fn replace_order(ctx: CallCtx, broker_id: String, c: Change) -> Result<Placed, Fault> {
        with(|client| trade::replace(client, &ctx, &broker_id, &c))
    }

    fn cancel_order(_: CallCtx, broker_id: String) -> Result<Placed, Fault> {
        with(|client| trade::cancel(client, &broker_id))
    }

    fn confirm(_: CallCtx, _: String, _: bool) -> Result<Answered, Fault> {
        Err(Fault::NotSupported("Alpaca never asks back".to_owned()))
    }

    fn read_bracket(_: CallCtx, b: Bracket) -> Result<Adjusted, Fault> {
        with(|client| read_orders::bracket(client, &b))
    }

    fn get_order(_: CallCtx, key: OrderKey) -> Result<Vec<Order>, Fault> {
        with(|client| read_orders::order(client, &key))
    }

    fn get_orders(
        _: CallCtx,
        open_only: bool,
        since: Option<UnixNanos>,
        cursor: Option<String>,
    ) -> Result<OrderPage, Fault> {
        with(|client| read_orders::orders(client, open_only, since, cursor.as_deref()))
    }

    fn get_fills(_: CallCtx, since: UnixNanos, cursor: Option<String>) -> Result<FillPage, Fault> {
        with(|client| read_orders::fills(client, since, cursor.as_deref()))
    }

    fn get_positions(_: CallCtx) -> Result<Vec<Position>, Fault> {
        with(read_market::positions)
    }

    fn get_prices(_: CallCtx, symbols: Vec<String>) -> Result<Vec<Quote>, Fault> {
        with(|client| read_market::prices(client, &symbols))
    }

    fn get_bars(
        _: CallCtx,
        symbol: String,
        seconds: u32,
        since: UnixNanos,
        limit: u32,
    ) -> Result<Vec<Bar>, Fault> {
        with(|client| read_market::bars(client, &symbol, seconds, since, limit))
    }

    fn get_instrument(_: CallCtx, symbol: String) -> Result<Instrument, Fault> {
        with(|client| read_market::instrument(client, &symbol))
    }

    fn get_session(_: CallCtx, _: String) -> Result<Session, Fault> {
        with(|client| read_market::session(client))
    }

    fn get_balance(_: CallCtx) -> Result<Balance, Fault> {
        with(read_market::balance)
    }
}

impl streams::Guest for Alpaca {
    fn open(_: CallCtx, _: Vec<String>) -> Result<Vec<Socket>, Fault> {
        with(|client| Ok(stream::sockets(client.config)))
    }

    fn on_frame(_: CallCtx, _: String, f: Frame) -> Result<Step, Fault> {
        stream::step(&f.data)
    }

    fn on_tick(_: CallCtx, _: String) -> Result<Step, Fault> {
        Ok(stream::nothing())
    }
}

bracketd_plugin_sdk::bindings::export_account!(Alpaca);
bracketd_plugin_sdk::bindings::streaming::export_streams!(Alpaca);
