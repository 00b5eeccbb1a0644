//! Names and numbers by which things are known, one type each.
//!
//! Apart so that a broker's order id can never be handed where ours is meant. These types must
//! never be built from anything but text: no id is drawn here.

use std::fmt;
use std::sync::Arc;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: &str) -> Self {
                Self(Arc::from(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", &self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }
    };
}

text_id! {
    /// One login at one broker, as the configuration names it.
    AccountName
}
text_id! {
    /// The book a transaction belongs to; by default its account's name.
    OwnerName
}
text_id! {
    /// An instrument's name at a broker.
    Symbol
}

impl Symbol {
    /// Whether it is that name, in any case: what a list restricts stays restricted however it was
    /// written there.
    pub fn is_spelled(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
text_id! {
    /// A policy file's name without its extension.
    PolicyName
}
text_id! {
    /// Our id of an order: the idempotency key that the broker stores.
    ClientOrderId
}
text_id! {
    /// The broker's id of an order.
    BrokerOrderId
}
text_id! {
    /// The id of one outbox row, derived from what the row is for (I3).
    OpId
}

/// One round trip's number in the ledger. Numbers start at 1 and are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A slice's number within its transaction, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceNo(pub u8);

impl fmt::Display for SliceNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
