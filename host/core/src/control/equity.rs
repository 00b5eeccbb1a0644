//! The loss halt: an account that has lost more than it may is held at protect-only until a person
//! lets it go.
//!
//! Apart because it is the one guard that looks at money instead of a request. It only raises a
//! level. What a loss is measured from lives in the ledger, so neither a restart nor a crash makes
//! it forget (freqtrade's guards, counted from the process's start, are the known hole).

use rust_decimal::Decimal;

use super::acts::raise;
use super::{Baseline, KillLevel};
use crate::apply::Transition;
use crate::book::{Account, Book};
use crate::fact::{Fact, FactKind};
use crate::ids::AccountName;
use crate::intent::{Request, Source};
use crate::time::Timestamp;

const DAY_US: i64 = 86_400_000_000;

/// The account's money was read: keeps what losses are measured from, and halts the account when
/// it has lost more than its rules allow.
pub(crate) fn balance_read(
    book: &mut Book,
    name: &AccountName,
    now: Timestamp,
    out: &mut Transition,
) {
    let Some(account) = book.accounts.get_mut(name) else { return };
    let Some(balance) = &account.balance else { return };
    let equity = balance.equity;
    if let Some(told) = balance.account.clone() {
        super::account_told(book, name, &told, now, out);
    }
    let Some(account) = book.accounts.get_mut(name).filter(|a| a.other_account.is_none()) else {
        return;
    };
    let has_limit =
        account.rules.max_day_loss.is_some() || account.rules.max_drawdown_percent.is_some();
    // Policies of the whole account look at the same figures.
    if !has_limit && account.rules.portfolio_policies.is_empty() {
        return;
    }
    let before = account.control.baseline;
    let next = next_baseline(before, equity, now);
    account.control.baseline = next;
    let halt = exceeded(account);
    if next != before {
        out.controls.insert(Some(name.clone()));
    }
    if next.map(|b| b.day) != before.map(|b| b.day) {
        out.facts.push(baseline_fact(name, before, next, Source::Host, now));
    }
    if let Some(why) = halt {
        raise(book, Some(name), KillLevel::ProtectOnly, &why, now, out);
    }
}

/// A day begins with the first equity that is read on it. A clock that was set back begins none,
/// and an equity that cannot be is not measured from.
fn next_baseline(before: Option<Baseline>, equity: Decimal, now: Timestamp) -> Option<Baseline> {
    if equity <= Decimal::ZERO {
        return before;
    }
    let day = now.0.div_euclid(DAY_US);
    let Some(before) = before else {
        return Some(Baseline { day, day_equity: equity, peak_equity: equity });
    };
    let peak_equity = before.peak_equity.max(equity);
    Some(if day > before.day {
        Baseline { day, day_equity: equity, peak_equity }
    } else {
        Baseline { peak_equity, ..before }
    })
}

/// Why the account has lost more than its rules allow, if it has.
pub fn exceeded(account: &Account) -> Option<String> {
    let baseline = account.control.baseline?;
    let equity = account.balance.as_ref()?.equity;
    let day_loss = baseline.day_equity.saturating_sub(equity);
    if let Some(max) = account.rules.max_day_loss.filter(|max| day_loss > *max) {
        let from = baseline.day_equity.normalize();
        return Some(format!(
            "equity {} is {} below the day's first {from}; at most {} is allowed",
            equity.normalize(),
            day_loss.normalize(),
            max.normalize()
        ));
    }
    let drawdown = baseline.peak_equity.saturating_sub(equity);
    let percent = drawdown
        .checked_mul(Decimal::ONE_HUNDRED)
        .and_then(|part| part.checked_div(baseline.peak_equity))
        .unwrap_or(Decimal::ZERO);
    let max = account.rules.max_drawdown_percent.filter(|max| percent > *max)?;
    Some(format!(
        "equity {} is {} % below its peak {}; at most {} % is allowed",
        equity.normalize(),
        percent.round_dp(2).normalize(),
        baseline.peak_equity.normalize(),
        max.normalize()
    ))
}

/// A person lets losses count from the present equity on.
pub(super) fn reset(
    book: &mut Book,
    scope: Option<&AccountName>,
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
) {
    for (name, account) in &mut book.accounts {
        if scope.is_some_and(|scope| scope != name) {
            continue;
        }
        let before = account.control.baseline;
        let equity = account.balance.as_ref().map(|balance| balance.equity);
        let next = equity.and_then(|equity| next_baseline(None, equity, now));
        if before.is_none() || next == before {
            continue;
        }
        account.control.baseline = next;
        out.facts.push(baseline_fact(name, before, next, request.source.clone(), now));
        out.controls.insert(Some(name.clone()));
    }
}

fn baseline_fact(
    name: &AccountName,
    before: Option<Baseline>,
    next: Option<Baseline>,
    source: Source,
    now: Timestamp,
) -> Fact {
    let mut fact = Fact::new(now, FactKind::BaselineSet, source);
    fact.account = Some(name.clone());
    fact.before = before.map(|b| b.day_equity);
    fact.after = next.map(|b| b.day_equity);
    fact.text = match next {
        Some(b) => format!(
            "losses are measured from {} for the day and from {} in all",
            b.day_equity.normalize(),
            b.peak_equity.normalize()
        ),
        None => "losses are measured from the next equity that is read".to_owned(),
    };
    fact
}
