//! What can be wrong with a tape, said so that a person can repair the file.
//!
//! Separate because the texts are for people: file, line, column, what is there, what should be.

use std::path::PathBuf;

/// Why a tape cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The file cannot be opened.
    #[error("{path}: {source}", path = path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// The first line is none of the known headers.
    #[error(
        "{path}:1: header \"{found}\" is unknown; expected \"timestamp,bid,ask\", \
         \"timestamp,open,high,low,close,volume\" or \
         \"symbol,date,open,high,low,close,volume\"",
        path = path.display()
    )]
    Header {
        /// Which.
        path: PathBuf,
        /// The line.
        found: String,
    },
    /// A line that is not a row of this header.
    #[error("{path}:{line}: {source}", path = path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        source: csv::Error,
    },
    /// A field that is not what its column promises.
    #[error(
        "{path}:{line}: column \"{column}\": \"{text}\" is not {expected}",
        path = path.display()
    )]
    Field {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// Which column.
        column: &'static str,
        /// What is there.
        text: String,
        /// What should be.
        expected: String,
    },
    /// A symbol comes from two files.
    #[error("{path}: symbol \"{symbol}\" is on the tape already", path = path.display())]
    SymbolTwice {
        /// The later file.
        path: PathBuf,
        /// The symbol.
        symbol: String,
    },
    /// There is not one row.
    #[error("the tape has no rows")]
    Empty,
}
