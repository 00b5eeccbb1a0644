//! Refusals on demand: the next fitting request is refused, with the broker's own error.
//!
//! Separate because demos and tests use it and the rules do not. One incident is spent by one
//! request; it must never change an order that is live.

use super::ExchangeBook;
use super::order::{GroupRole, Order, OrderClass, OrderType, PositionIntent};
use super::reject::{Reject, RejectKind};
use super::request::NewOrder;
use serde::{Deserialize, Serialize};

/// What an order is for, as far as an incident cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentRole {
    /// Opens or adds to a position.
    Entry,
    /// A stop, alone or in a pair.
    Stop,
    /// A target, alone or in a pair.
    Target,
}

/// Refuse the next submission or replacement that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Only for this symbol.
    #[serde(default)]
    pub symbol: Option<String>,
    /// Only for this role.
    #[serde(default)]
    pub role: Option<IncidentRole>,
    /// The error to answer with; `insufficient_qty` when absent.
    #[serde(default)]
    pub error: Option<RejectKind>,
}

impl Incident {
    fn fits(&self, symbol: &str, roles: &[IncidentRole]) -> bool {
        self.symbol.as_deref().is_none_or(|wanted| wanted == symbol)
            && self.role.is_none_or(|wanted| roles.contains(&wanted))
    }

    fn reject(&self) -> Reject {
        let kind = self.error.unwrap_or(RejectKind::InsufficientQty);
        let (http_status, code, text) = match kind {
            RejectKind::InsufficientQty => {
                (403, 40_310_000, "insufficient qty available for order")
            }
            RejectKind::InsufficientBuyingPower => (403, 40_310_000, "insufficient buying power"),
            RejectKind::WashTrade => {
                (403, 40_310_000, "potential wash trade detected. use complex orders")
            }
            RejectKind::NotShortable => (403, 40_310_000, "account is not allowed to short"),
            RejectKind::StopThroughMarket => {
                (422, 42_210_000, "stop price must be less than current price")
            }
            RejectKind::SubPenny => {
                (422, 42_210_000, "sub-penny increment does not fulfill minimum pricing criteria")
            }
            RejectKind::Geometry => {
                (422, 42_210_000, "stop_loss.stop_price must be <= base_price - 0.01")
            }
            RejectKind::NotEntry => (422, 42_210_000, "bracket orders must be entry orders"),
            RejectKind::NotExit => (422, 42_210_000, "oco orders must be exit orders"),
            RejectKind::IntentMismatch => (422, 42_210_000, "position intent mismatch"),
            RejectKind::UnknownAsset => (422, 42_210_000, "asset not found"),
            RejectKind::NotReplaceable => {
                (422, 42_210_000, "cannot replace order in pending_new status")
            }
            RejectKind::Unchanged => (422, 42_210_000, "order parameters are not changed"),
            RejectKind::NotCancelable => (422, 42_210_000, "order is not cancelable"),
            RejectKind::Field => (422, 40_010_001, "invalid field"),
            RejectKind::DuplicateClientId => (422, 40_010_001, "client_order_id must be unique"),
            RejectKind::NotFound => (404, 40_410_000, "order not found"),
            RejectKind::Internal => (500, 50_010_000, "internal server error"),
        };
        Reject::new(kind, http_status, code, text)
    }
}

impl ExchangeBook {
    /// Refuse the next request that fits.
    pub fn inject(&mut self, incident: Incident) {
        self.incidents.push(incident);
    }

    pub(super) fn incident_on_submit(&mut self, request: &NewOrder) -> Result<(), Reject> {
        let held = self.held(&request.symbol);
        let intent = PositionIntent::inferred(request.side, held);
        let opens = matches!(intent, PositionIntent::BuyToOpen | PositionIntent::SellToOpen);
        let roles: &[IncidentRole] = match (request.order_class, request.order_type) {
            (OrderClass::Oco, _) => &[IncidentRole::Stop, IncidentRole::Target],
            _ if opens => &[IncidentRole::Entry],
            (_, OrderType::Stop | OrderType::StopLimit) => &[IncidentRole::Stop],
            (_, OrderType::Limit) => &[IncidentRole::Target],
            (_, OrderType::Market) => &[],
        };
        self.spend(&request.symbol, roles)
    }

    pub(super) fn incident_on_replace(&mut self, order: &Order) -> Result<(), Reject> {
        let role = match (order.group_role, order.order_type) {
            (Some(GroupRole::Entry), _) => IncidentRole::Entry,
            (Some(GroupRole::StopLoss), _) => IncidentRole::Stop,
            (Some(GroupRole::TakeProfit), _) => IncidentRole::Target,
            (None, _) if opens(order) => IncidentRole::Entry,
            (None, OrderType::Stop | OrderType::StopLimit) => IncidentRole::Stop,
            (None, OrderType::Limit | OrderType::Market) => IncidentRole::Target,
        };
        self.spend(&order.symbol.clone(), &[role])
    }

    fn spend(&mut self, symbol: &str, roles: &[IncidentRole]) -> Result<(), Reject> {
        match self.incidents.iter().position(|incident| incident.fits(symbol, roles)) {
            Some(index) => Err(self.incidents.remove(index).reject()),
            None => Ok(()),
        }
    }
}

fn opens(order: &Order) -> bool {
    matches!(order.position_intent, PositionIntent::BuyToOpen | PositionIntent::SellToOpen)
}
