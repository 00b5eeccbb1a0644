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

/// The beginning of the op id that a client order id was made of; none where it is not of our form.
pub(crate) fn op_of(client: &ClientOrderId, limits: &Limits) -> Option<OpId> {
    let prefix = if limits.takes_prefix { PREFIX } else { "" };
    let name = client.as_str().strip_prefix(prefix)?;
    let chars = ID_CHARS.min(limits.chars_max.saturating_sub(prefix.len()));
    let is_ours = name.len() == chars && name.bytes().all(|byte| ALPHABET.contains(&byte));
    is_ours.then(|| OpId::new(name))
}

/// The ids of all rows that a transaction ever planned in this ledger's present life, with the
/// slice and legs of each: what its orders are known by, after any restart.
pub(crate) fn rows(salt: &Salt, tx: &Transaction) -> Vec<(OpId, SliceNo, OpLegs)> {
    let of = |count: &StepCount| {
        let (slice, legs) = (count.slice, count.legs);
        (1..=count.steps).map(move |step| (op_id(salt, tx.id, slice, legs, step), slice, legs))
    };
    tx.steps.iter().flat_map(|count| of(count).collect::<Vec<_>>()).collect()
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
    fn a_client_id_leads_back_to_its_row_and_a_stranger_s_to_none() {
        let op = OpId::new("abcdefghijklmnopqrstuvwxyz");
        for (chars_max, takes_prefix, want) in [
            (48, true, "abcdefghijklmnopqrstuvwxyz"),
            (10, true, "abcdefg"),
            (10, false, "abcdefghij"),
        ] {
            let limits = Limits { chars_max, takes_prefix };
            let back = op_of(&client_id(&op, &limits), &limits);
            assert_eq!(back, Some(OpId::new(want)));
            for stranger in ["", "bd-", "9f1c2d3e-aaaa-bbbb-cccc-000000000001", "bd-ABCDEFG"] {
                assert_eq!(op_of(&stranger.into(), &limits), None, "{stranger}");
            }
        }
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
