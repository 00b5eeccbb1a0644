//! Ids of outbox rows and of the orders they make (I3).
//!
//! Apart because everything that makes a second sending harmless hangs on these two functions: the
//! same row must give the same ids on every machine and in every version.

use crate::book::Book;
use crate::bug::{self, Bug};
use crate::command::OpLegs;
use crate::ids::{ClientOrderId, OpId, SliceNo, TransactionId};
use crate::instrument::AccountInfo;
use crate::transaction::{StepCount, Transaction};

/// Prefix of client order ids, so that people know them at the broker.
const PREFIX: &str = "bd-";
/// RFC 4648 base32 in lower case, without padding.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Characters of an op id: 130 bits, beyond any chance of two alike.
const ID_CHARS: usize = 26;

/// What makes the ids of one ledger differ from those of another.
#[derive(Clone)]
pub(crate) struct Salt {
    pub(crate) ledger: String,
    pub(crate) epoch: u32,
}

impl Salt {
    pub(crate) fn of(book: &Book) -> Self {
        Self { ledger: book.ledger_id.clone(), epoch: book.epoch }
    }
}

/// What an account takes as a client order id.
pub(crate) struct Limits {
    chars_max: usize,
    takes_prefix: bool,
}

impl Limits {
    pub(crate) fn of(info: Option<&AccountInfo>) -> Self {
        let Some(info) = info else { return Self { chars_max: 32, takes_prefix: true } };
        let allowed = &info.client_id_chars;
        Self {
            chars_max: usize::from(info.client_id_max),
            takes_prefix: allowed.is_empty() || allowed.contains('-'),
        }
    }
}

pub(crate) fn op_id(
    salt: &Salt,
    transaction: TransactionId,
    slice: SliceNo,
    legs: OpLegs,
    step: u32,
) -> OpId {
    let step = if bug::is(Bug::M16) { 1 } else { step };
    let named =
        format!("{}/{}/{transaction}/{slice}/{}/{step}", salt.ledger, salt.epoch, legs.as_str());
    OpId::from(base32(blake3::hash(named.as_bytes()).as_bytes(), ID_CHARS))
}

pub(crate) fn client_id(op: &OpId, limits: &Limits) -> ClientOrderId {
    let prefix = if limits.takes_prefix { PREFIX } else { "" };
    let whole = format!("{prefix}{}", op.as_str());
    ClientOrderId::from(whole.chars().take(limits.chars_max).collect::<String>())
}

/// The slice and legs that a client order id of a transaction was made for. It is derived again
/// from the step counts, so it is known for a row of any age and after any restart.
pub(crate) fn tie(
    salt: &Salt,
    limits: &Limits,
    tx: &Transaction,
    client: &ClientOrderId,
) -> Option<(SliceNo, OpLegs)> {
    let made_by = |count: &&StepCount| {
        (1..=count.steps).rev().any(|step| {
            let op = op_id(salt, tx.id, count.slice, count.legs, step);
            client_id(&op, limits) == *client
        })
    };
    tx.steps.iter().find(made_by).map(|count| (count.slice, count.legs))
}

fn base32(bytes: &[u8], chars: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    (0..chars)
        .map(|char| {
            let index = (0..5).fold(0, |value, i| value * 2 + usize::from(bit(char * 5 + i)));
            char::from(ALPHABET[index])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i3_an_id_depends_on_every_part_and_on_nothing_else() {
        let salt = |ledger: &str, epoch| Salt { ledger: ledger.to_owned(), epoch };
        let id = |s: &Salt, tx, slice, legs, step| {
            op_id(s, TransactionId(tx), SliceNo(slice), legs, step).to_string()
        };
        let one = id(&salt("L", 0), 1, 0, OpLegs::Stop, 1);
        assert_eq!(one, id(&salt("L", 0), 1, 0, OpLegs::Stop, 1));
        let others = [
            id(&salt("M", 0), 1, 0, OpLegs::Stop, 1),
            id(&salt("L", 1), 1, 0, OpLegs::Stop, 1),
            id(&salt("L", 0), 2, 0, OpLegs::Stop, 1),
            id(&salt("L", 0), 1, 1, OpLegs::Stop, 1),
            id(&salt("L", 0), 1, 0, OpLegs::Pair, 1),
            id(&salt("L", 0), 1, 0, OpLegs::Stop, 2),
        ];
        assert!(others.iter().all(|other| *other != one), "{one} in {others:?}");
        assert_eq!(one.len(), ID_CHARS);
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        assert_eq!(base32(b"foobar", 10), "mzxw6ytboi");
    }

    #[test]
    fn a_client_id_is_cut_to_what_the_account_takes() {
        let op = OpId::new("abcdefghijklmnopqrstuvwxyz");
        let id = |chars_max, takes_prefix| {
            client_id(&op, &Limits { chars_max, takes_prefix }).to_string()
        };
        assert_eq!(id(48, true), "bd-abcdefghijklmnopqrstuvwxyz");
        assert_eq!(id(10, true), "bd-abcdefg");
        assert_eq!(id(10, false), "abcdefghij");
    }
}
