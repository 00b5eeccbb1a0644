//! The checks of a new order against what the account holds and what the market shows.
//!
//! Separate from `validate` because these need the book. Order matters: a client sees the first
//! refusal only. Nothing here changes the book.

use super::order::{
    GroupRole, Order, OrderClass, OrderId, OrderStatus, OrderType, PositionIntent, Side,
};
use super::reject::{Reject, RejectKind};
use super::request::NewOrder;
use super::validate;
use super::wash::{Candidate, could_trade};
use super::{Asset, ExchangeBook};
use crate::price::PricePoint;
use rust_decimal::Decimal;

impl ExchangeBook {
    /// All of them, in order.
    pub(super) fn admit(&self, request: &NewOrder, asset: &Asset) -> Result<(), Reject> {
        self.admit_intent(request)?;
        self.admit_class(request)?;
        self.admit_geometry(request, asset)?;
        self.admit_qty(request, asset)?;
        self.admit_wash(
            &request.symbol,
            Candidate {
                class: request.order_class,
                side: request.side,
                limit_price: request.limit_price,
            },
            None,
        )?;
        let is_pair = request.order_class == OrderClass::Oco;
        let stop = match is_pair {
            true => request.stop_loss.map(|stop| stop.stop_price),
            false => request.stop_price,
        };
        self.admit_stop(&request.symbol, request.side, stop, is_pair)?;
        self.admit_cost(request)
    }

    fn admit_intent(&self, request: &NewOrder) -> Result<(), Reject> {
        let inferred = PositionIntent::inferred(request.side, self.held(&request.symbol));
        match request.position_intent {
            Some(specified) if specified != inferred => Err(Reject::unprocessable(
                RejectKind::IntentMismatch,
                format!(
                    "position intent mismatch, inferred: {}, specified: {}",
                    inferred.word(),
                    specified.word()
                ),
            )),
            _ => Ok(()),
        }
    }

    fn admit_class(&self, request: &NewOrder) -> Result<(), Reject> {
        let held = self.held(&request.symbol);
        match request.order_class {
            OrderClass::Bracket if !held.is_zero() => {
                let text = "bracket orders must be entry orders";
                Err(Reject::unprocessable(RejectKind::NotEntry, text))
            }
            OrderClass::Oco if !reduces(request.side, held) => {
                let text = "oco orders must be exit orders";
                Err(Reject::unprocessable(RejectKind::NotExit, text))
            }
            _ => Ok(()),
        }
    }

    fn admit_geometry(&self, request: &NewOrder, asset: &Asset) -> Result<(), Reject> {
        let target = request.take_profit;
        let base = match request.order_class {
            OrderClass::Simple => return Ok(()),
            OrderClass::Oco => target,
            OrderClass::Bracket | OrderClass::Oto => request
                .limit_price
                .or(request.stop_price)
                .or_else(|| self.price_of(&request.symbol).map(|p| taken(request.side, p))),
        };
        let Some(base) = base else { return Ok(()) };
        match request.order_class {
            OrderClass::Oco => {
                validate::geometry(request.side, asset.tick, base, None, request.stop_loss)
            }
            _ => {
                let exit = request.side.opposite();
                validate::geometry(exit, asset.tick, base, target, request.stop_loss)
            }
        }
    }

    fn admit_qty(&self, request: &NewOrder, asset: &Asset) -> Result<(), Reject> {
        let held = self.held(&request.symbol);
        if reduces(request.side, held) {
            return self.admit_exit_qty(&request.symbol, request.side, request.qty, None);
        }
        if request.side == Side::Sell {
            if !self.config.shorting_enabled {
                let text = "account is not allowed to short";
                return Err(Reject::forbidden(RejectKind::NotShortable, text));
            }
            if !asset.shortable {
                let text = format!("asset \"{}\" cannot be sold short", asset.symbol);
                return Err(Reject::unprocessable(RejectKind::NotShortable, text));
            }
            if !request.qty.fract().is_zero() {
                let text = "fractional orders cannot be sold short";
                return Err(Reject::unprocessable(RejectKind::NotShortable, text));
            }
        }
        if self.config.house.free_exits {
            return Ok(());
        }
        let flat = held.is_zero();
        let opposite = self.live_of(&request.symbol).find(|order| {
            order.side != request.side && order.status != OrderStatus::Held && !is_exit(order)
        });
        match (flat, opposite, request.side) {
            (true, Some(order), Side::Buy) => Err(Reject::forbidden(
                RejectKind::WashTrade,
                "cannot open a long buy while a short sell order is open",
            )
            .with("existing_order_id", order.id.to_string().into())),
            (true, Some(order), Side::Sell) => Err(Reject::forbidden(
                RejectKind::WashTrade,
                "cannot open a short sell while a long buy order is open",
            )
            .with("existing_order_id", order.id.to_string().into())),
            _ => Ok(()),
        }
    }

    /// An exit may want no more than is held and not reserved by other exits than `except`.
    pub(super) fn admit_exit_qty(
        &self,
        symbol: &str,
        side: Side,
        qty: Decimal,
        except: Option<OrderId>,
    ) -> Result<(), Reject> {
        let existing = self.held(symbol).abs();
        let (reserved, related) = self.reserved(symbol, side, except);
        if self.config.house.free_exits || qty <= existing - reserved {
            return Ok(());
        }
        Err(Reject::insufficient_qty(symbol, qty, existing, reserved, &related))
    }

    /// Units that working orders of `side` hold back, and those orders. A pair counts once: its
    /// held stop reserves nothing beside its target.
    pub(super) fn reserved(
        &self,
        symbol: &str,
        side: Side,
        except: Option<OrderId>,
    ) -> (Decimal, Vec<OrderId>) {
        let mut sum = Decimal::ZERO;
        let mut related = Vec::new();
        for order in self.live_of(symbol) {
            let counts =
                order.side == side && order.status != OrderStatus::Held && Some(order.id) != except;
            if counts {
                sum += order.remaining();
                related.push(order.id);
            }
        }
        (sum, related)
    }

    /// The wash-trade matrix against all live orders but `except`.
    pub(super) fn admit_wash(
        &self,
        symbol: &str,
        candidate: Candidate,
        except: Option<OrderId>,
    ) -> Result<(), Reject> {
        if self.config.house.free_exits {
            return Ok(());
        }
        match self
            .live_of(symbol)
            .find(|order| Some(order.id) != except && could_trade(candidate, order))
        {
            Some(order) => Err(Reject::wash_trade(order)),
            None => Ok(()),
        }
    }

    /// A stop that the present price touches already is refused, not traded; that of a pair in the
    /// words of a pair, whose base price is the market's.
    pub(super) fn admit_stop(
        &self,
        symbol: &str,
        side: Side,
        stop_price: Option<Decimal>,
        is_pair: bool,
    ) -> Result<(), Reject> {
        let (Some(stop), Some(price)) = (stop_price, self.price_of(symbol)) else {
            return Ok(());
        };
        if !touched(side, stop, price) {
            return Ok(());
        }
        let (word, bound) = match side {
            Side::Sell => ("less", "<= base_price -"),
            Side::Buy => ("greater", ">= base_price +"),
        };
        let mark = price.mark().normalize().to_string();
        let (text, key) = match is_pair {
            true => (format!("stop_loss.stop_price must be {bound} 0.01"), "base_price"),
            false => (format!("stop price must be {word} than current price"), "current_price"),
        };
        Err(Reject::unprocessable(RejectKind::StopThroughMarket, text).with(key, mark.into()))
    }

    fn admit_cost(&self, request: &NewOrder) -> Result<(), Reject> {
        if reduces(request.side, self.held(&request.symbol)) {
            return Ok(());
        }
        let market = self.price_of(&request.symbol).map(|p| taken(request.side, p));
        let each = request.limit_price.or(request.stop_price).or(market);
        let Some(each) = each else { return Ok(()) };
        let cost = each * request.qty;
        let funds = self.funds();
        if cost <= funds.buying_power {
            return Ok(());
        }
        Err(Reject::buying_power(funds.buying_power, cost))
    }
}

/// Whether an order of `side` brings a position of `held` (signed) nearer to zero.
pub(super) fn reduces(side: Side, held: Decimal) -> bool {
    match side {
        Side::Buy => held < Decimal::ZERO,
        Side::Sell => held > Decimal::ZERO,
    }
}

/// What a market order of `side` pays or gets.
pub(super) fn taken(side: Side, price: &PricePoint) -> Decimal {
    match side {
        Side::Buy => price.ask,
        Side::Sell => price.bid,
    }
}

/// Whether the price touches a stop: by the last trade, or by the side the stop would trade at.
pub(super) fn touched(side: Side, stop: Decimal, price: &PricePoint) -> bool {
    match side {
        Side::Sell => price.bid <= stop || price.last.is_some_and(|last| last <= stop),
        Side::Buy => price.ask >= stop || price.last.is_some_and(|last| last >= stop),
    }
}

fn is_exit(order: &Order) -> bool {
    matches!(order.group_role, Some(GroupRole::TakeProfit | GroupRole::StopLoss))
        || (order.order_type != OrderType::Market
            && matches!(
                order.position_intent,
                PositionIntent::BuyToClose | PositionIntent::SellToClose
            ))
}
