//! The acts: arming, disarming, throwing the kill switch and clearing it; by people, by the host's
//! own limits, and by the file that works where nothing else does.
//!
//! Apart from what the levels mean because each act is audited: who, why, from what to what. An
//! automatic source only ever makes things safer.

use super::unclosed::{flattened, held};
use super::{Control, Kill, KillFile, KillLevel, equity, touch};
use crate::apply::Transition;
use crate::book::{Account, Book};
use crate::check::No;
use crate::fact::{Fact, FactKind};
use crate::ids::AccountName;
use crate::intent::{Intent, Outcome, Request, Source, Verdict};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Decides a request to arm, disarm or set a kill switch, and writes what follows into the book.
pub(crate) fn decide(
    book: &mut Book,
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
) -> Verdict {
    let done = may_ask(request).and_then(|()| match &request.intent {
        Intent::Arm { account, armed } => arm(book, account, *armed, request, now, out),
        Intent::Kill { account, level, reset_baseline } => {
            let wish = Wish { scope: account.as_ref(), level: *level, reset: *reset_baseline };
            kill(book, &wish, request, now, out)
        }
        Intent::LockSymbol { account, symbol, until } => {
            super::locked::lock(book, (account, symbol, *until), request, now, out)
        }
        Intent::Open(_)
        | Intent::Adopt(_)
        | Intent::Resolve { .. }
        | Intent::Protect { .. }
        | Intent::Ratchet { .. }
        | Intent::Close { .. }
        | Intent::Resize { .. }
        | Intent::CancelEntry { .. }
        | Intent::Trail { .. }
        | Intent::Barriers { .. }
        | Intent::ClearTimeLimit { .. }
        | Intent::Review { .. }
        | Intent::Ladder { .. }
        | Intent::Lock { .. } => Err((Refusal::Busy, "this is about a transaction".to_owned())),
    });
    let (outcome, message) = done.unwrap_or_else(|(refusal, why)| {
        let mut fact = Fact::new(now, FactKind::Refused, request.source.clone());
        fact.account = request.intent.account().cloned();
        fact.code = refusal.code().into();
        fact.text = format!("{}: {why}", request.intent.verb());
        out.facts.push(fact);
        (Outcome::Refused(refusal), why)
    });
    Verdict { outcome, message, transaction: None, version: 0 }
}

/// Only people, and the host and policies where they make things safer; and never without a reason.
/// A policy halts an account or locks an instrument; what that ends nothing of is not its to ask.
fn may_ask(request: &Request) -> Result<(), No> {
    let may_be_asked = match (&request.source, &request.intent) {
        (Source::Manual(_), _) => true,
        (_, Intent::Kill { reset_baseline: true, .. }) => false,
        (Source::Host, Intent::Arm { armed, .. }) => !armed,
        (Source::Host, Intent::Kill { level, .. }) => *level > KillLevel::Off,
        (Source::Policy { .. }, Intent::Kill { account, level, .. }) => {
            let is_halt = matches!(level, KillLevel::ProtectOnly | KillLevel::CancelEntries);
            account.is_some() && is_halt
        }
        (Source::Policy { .. }, Intent::LockSymbol { until, .. }) => until.is_some(),
        _ => false,
    };
    if !may_be_asked {
        let verb = request.intent.verb();
        return Err((Refusal::VerbNotAllowed, format!("only a person may ask for {verb}")));
    }
    if request.why.trim().is_empty() {
        return Err((Refusal::NoReason, "say why; it is kept in the ledger".to_owned()));
    }
    Ok(())
}

pub(super) fn known<'a>(book: &'a mut Book, name: &AccountName) -> Result<&'a mut Account, No> {
    let all: Vec<&str> = book.accounts.keys().map(|name| name.as_str()).collect();
    let why = format!("there is no account {name}; there are: {}", all.join(", "));
    book.accounts.get_mut(name).ok_or((Refusal::UnknownAccount, why))
}

fn arm(
    book: &mut Book,
    name: &AccountName,
    armed: bool,
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
) -> Result<(Outcome, String), No> {
    let account = known(book, name)?;
    if armed && let Some(told) = &account.other_account {
        let why = format!(
            "the login of account {name} opens the broker's account {told}, and its transactions are \
             at {}; mend the login, or give {told} an account of its own in the configuration",
            account.control.broker_account.as_deref().unwrap_or("another one")
        );
        return Err((Refusal::NotReady, why));
    }
    if armed && !account.is_reconciled {
        let why = format!(
            "account {name} was not compared with the broker since the start; nobody can see what \
             would be armed (`bracketd status` says what it waits for)"
        );
        return Err((Refusal::NotReady, why));
    }
    let told = account.balance.as_ref().and_then(|balance| balance.account.clone());
    let next = Control {
        armed: Some(armed),
        broker_account: told.filter(|_| armed).or(account.control.broker_account.clone()),
        ..account.control.clone()
    };
    let state = if armed { "armed" } else { "disarmed" };
    if account.control == next {
        return Ok((Outcome::Unchanged, format!("account {name} is {state} already")));
    }
    account.control = next;
    account.note_able(now);
    let broker_account = account.control.broker_account.clone();
    let kind = if armed { FactKind::Armed } else { FactKind::Disarmed };
    let mut fact = Fact::new(now, kind, request.source.clone());
    fact.account = Some(name.clone());
    fact.text = match broker_account {
        Some(theirs) => format!("{} (broker account {theirs})", request.why),
        None => request.why.clone(),
    };
    fact.inputs.clone_from(&request.inputs);
    out.facts.push(fact);
    out.controls.insert(Some(name.clone()));
    touch(book, Some(name), out);
    let holding = book.transactions.values();
    let holding = holding.filter(|tx| tx.account == *name && !tx.held().is_zero()).count();
    let message = if armed {
        let is_flat = book.kill_level(name) == KillLevel::Flatten;
        let closed = held(book, name).filter(|_| is_flat).map(|held| {
            format!("; the kill switch is at flatten, so what it holds is closed now: {held}")
        });
        format!("account {name} is armed: commands go out{}", closed.unwrap_or_default())
    } else {
        format!(
            "account {name} is disarmed: no command goes out; {holding} transactions that hold \
             something are not managed, their orders stay at the broker"
        )
    };
    Ok((Outcome::Stored, message))
}

struct Wish<'a> {
    /// The account; none is the whole daemon.
    scope: Option<&'a AccountName>,
    level: KillLevel,
    reset: bool,
}

fn kill(
    book: &mut Book,
    wish: &Wish<'_>,
    request: &Request,
    now: Timestamp,
    out: &mut Transition,
) -> Result<(Outcome, String), No> {
    let level = wish.level;
    let before = match wish.scope {
        None => book.kill.level,
        Some(name) => known(book, name)?.control.kill.level,
    };
    let of = scope_text(wish.scope);
    if level < before {
        if !request.source.is_person() {
            let why = format!("{of} is at {}; only a person lowers it", before.as_str());
            return Err((Refusal::VerbNotAllowed, why));
        }
        if let (None, Some(file)) = (wish.scope, &book.kill_file)
            && level < file.level
        {
            let why = format!(
                "the file KILL in the data directory asks for {}; remove it first, then clear",
                file.level.as_str()
            );
            return Err((Refusal::Killed, why));
        }
    }
    if wish.reset {
        equity::reset(book, wish.scope, request, now, out);
    }
    let flattened = match level {
        KillLevel::Flatten => flattened(book, wish.scope),
        KillLevel::Off | KillLevel::Freeze | KillLevel::ProtectOnly | KillLevel::CancelEntries => {
            String::new()
        }
    };
    if level == before {
        let outcome = if wish.reset { Outcome::Stored } else { Outcome::Unchanged };
        let reset = if wish.reset { "; losses count from now on" } else { "" };
        return Ok((outcome, format!("{of} is at {} already{reset}{flattened}", level.as_str())));
    }
    set(book, wish.scope, level, &request.why, request.source.clone(), now, out);
    let still = still(book, wish, level);
    // To clear is to lower; any other lower level may have been meant as a higher one.
    let lowered = match KillLevel::Off < level && level < before {
        true => format!(", lowered from {}", before.as_str()),
        false => String::new(),
    };
    Ok((Outcome::Stored, format!("{of} is at {} now{lowered}{still}{flattened}", level.as_str())))
}

/// What a person who lowers a level has to know: that another one holds, or that it will rise.
fn still(book: &Book, wish: &Wish<'_>, level: KillLevel) -> String {
    let mut words = String::new();
    if wish.scope.is_some() && book.kill.level > level {
        words = format!("; the daemon's own stands at {}", book.kill.level.as_str());
    }
    for (name, account) in &book.accounts {
        let concerned = wish.scope.is_none_or(|scope| scope == name);
        if wish.scope.is_none() && account.control.kill.level > level {
            let of = account.control.kill.level.as_str();
            words.push_str(&format!("; that of account {name} stands at {of}"));
        }
        if let Some(why) = equity::exceeded(account)
            && concerned
            && wish.scope.is_some()
            && level < KillLevel::ProtectOnly
        {
            words.push_str(&format!(
                "; {why}, so the next read raises it again (--reset-baseline counts from now on)"
            ));
        }
    }
    words
}

fn scope_text(scope: Option<&AccountName>) -> String {
    match scope {
        None => "the daemon's kill switch".to_owned(),
        Some(name) => format!("the kill switch of account {name}"),
    }
}

/// Raises a level for the host itself; never lowers one.
pub(super) fn raise(
    book: &mut Book,
    scope: Option<&AccountName>,
    level: KillLevel,
    why: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    let before = match scope {
        None => Some(book.kill.level),
        Some(name) => book.accounts.get(name).map(|account| account.control.kill.level),
    };
    if before.is_some_and(|before| before < level) {
        set(book, scope, level, why, Source::Host, now, out);
    }
}

fn set(
    book: &mut Book,
    scope: Option<&AccountName>,
    level: KillLevel,
    why: &str,
    by: Source,
    now: Timestamp,
    out: &mut Transition,
) {
    let kill = match scope {
        None => &mut book.kill,
        Some(name) => match book.accounts.get_mut(name) {
            Some(account) => &mut account.control.kill,
            None => return,
        },
    };
    let before = kill.level;
    *kill = Kill { level, why: why.to_owned(), by: by.clone(), since: now };
    let mut fact = Fact::new(now, FactKind::KillChanged, by);
    fact.account = scope.cloned();
    fact.code = level.as_str().into();
    fact.text = format!("{} -> {}: {why}", before.as_str(), level.as_str());
    out.facts.push(fact);
    out.controls.insert(scope.cloned());
    touch(book, scope, out);
    for id in out.touched.clone() {
        // What a new level asks for is tried at once.
        let paused = book.transactions.get(&id).is_some_and(|tx| tx.close_retry_at.is_some());
        if paused {
            book.change(id, out, |tx, _| tx.close_retry_at = None);
        }
    }
}

/// The file in the data directory says this now; none is there when it says nothing. It raises the
/// daemon's level and never lowers it.
pub fn file_seen(book: &mut Book, file: Option<KillFile>, now: Timestamp, out: &mut Transition) {
    if let Some(file) = &file {
        let why = match file.why.as_str() {
            "" => "the file KILL".to_owned(),
            why => format!("the file KILL: {why}"),
        };
        raise(book, None, file.level, &why, now, out);
    }
    book.kill_file = file;
}

/// The plugin told which of the broker's accounts its login opens. Another one than before is
/// disarmed; while transactions live at the one before, nothing is believed of the other.
pub fn account_told(
    book: &mut Book,
    name: &AccountName,
    told: &str,
    now: Timestamp,
    out: &mut Transition,
) {
    let own = book.transactions.values().filter(|tx| tx.account == *name);
    let live = own.filter(|tx| !tx.status.is_ended() || !tx.ops.is_empty()).count();
    let Some(account) = book.accounts.get_mut(name) else { return };
    let Some(known) = account.control.broker_account.clone() else {
        account.control.broker_account = Some(told.to_owned());
        out.controls.insert(Some(name.clone()));
        return;
    };
    let other = (known != told && live > 0).then(|| told.to_owned());
    let is_news = other.is_some() && account.other_account != other;
    if other.is_some() {
        account.is_reconciled = false;
        account.note_able(now);
    }
    account.other_account = other;
    if known == told || !account.is_armed() && !is_news {
        return;
    }
    account.control.armed = Some(false);
    account.note_able(now);
    let mut fact = Fact::new(now, FactKind::Disarmed, Source::Host);
    fact.account = Some(name.clone());
    fact.code = "OTHER_BROKER_ACCOUNT".into();
    fact.text = match live {
        0 => format!(
            "the login opens the broker's account {told}, and {known} was armed; look, then arm"
        ),
        live => other_account(told, &known, live),
    };
    out.facts.push(fact);
    out.controls.insert(Some(name.clone()));
    touch(book, Some(name), out);
}

fn other_account(told: &str, known: &str, live: usize) -> String {
    format!(
        "the login opens the broker's account {told}, and {live} live transactions are at {known}: \
         nothing that it says of orders is believed, and nothing is sent; mend the login, or give \
         {told} an account of its own in the configuration"
    )
}
