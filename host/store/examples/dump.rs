//! Prints a database file as SQL that makes it again: how a fixture of a released schema is made.
//!
//!     cargo run -p bracketd-store --example dump -- bracketd-demo/ledger.db > ledger-v1.sql
//!
//! Apart from the operator's export because this keeps the schema and every cell as SQLite holds
//! it. It only reads.

#![allow(clippy::expect_used, reason = "a tool that cannot go on says where it stopped")]

use rusqlite::{Connection, OpenFlags};

fn texts(sql: &Connection, query: &str) -> Vec<String> {
    let mut statement = sql.prepare(query).expect("a statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

fn main() {
    let path = std::env::args().nth(1).expect("usage: dump FILE");
    let sql = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a file");
    let version: i64 =
        sql.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
    let made = "FROM sqlite_schema WHERE sql IS NOT NULL AND type";
    for table in texts(&sql, &format!("SELECT name {made} = 'table' ORDER BY rowid")) {
        let create = format!("SELECT sql {made} = 'table' AND name = '{table}'");
        println!("{};", texts(&sql, &create).concat());
        let columns = texts(&sql, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let quoted: Vec<String> = columns.iter().map(|name| format!("quote({name})")).collect();
        let row = format!("SELECT {} FROM {table}", quoted.join(" || ', ' || "));
        for values in texts(&sql, &row) {
            println!("INSERT INTO {table} ({}) VALUES ({values});", columns.join(", "));
        }
        println!();
    }
    // Triggers last: some forbid what a later row may need.
    for create in texts(&sql, &format!("SELECT sql {made} IN ('index', 'trigger') ORDER BY rowid"))
    {
        println!("{create};");
    }
    println!("\nPRAGMA user_version = {version};");
}
